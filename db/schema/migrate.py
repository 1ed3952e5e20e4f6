"""Run the revisions of the schema with alembic, from inside the package.

A new revision is drafted by :mod:`db.schema.new_revision`. A released revision never changes.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from db.schema.types import VERSION_TABLE

VERSIONS = Path(__file__).parent / "migrations" / "versions"


def configuration(connection: Connection) -> Config:
    """Return alembic's settings for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config


def upgrade_to(connection: Connection, revision: str = "head") -> None:
    """Run the revisions up to ``revision`` inside the connection's transaction."""
    command.upgrade(configuration(connection), revision)
