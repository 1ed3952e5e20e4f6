"""Run SQL that can only read (``clnp sql "SELECT …"``).

SQLite opens the file read-only and denies everything that accesses another file or changes a setting. PostgreSQL runs one
statement in a READ ONLY transaction, as a role that can only read if the user is a member of it (superusers are). Neither
relies on the text of the statement. The text is checked only for what a READ ONLY transaction of PostgreSQL allows: access to
files and programs of the server, ending other sessions, and taking locks. Ctrl-C ends a statement at once.
"""

import itertools
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection

from clnp_core.errors import DatabaseError
from db.dialect import by_dialect
from db.engine import open_database
from db.errors import translate, translated
from db.read_only import ReadOnlyFile, is_read_only
from db.url import resolve_url, without_secrets

TABLES = "docs/schema.md lists the tables, the views clnp_v_… and their columns"
READS_ONLY = "`clnp sql` can only read; use clnp's commands to change a run"

BEYOND_THE_DATABASE = frozenset({"COPY", "DO", "CALL", "LOAD"})
"""Statements that can write a file or start a program on PostgreSQL's server, which READ ONLY does not forbid."""

ACTING_STATEMENTS = frozenset({"LOCK", "CHECKPOINT", "NOTIFY"})
"""Statements with side effects that a READ ONLY transaction allows."""

ACTING_FUNCTIONS = re.compile(r"""
    \b(lo_\w+ | loread | lowrite                                          # large objects, and files of the server
    | pg_read_(binary_)?file | pg_stat_file | pg_ls_\w+ | pg_file_\w+     # files of the server
    | pg_terminate_backend | pg_cancel_backend | pg_log_\w+               # other sessions
    | pg_(try_)?advisory_\w+ | pg_export_snapshot | pg_notify             # locks, and what others wait for
    | pg_reload_conf | pg_rotate_logfile\w* | pg_promote | pg_switch_wal | pg_create_\w+ | pg_drop_\w+ | pg_backup_\w+
    | pg_(start|stop)_backup | pg_wal_replay_\w+ | pg_logical_\w+ | pg_replication_\w+ | pg_stat_reset\w*   # the server
    | set_config | dblink\w* | (query|cursor|table|schema|database)_to_xml\w*
    | ts_stat | ts_rewrite | crosstab\w* | connectby                      # run a statement given as text
    )\b | u&\s*"                                                          # an escaped identifier could be any of these
    """, re.IGNORECASE | re.VERBOSE)
"""Functions with side effects in a READ ONLY transaction. The server itself refuses those that the role may not call."""

READING_ROLE = "pg_read_all_data"
"""A role of every server since PostgreSQL 14, which may read all tables and nothing else."""

TELLING_PRAGMAS = frozenset({"foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo",
                             "integrity_check", "quick_check", "table_info", "table_list", "table_xinfo"})
"""Pragmas whose argument selects what to return; the argument of any other one sets something."""

ACTING_PRAGMAS = frozenset({"incremental_vacuum", "optimize", "shrink_memory", "wal_checkpoint"})
"""Pragmas with side effects even without an argument."""

STEPS_BETWEEN_LOOKS = 100_000
"""Steps of SQLite's virtual machine, about a millisecond, after which Python checks for Ctrl-C."""


