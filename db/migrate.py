"""The schema's revisions: alembic, run from inside the package.

A new revision is written by ``python -m db.migrate "what it does"`` (it compares the models with a fresh database), then
read, corrected by hand and entered in :data:`db.columns.REVISIONS`. A released revision never changes.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from db.columns import VERSION_TABLE


def configuration(connection: Connection) -> Config:
    """Alembic's settings for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config


def upgrade_to(connection: Connection, revision: str = "head") -> None:
    """Run the revisions up to ``revision`` inside the connection's transaction."""
    command.upgrade(configuration(connection), revision)


def downgrade_to(connection: Connection, revision: str) -> None:
    """Run the revisions backwards to ``revision`` ("base": none at all) inside the connection's transaction."""
    command.downgrade(configuration(connection), revision)


def write_revision(engine: Engine, message: str) -> None:
    """Write a new revision file from the difference between the models and this up-to-date database."""
    with engine.begin() as connection:
        command.revision(configuration(connection), message=message, autogenerate=True)


if __name__ == "__main__":
    from db.session import open_database

    with tempfile.TemporaryDirectory() as folder:
        fresh = open_database(f"sqlite:///{folder}/fresh.db", create=True)
        write_revision(fresh, " ".join(sys.argv[1:]) or "change")
        fresh.dispose()
