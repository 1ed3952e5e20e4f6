"""SQL that can only read: what ``clnp sql "SELECT …"`` runs.

SQLite opens the file read-only and allows nothing that reaches another file; PostgreSQL runs one statement in a
transaction that is READ ONLY. Neither trusts a look at the text of the statement.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection

from clnp_core.errors import DatabaseError
from db.failures import translated
from db.session import open_database
from db.urls import is_sqlite, resolve_url, without_secrets

TABLES = "docs/schema.md lists the tables, the views clnp_v_… and their columns"


@dataclass(frozen=True, slots=True)
class SqlResult:
    """Column names, and the rows as plain tuples."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def run_sql(statement: str, url: str | URL | None = None, max_rows: int | None = None) -> SqlResult:
    """Run one statement that reads.

    Args:
        statement: one SQL statement in the database's own dialect.
        url: the database; None means ``CLNP_DB_URL`` or SQLite in the working folder.
        max_rows: fetch at most so many rows.

    Raises:
        DatabaseError: the statement is wrong, would write, or is more than one; or the database cannot be read.
    """
    address = resolve_url(url)
    engine = open_database(address)
    try:
        if is_sqlite(address):
            return _on_sqlite(statement, address, max_rows)
        with translated(address), engine.connect() as connection:
            return _on_postgresql(statement, connection, max_rows)
    finally:
        engine.dispose()


def _on_postgresql(statement: str, connection: Connection, max_rows: int | None) -> SqlResult:
    cursor: Any = connection.connection.cursor()
    cursor.execute("SET TRANSACTION READ ONLY")
    try:
        # The extended protocol (prepare) takes one statement only: a COMMIT cannot be slipped in before a write.
        cursor.execute(statement, prepare=True)
        return _result(cursor, max_rows)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _refused(error, connection.engine.url) from error
    finally:
        connection.invalidate()  # a session setting of the statement must not outlive it


def _on_sqlite(statement: str, address: URL, max_rows: int | None) -> SqlResult:
    file = Path(str(address.database)).as_uri()
    connection = sqlite3.connect(f"{file}?mode=ro", uri=True, timeout=30.0)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_only_this_file)
        return _result(connection.execute(statement), max_rows)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _refused(error, address) from error
    finally:
        connection.close()


def _only_this_file(action: int, *_about: str | None) -> int:
    """ATTACH (which VACUUM INTO uses, too) would reach other files: the one thing that mode=ro does not forbid."""
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK


def _result(cursor: Any, max_rows: int | None) -> SqlResult:
    if cursor.description is None:
        return SqlResult((), ())
    rows = cursor.fetchall() if max_rows is None else cursor.fetchmany(max_rows)
    return SqlResult(tuple(column[0] for column in cursor.description), tuple(tuple(row) for row in rows))


def _refused(error: Exception, address: URL) -> DatabaseError:
    reason = without_secrets(" ".join(str(error).split("\n")[0].split()), address)
    writes = any(sign in reason.lower() for sign in ("read-only", "readonly", "not authorized"))
    hint = "`clnp sql` only reads; a run is changed by clnp's own commands" if writes else TABLES
    return DatabaseError(f"the statement was refused: {reason}", hint)