@dataclass(frozen=True, slots=True)
class SqlResult:
    """Distinct column names, and the rows as plain tuples."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def run_sql(statement: str, url: str | URL | None = None, max_rows: int | None = None) -> SqlResult:
    """Run one statement that reads.

    Args:
        statement: one SQL statement in the database's own dialect.
        url: the database; None means ``CLNP_DB_URL`` or SQLite in the working folder.
        max_rows: fetch at most this many rows.

    Raises:
        DatabaseError: the statement is invalid, would write, or is more than one; or the database cannot be read.
    """
    address = resolve_url(url)
    run = by_dialect(address, on_sqlite=_on_sqlite, on_postgresql=_on_postgresql)
    return run(statement, address, max_rows)


def first_word(statement: str) -> str:
    """Return the first keyword of a statement, in upper case, after blanks and comments (PostgreSQL's can be nested)."""
    at, depth = 0, 0
    while at < len(statement):
        if statement.startswith("/*", at):
            at, depth = at + 2, depth + 1
        elif depth:
            depth, at = (depth - 1, at + 2) if statement.startswith("*/", at) else (depth, at + 1)
        elif statement.startswith("--", at):
            at = min(end for end in (statement.find("\n", at), statement.find("\r", at), len(statement)) if end >= 0)
        elif statement[at].isspace() or statement[at] == ";":
            at += 1
        else:
            break
    found = re.match(r"[A-Za-z]+", statement[at:])
    return found[0].upper() if found else ""


def _on_postgresql(statement: str, address: URL, max_rows: int | None) -> SqlResult:
    word, acting = first_word(statement), ACTING_FUNCTIONS.search(statement)
    if word in BEYOND_THE_DATABASE:
        raise DatabaseError(f"the statement was refused: {word} can reach files and programs of the server", READS_ONLY)
    if word in ACTING_STATEMENTS or acting:
        raise DatabaseError(f"the statement was refused: {acting[0] if acting else word} acts on the server", READS_ONLY)
    engine = open_database(address)
    try:
        with translated(address), engine.connect() as connection:
            return _in_read_only_transaction(statement, connection, max_rows)
    finally:
        engine.dispose()


def _in_read_only_transaction(statement: str, connection: Connection, max_rows: int | None) -> SqlResult:
    cursor: Any = connection.connection.cursor()
    cursor.execute("SET TRANSACTION READ ONLY")
    _become_reader(cursor, connection.dialect.loaded_dbapi.Error)
    try:
        # The extended protocol (prepare) takes one statement only: a COMMIT cannot be slipped in before a write.
        cursor.execute(statement, prepare=True)
        return _result(cursor, max_rows)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _refused(error, connection.engine.url) from error
    finally:
        connection.invalidate()  # discard session settings of the statement


def _become_reader(cursor: Any, error: type[Exception]) -> None:
    """Become :data:`READING_ROLE` for the rest of the transaction, if the user may. The search path stays the same."""
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'MEMBER')", [READING_ROLE])
    if cursor.fetchone() is None:
        return
    cursor.execute("SAVEPOINT before_role")
    try:
        cursor.execute("SELECT set_config('search_path', array_to_string(ARRAY("
                       "SELECT quote_ident(name) FROM unnest(current_schemas(false)) AS name), ', '), true)")
        cursor.execute(f"SET LOCAL ROLE {READING_ROLE}")
    except error:  # a member without the right to SET ROLE
        cursor.execute("ROLLBACK TO SAVEPOINT before_role")


def _on_sqlite(statement: str, address: URL, max_rows: int | None) -> SqlResult:
    engine = open_database(address)  # checks that it exists and has the current schema
    try:
        return _in_read_only_file(statement, address, max_rows)
    finally:
        engine.dispose()


def _in_read_only_file(statement: str, address: URL, max_rows: int | None) -> SqlResult:
    path = Path(str(address.database))
    try:
        connection = (ReadOnlyFile(path, 30.0).connect() if is_read_only(path) else
                      sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30.0))
    except sqlite3.Error as error:
        raise translate(error, address) from error
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_only_reads_this_file)
        connection.set_progress_handler(lambda: None, STEPS_BETWEEN_LOOKS)
        return _result(connection.execute(statement), max_rows)
    except (sqlite3.Error, sqlite3.Warning) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:  # Ctrl-C in the handler becomes this
            raise KeyboardInterrupt from None
        raise _refused(error, address) from error
    finally:
        connection.close()


def _only_reads_this_file(action: int, about: str | None, value: str | None, *_where: str | None) -> int:
    """Deny ATTACH (which VACUUM INTO uses, too) and pragmas that set something: mode=ro forbids neither."""
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA:
        name = (about or "").lower()
        if name in ACTING_PRAGMAS or (value is not None and name not in TELLING_PRAGMAS):
            return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _result(cursor: Any, max_rows: int | None) -> SqlResult:
    if cursor.description is None:
        return SqlResult((), ())
    rows = cursor.fetchall() if max_rows is None else cursor.fetchmany(max_rows)
    return SqlResult(distinct([column[0] for column in cursor.description]), tuple(tuple(row) for row in rows))


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns with a number appended to repeated ones: ``n``, ``n`` becomes ``n``, ``n_2``.

    A generated name never equals the original name of another column.
    """
    taken = set(names)
    result: dict[str, None] = {}
    for name in names:
        if name in result:
            name = next(numbered for count in itertools.count(2) if (numbered := f"{name}_{count}") not in taken)
            taken.add(name)
        result[name] = None
    return tuple(result)


def _refused(error: Exception, address: URL) -> DatabaseError:
    reason = without_secrets(" ".join(str(error).split("\n")[0].split()), address)
    writes = any(sign in reason.lower() for sign in ("read-only", "readonly", "not authorized"))
    return DatabaseError(f"the statement was refused: {reason}", READS_ONLY if writes else TABLES)
