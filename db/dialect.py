"""Differences between SQLite and PostgreSQL. No other file checks which of the two a database is.

:mod:`db.url` completes addresses, :mod:`db.errors` recognises errors, and :mod:`db.sql` confines SQL that may only read; all of
them use :func:`by_dialect`. Released migrations stay as they are.
"""

import contextlib
import fcntl
import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    JSON,
    URL,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Table,
    Text,
    any_,
    column,
    create_engine,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from clnp_core.errors import DatabaseError
from db.read_only import ReadOnlyFile, is_read_only
from db.url import is_sqlite, shown

WRITING = "clnp_writing"
"""Execution option of an engine whose transactions take SQLite's write lock at their start (BEGIN IMMEDIATE). A transaction
that reads first and writes later would fail at once, instead of waiting, if another writer came first."""

Value = TypeVar("Value")


def by_dialect(address: URL, *, on_sqlite: Value, on_postgresql: Value) -> Value:
    """Return one of two values, depending on the database that an address names."""
    return on_sqlite if is_sqlite(address) else on_postgresql


def database_file(address: URL) -> Path | None:
    """Return the file of a SQLite database, whether or not it exists; None for a database on a server."""
    return Path(str(address.database)) if is_sqlite(address) else None


def may_exist(address: URL) -> bool:
    """Return whether there is something to connect to: an existing file, or any server."""
    file = database_file(address)
    return file is None or file.exists()


def _on_postgresql(connection: Connection | Session) -> bool:
    bound = connection.get_bind() if isinstance(connection, Session) else connection
    return bound.dialect.name == "postgresql"


# Engines


def new_engine(address: URL, busy_timeout_seconds: float = 30.0) -> Engine:
    """Return an engine with the settings of this project, without connecting."""
    path = database_file(address)
    if path is None:
        settings = {"connect_timeout": 10, "application_name": "clnp",
                    "options": f"-c lock_timeout={int(busy_timeout_seconds * 1000)}"}
        return create_engine(address, pool_pre_ping=True,
                             connect_args={key: value for key, value in settings.items() if key not in address.query})
    if is_read_only(path):
        file = ReadOnlyFile(path, busy_timeout_seconds)
        engine = create_engine(address, creator=file.connect, poolclass=NullPool)
    else:
        engine = create_engine(address, connect_args={"timeout": busy_timeout_seconds})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def of_one_moment(engine: Engine) -> Engine:
    """Return the engine with transactions that read a snapshot of when they began. SQLite always does this."""
    return engine if is_sqlite(engine.url) else engine.execution_options(isolation_level="REPEATABLE READ")


def only_reading(engine: Engine) -> Engine:
    """Return the engine with connections that refuse to write. Open connections are closed."""
    if not is_sqlite(engine.url):
        return engine.execution_options(postgresql_readonly=True)
    event.listen(engine, "connect", _refuse_writes)
    engine.dispose()
    return engine


def use_wal(engine: Engine) -> None:
    """Turn on SQLite's write-ahead log, which the file remembers, so that writers never block readers. Switching needs
    exclusive access to the file for a moment, and SQLite does not wait for it by itself."""
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


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # _begin_sqlite begins the transactions
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # commits survive power loss


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _refuse_writes(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


# Locks


def lock(connection: Connection | Session, number: int) -> None:
    """Wait for PostgreSQL's advisory lock with this number and hold it until the transaction ends. A transaction of SQLite that
    writes already holds the whole file."""
    if _on_postgresql(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": number})


@contextmanager
def changing_schema(engine: Engine, number: int) -> Iterator[Connection]:
    """Open a transaction that changes the schema, under the advisory lock ``number``. SQLite checks foreign keys at its end
    instead of enforcing them: rebuilding a table would otherwise delete all rows that refer to it.

    Raises:
        DatabaseError: rows would refer to missing rows; nothing is changed.
    """
    with engine.execution_options(**{WRITING: True}).connect() as connection:
        if not is_sqlite(engine.url):
            with connection.begin():
                lock(connection, number)
                yield connection
            return
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                if connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
                    raise DatabaseError(f"rows of {shown(engine.url)} refer to rows that do not exist",
                                        "restore it from a backup; nothing was changed")
        finally:
            connection.connection.cursor().execute("PRAGMA foreign_keys = ON")


@contextmanager
def one_process(address: URL, number: int) -> Iterator[None]:
    """Exclude other processes that call this, for as long as the block runs: with a lock file beside a SQLite database, with
    the advisory lock ``number`` on a server."""
    file = database_file(address)
    if file is not None:
        with Path(f"{file}.lock").open("w") as lock_file:
            fcntl.flock(lock_file, fcntl.LOCK_EX)
            yield
        return
    engine = new_engine(address)
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            lock(connection, number)
            yield
    finally:
        engine.dispose()


# Statements and types


def json_type(dialect: Dialect) -> TypeEngine[Any]:
    """Return the type of a JSON column that stores None as NULL: JSONB on PostgreSQL."""
    if dialect.name != "postgresql":
        return dialect.type_descriptor(JSON(none_as_null=True))
    from sqlalchemy.dialects.postgresql import JSONB  # takes 0.1 s to import

    return dialect.type_descriptor(JSONB(none_as_null=True))


def among(session: Session, attribute: "InstrumentedAttribute[Any] | ColumnElement[Any]", texts: Collection[str]
          ) -> ColumnElement[bool]:
    """Return the condition that a text column holds one of these values. They are sent as one parameter, because PostgreSQL's
    driver accepts at most 65,535 parameters and SQLite as few as 32,766."""
    if _on_postgresql(session):
        return attribute == any_(literal(sorted(texts), ARRAY(Text)))
    values = func.json_each(literal(json.dumps(sorted(texts)), Text)).table_valued(column("value", Text))
    return attribute.in_(select(values.c.value))


def upsert(session: Session, table: type[DeclarativeBase], rows: Sequence[dict[str, Any]], keys: Sequence[str],
           updated: Sequence[str]) -> None:
    """Insert rows; if the keys exist, set the updated columns instead."""
    if not rows:
        return
    if _on_postgresql(session):
        from sqlalchemy.dialects.postgresql import insert  # as above
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # the same function of the other database
    statement = insert(table)
    session.execute(statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in updated}), list(rows))


def database_now(session: Session) -> datetime:
    """Return the time of the database's clock, so that drivers on several hosts agree on the age of a heartbeat."""
    if _on_postgresql(session):
        moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)
    return datetime.now(UTC)


def continue_numbering(connection: Connection, tables: Sequence[Table]) -> None:
    """Make the ids of these tables continue after the highest one that was copied; SQLite does this by itself."""
    if not _on_postgresql(connection):
        return
    for table in tables:
        if "id" in table.c and table.c.id.autoincrement is True:
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                                    f"(SELECT COALESCE(MAX(id), 0) + 1 FROM {table.name}), false)"))


def location_of(engine: Engine) -> str:
    """Return an identifier that distinguishes a database from a copy of it, from any machine: the file, or server and name."""
    file = database_file(engine.url)
    if file is not None:
        return str(file.resolve())
    with engine.connect() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
    server = "unknown"  # the user may not read the server's identifier
    with contextlib.suppress(SQLAlchemyError), engine.connect() as connection:
        server = connection.execute(text("SELECT system_identifier FROM pg_control_system()")).scalar_one()
    return f"{server}/{name}"
