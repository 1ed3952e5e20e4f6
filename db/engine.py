"""Open a database, SQLite or PostgreSQL, and check the revision of its schema."""

import contextlib
import os
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, inspect, text

from clnp_core.errors import DatabaseError
from db.dialect import changing_schema, database_file, new_engine, use_wal
from db.errors import translated
from db.schema.types import REVISIONS, VERSION_TABLE
from db.url import resolve_url, shown

MIGRATION_LOCK = 0x636C6E70
"""PostgreSQL's advisory lock under which one process at a time creates or upgrades the schema ("clnp" in ASCII)."""


def open_database(url: str | URL | None = None, create: bool = False, *,
                  busy_timeout_seconds: float = 30.0) -> Engine:
    """Open a database that has the current schema.

    Args:
        url: its address; None means ``CLNP_DB_URL`` or SQLite in the working folder.
        create: create the schema in an empty or missing database (as ``launch`` does); without it nothing is written, neither a
            folder nor a file.
        busy_timeout_seconds: how long to wait for a lock that another program holds.

    Returns:
        An engine; call ``dispose()`` on it. Threads may share it, forked processes may not.

    Raises:
        DatabaseError: it cannot be reached, is locked, is not a SQLite file, has an older or newer schema, or has tables with
            names of this project that clnp did not create.
    """
    address = resolve_url(url)
    _prepare_file(address, create)
    engine = new_engine(address, busy_timeout_seconds)
    try:
        with translated(address):
            _ready(engine, create)
    except BaseException:
        engine.dispose()
        raise
    return engine


def upgrade(url: str | URL | None = None) -> tuple[str | None, str]:
    """Upgrade a database to the newest schema (``clnp db upgrade``); an empty or missing one is created.

    Returns:
        The revision before (None if it was empty) and after.

    Raises:
        DatabaseError: as :func:`open_database`, except for an older schema.
    """
    address = resolve_url(url)
    _prepare_file(address, create=True)
    engine = new_engine(address)
    try:
        with translated(address):
            use_wal(engine)
            return _migrate(engine), REVISIONS[-1]
    finally:
        engine.dispose()


def _prepare_file(address: URL, create: bool) -> None:
    """Check the file of a SQLite database, and create its folder if the database is to be created."""
    path = database_file(address)
    if path is None:
        return
    if path.is_dir():
        raise DatabaseError(f"{shown(address)} is a folder", f"name a file in it: {shown(address)}/clnp.db")
    if create:
        try:
            _make_durable(path.parent)
        except OSError as error:
            raise DatabaseError(f"the folder of {shown(address)} cannot be created: {error.strerror}",
                                "choose another location in CLNP_DB_URL") from error
    elif not path.exists():
        raise DatabaseError(f"there is no database at {shown(address)} yet",
                            "launch a run first, or say in CLNP_DB_URL where the database is")


def _make_durable(folder: Path) -> None:
    """Create the folder so that it and its parents survive a power loss: SQLite syncs the names in it, but not its own name.
    Existing folders are synced, too, because a process may have died after creating them."""
    folder.mkdir(parents=True, exist_ok=True)
    for above in folder.absolute().parents:
        with contextlib.suppress(PermissionError):
            handle = os.open(above, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _ready(engine: Engine, create: bool) -> None:
    with engine.connect() as connection:
        revision = current_revision(connection)
    if revision is None and create:
        use_wal(engine)
        _migrate(engine)
    elif revision is None:
        raise DatabaseError(f"{shown(engine.url)} holds no runs yet", "launch a run first, or correct CLNP_DB_URL")
    elif revision != REVISIONS[-1]:
        raise DatabaseError(
            f"{shown(engine.url)} has the older schema {revision}; this version of clnp works with {REVISIONS[-1]}",
            "make a copy of the database, then run `clnp db upgrade`")


def current_revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None if clnp has no tables.

    Raises:
        DatabaseError: tables named clnp_… without a revision, or a revision that this code does not know.
    """
    url = shown(connection.engine.url)
    ours = sorted(name for name in inspect(connection).get_table_names() if name.startswith("clnp_"))
    revision = (connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
                if VERSION_TABLE in ours else None)
    foreign = [name for name in ours if name != VERSION_TABLE]
    if revision is None and foreign:
        raise DatabaseError(f"{url} has tables with clnp's names that clnp did not create: {', '.join(foreign[:3])}",
                            "use another database, or rename those tables")
    if revision is not None and revision not in REVISIONS:
        raise DatabaseError(f"{url} has the schema {revision} of a newer clnp; this version supports up to {REVISIONS[-1]}",
                            "install the newer version; a schema cannot be downgraded")
    return None if revision is None else str(revision)


def _migrate(engine: Engine) -> str | None:
    """Run the missing revisions in one transaction, one process at a time; return the revision before."""
    from db.schema.migrate import upgrade_to  # alembic is slow to import, and rarely needed

    with changing_schema(engine, MIGRATION_LOCK) as connection:
        before = current_revision(connection)
        if before != REVISIONS[-1]:
            upgrade_to(connection)
        return before
