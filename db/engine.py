"""Opening a database: SQLite or PostgreSQL by the same code, at the right revision of the schema or not at all."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.pool import NullPool

from clnp_core.errors import DatabaseError
from db.errors import translated
from db.read_only import ReadOnlyFile, is_read_only
from db.schema.types import REVISIONS, VERSION_TABLE
from db.url import is_sqlite, resolve_url, shown

WRITING = "clnp_writing"
"""Execution option of an engine whose transactions take SQLite's write lock at their start (BEGIN IMMEDIATE): one that
begins by reading and writes later fails at once, instead of waiting, when another writer came first."""

MIGRATION_LOCK = 0x636C6E70
"""PostgreSQL's advisory lock under which one process at a time creates or upgrades the schema ("clnp" in ASCII)."""


def open_database(url: str | URL | None = None, create: bool = False, *,
                  busy_timeout_seconds: float = 30.0) -> Engine:
    """Open a database whose schema is the one this code knows.

    Args:
        url: its address; None means ``CLNP_DB_URL`` or SQLite in the working folder.
        create: bring an empty or missing database to the newest schema (``launch`` does); without it nothing is ever
            written, no folder and no file.
        busy_timeout_seconds: how long to wait for a lock that another program holds.

    Returns:
        An engine; ``dispose()`` it. It may be shared between threads, and not with a forked process.

    Raises:
        DatabaseError: unreachable, locked, no SQLite file, of an older or newer schema, or with tables named like ours
            that clnp did not make.
    """
    address = resolve_url(url)
    if is_sqlite(address):
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
    """Bring a database to the newest schema (``clnp db upgrade``); an empty or missing one is created.

    Returns:
        The revision before (None: it was empty) and after.

    Raises:
        DatabaseError: as :func:`open_database`, except that an older schema is what this fixes.
    """
    address = resolve_url(url)
    if is_sqlite(address):
        _prepare_file(address, create=True)
    engine = new_engine(address)
    try:
        with translated(address):
            _use_wal(engine)
            return _migrate(engine), REVISIONS[-1]
    finally:
        engine.dispose()


def new_engine(address: URL, busy_timeout_seconds: float = 30.0) -> Engine:
    """An engine with this project's settings, not connected yet and not checked."""
    if is_sqlite(address):
        path = Path(str(address.database))
        if is_read_only(path):
            file = ReadOnlyFile(path, busy_timeout_seconds)
            engine = create_engine(address, creator=file.connect, poolclass=NullPool)
        else:
            engine = create_engine(address, connect_args={"timeout": busy_timeout_seconds})
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    settings: dict[str, Any] = {"connect_timeout": 10, "application_name": "clnp"}
    settings["options"] = f"-c lock_timeout={int(busy_timeout_seconds * 1000)}"
    return create_engine(address, pool_pre_ping=True,
                         connect_args={key: value for key, value in settings.items() if key not in address.query})


def of_one_moment(engine: Engine) -> Engine:
    """The same database, every transaction of which reads what was there when it began. SQLite reads so anyway."""
    return engine if is_sqlite(engine.url) else engine.execution_options(isolation_level="REPEATABLE READ")


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says so
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # what was committed survives power loss


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _prepare_file(address: URL, create: bool) -> None:
    path = Path(str(address.database))
    if path.is_dir():
        raise DatabaseError(f"{shown(address)} is a folder", f"name a file in it: {shown(address)}/clnp.db")
    if create:
        try:
            _make_durable(path.parent)
        except OSError as error:
            raise DatabaseError(f"the folder of {shown(address)} cannot be made: {error.strerror}",
                                "name another place in CLNP_DB_URL") from error
    elif not path.exists():
        raise DatabaseError(f"there is no database at {shown(address)} yet",
                            "launch a run first, or say in CLNP_DB_URL where the database is")


def _make_durable(folder: Path) -> None:
    """The folder and those above it, as entries that survive a power loss: SQLite syncs the names in it, not its own. One that
    is there may be of a process that died before it came so far."""
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
        _use_wal(engine)
        _migrate(engine)
    elif revision is None:
        raise DatabaseError(f"{shown(engine.url)} holds no runs yet", "launch a run first, or correct CLNP_DB_URL")
    elif revision != REVISIONS[-1]:
        raise DatabaseError(
            f"{shown(engine.url)} has the older schema {revision}; this version of clnp works with {REVISIONS[-1]}",
            "make a copy of the database, then run `clnp db upgrade`")


def current_revision(connection: Connection) -> str | None:
    """The revision of the schema; None where clnp has no tables.

    Raises:
        DatabaseError: tables named clnp_… without a revision, or a revision that this code does not know.
    """
    url = shown(connection.engine.url)
    ours = sorted(name for name in inspect(connection).get_table_names() if name.startswith("clnp_"))
    revision = (connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
                if VERSION_TABLE in ours else None)
    foreign = [name for name in ours if name != VERSION_TABLE]
    if revision is None and foreign:
        raise DatabaseError(f"{url} has tables named like ours that clnp did not make: {', '.join(foreign[:3])}",
                            "use another database, or rename those tables")
    if revision is not None and revision not in REVISIONS:
        raise DatabaseError(f"{url} has the schema {revision} of a newer clnp; this one knows up to {REVISIONS[-1]}",
                            "install the newer version; a schema is never taken back")
    return None if revision is None else str(revision)


def _use_wal(engine: Engine) -> None:
    """Write-ahead logging, kept in the file: readers then never stand in a writer's way. Switching needs the file
    alone for a moment and does not wait for it by itself."""
    if not is_sqlite(engine.url):
        return
    deadline = time.monotonic() + 10
    while True:
        try:
            with engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _migrate(engine: Engine) -> str | None:
    """Run what revisions are missing, in one transaction and one process at a time; returns the revision before."""
    from db.schema.migrate import upgrade_to  # alembic is slow to import, and rarely needed

    with exclusive(engine) as connection:
        before = current_revision(connection)
        if before != REVISIONS[-1]:
            upgrade_to(connection)
        return before


@contextmanager
def exclusive(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes the schema while nobody else does. SQLite checks foreign keys at its end instead of
    obeying them meanwhile: a table that is rebuilt would otherwise take all rows that refer to it along."""
    with engine.execution_options(**{WRITING: True}).connect() as connection:
        sqlite = is_sqlite(engine.url)
        if sqlite:
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                if not sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
                yield connection
                if sqlite and connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
                    raise DatabaseError(f"rows of {shown(engine.url)} refer to rows that are not there",
                                        "restore it from a backup; nothing was changed")
        finally:
            if sqlite:
                connection.connection.cursor().execute("PRAGMA foreign_keys = ON")
