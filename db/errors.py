"""Translate errors of a database driver into one line with the problem and one with the fix."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from clnp_core.errors import DatabaseError
from db.dialect import by_dialect
from db.url import shown, without_secrets

SQLITE_SIGNS = (
    ("file is not a database", "{url} is not a SQLite database",
     "choose another file in CLNP_DB_URL; this one was not changed"),
    ("malformed", "the SQLite database {url} is damaged", "restore it from a backup, or try `sqlite3 FILE .recover`"),
    ("locked", "the database {url} is locked by another program",
     "close what else writes to it (a database browser?) and try again; for many writers use PostgreSQL"),
    ("readonly", "the database {url} cannot be written to", "check who owns the file and its folder"),
    ("unable to open", "the database {url} cannot be opened",
     "check that the folder exists, and that you may read and write there"),
    ("disk is full", "no space is left for the database {url}", "free some space; nothing was written partially"),
    ("disk i/o error", "the disk failed under the database {url}", "check the disk; SQLite needs a local file system"),
)
UNREACHABLE = ("the PostgreSQL server of {url} cannot be reached: {reason}",
               "check that it is running, and the host, port and network in CLNP_DB_URL")
LOGIN = ("{url} refused the user name or the password",
         "check them in CLNP_DB_URL; special characters are written as %40 for @, %2F for /")
ABSENT = ("{url} does not exist: {reason}", "create it first (`createdb NAME`), or correct CLNP_DB_URL")
FORBIDDEN = ("{url} refused: {reason}", "let the owner of the database GRANT it")
FULL = ("no space is left for the database {url}", "free some space; nothing was written partially")
CONNECTING_SIGNS = (("password authentication failed", *LOGIN), ("does not exist", *ABSENT), ("permission denied", *FORBIDDEN),
                    ("no space left on device", *FULL))
"""Errors while PostgreSQL refuses a connection, for which psycopg has no SQLSTATE."""

POSTGRES_STATES = (
    ("08", *UNREACHABLE, True), ("57P", *UNREACHABLE, True), ("53300", *UNREACHABLE, True),
    ("40", "a transaction in {url} conflicted with another: {reason}", "try again; nothing was written partially", True),
    ("55P03", "rows of {url} are locked by another session", "end that session (see pg_stat_activity) and try again", True),
    ("57014", "the server of {url} cancelled a statement: {reason}",
     "raise its statement_timeout, or look in its log who cancelled it", False),
    ("53100", *FULL, False),
    ("53", "the server of {url} lacks memory or another resource: {reason}", "look in its log", False),
    ("28", *LOGIN, False), ("3D000", *ABSENT, False), ("42501", *FORBIDDEN, False),
    ("25006", "the database {url} cannot be written to: {reason}", "use the primary server and not a replica", False),
)
"""Prefixes of PostgreSQL's SQLSTATE, and whether the error may pass, so that the transaction, which left nothing behind, may be
retried (:mod:`db.retry`)."""

LOCKED = "locked"
"""SQLite's error if another program holds the lock for now."""

REFUSED = ("the database {url} refused: {reason}", "look in its log; if this is a bug in clnp, please report it")
FOREIGN = ("the database {url} contains a value that clnp did not write: {reason}",
           "restore it from a backup, or fix that value with the database's own shell")
LONGEST_VALUE = 60
"""Characters of a foreign value that an error shows."""


def translate(error: Exception, url: URL) -> DatabaseError:
    """Return the error of this project; chain the original to it."""
    origin = (error.orig if isinstance(error, DBAPIError) else None) or error
    text = without_secrets(str(origin), url).strip() or type(origin).__name__
    reason = " ".join(text.splitlines()[0].split())
    explain = by_dialect(url, on_sqlite=_of_sqlite, on_postgresql=_of_postgresql)
    message, hint, may_pass = explain(error, text)
    return DatabaseError(message.format(url=shown(url), reason=reason), hint, may_pass=may_pass)


def _of_sqlite(_error: Exception, text: str) -> tuple[str, str, bool]:
    for sign, message, hint in SQLITE_SIGNS:
        if sign in text.lower():
            return message, hint, sign == LOCKED
    return *REFUSED, False


def _of_postgresql(error: Exception, text: str) -> tuple[str, str, bool]:
    """Return the message, the hint, and whether the error may pass. ``text`` is the message of the server or of psycopg."""
    origin = (error.orig if isinstance(error, DBAPIError) else None) or error
    state: str | None = getattr(origin, "sqlstate", None)  # None if there was no server to return one
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    operational = isinstance(error, OperationalError)  # not an error in a statement or a value
    if state is not None:
        for beginning, message, hint, may_pass in POSTGRES_STATES:
            if state.startswith(beginning):
                return message, hint, may_pass
    elif operational:
        for sign, message, hint in CONNECTING_SIGNS:
            if sign in text.lower():
                return message, hint, False
    return (*UNREACHABLE, True) if lost or (operational and state is None) else (*REFUSED, False)


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn errors of the database driver in this block into :class:`~clnp_core.errors.DatabaseError`."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise translate(error, url) from error
    except (ValueError, LookupError, TypeError) as error:
        if not _came_with_a_row(error):
            raise
        message, hint = FOREIGN
        raise DatabaseError(message.format(url=shown(url), reason=_value_of(error)), hint) from error


def _came_with_a_row(error: Exception) -> bool:
    """Return whether SQLAlchemy failed to convert the value of a column. Errors in values to store are wrapped by it."""
    return any(frame.f_globals.get("__name__", "").startswith("sqlalchemy.") for frame, _ in walk_tb(error.__traceback__))


def _value_of(error: Exception) -> str:
    """Return what is wrong with a value, with its beginning if the error does not show it."""
    reason = " ".join(f"{error.args[0] if error.args else type(error).__name__}".split())
    if not isinstance(error, json.JSONDecodeError):
        return reason
    return f"{error.doc[:LONGEST_VALUE]!r} is not JSON"
