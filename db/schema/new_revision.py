"""Draft a new revision of the schema from the difference between the models and a new database.

``python -m db.schema.new_revision "what it does"`` writes the draft; read it, correct it by hand and add it to
:data:`db.schema.types.REVISIONS`.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import Script
from sqlalchemy import Engine

from clnp_core.errors import StateError
from db.engine import open_database
from db.schema.migrate import VERSIONS, configuration
from db.schema.types import REVISIONS
from db.url import file_url


def write_revision(engine: Engine, message: str, folder: Path = VERSIONS) -> Path:
    """Write a revision file from the difference between the models and this up-to-date database.

    Args:
        engine: of a SQLite database, whose type names PostgreSQL understands as well.
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
        raise StateError("no revision was written", "read the output of alembic")
    return Path(script.path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        fresh = open_database(file_url(f"{scratch}/fresh.db"), create=True)
        print(write_revision(fresh, " ".join(sys.argv[1:]) or "change"))
        fresh.dispose()
