"""The schema's revisions: alembic, run from inside the package.

A new revision is written by ``python -m db.schema.migrate "what it does"`` (it compares the models with a fresh database), then
read, corrected by hand and entered in :data:`db.schema.types.REVISIONS`. A released revision never changes.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script
from sqlalchemy import Connection, Engine

from clnp_core.errors import StateError
from db.schema.types import REVISIONS, VERSION_TABLE

VERSIONS = Path(__file__).parent / "migrations" / "versions"


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


def write_revision(engine: Engine, message: str, folder: Path = VERSIONS) -> Path:
    """Write a revision file from the difference between the models and this up-to-date database.

    Args:
        engine: of SQLite: its type names are those that PostgreSQL understands as well.
        message: what the revision does.
        folder: where to write it.

    Returns:
        The new file, a draft.
    """
    with engine.begin() as connection:
        config = configuration(connection)
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", "\n".join({str(VERSIONS): "", str(folder): ""}).replace("%", "%%"))
        script = command.revision(config, message=message, autogenerate=True, version_path=str(folder),
                                  rev_id=f"{int(REVISIONS[-1]) + 1:04}")
    if not isinstance(script, Script):
        raise StateError("no revision was written", "see what alembic printed")
    return Path(script.path)


if __name__ == "__main__":
    from db.engine import open_database
    from db.url import file_url

    with tempfile.TemporaryDirectory() as scratch:
        fresh = open_database(file_url(f"{scratch}/fresh.db"), create=True)
        print(write_revision(fresh, " ".join(sys.argv[1:]) or "change"))
        fresh.dispose()
