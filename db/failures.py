"""What a database driver raised, said in one line with one line of how to mend it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from clnp_core.errors import DatabaseError
from db.urls import is_sqlite, shown, without_secrets

SQLITE_SIGNS = (
    ("file is not a database", "{url} is not a SQLite database",
     "name another file in CLNP_DB_URL; this one was left as it is"),
    ("malformed", "the SQLite database {url} is damaged", "restore it from a backup, or try `sqlite3 FILE .recover`"),
    ("locked", "the database {url} is locked by another program",
     "close what else writes to it (a database browser?) and try again; for many writers use PostgreSQL"),
    ("readonly", "the database {url} cannot be written to", "check who owns the file and its folder"),
    ("unable to open", "the database {url} cannot be opened",
     "check that the folder exists, and that you may read and write there"),
    ("disk is full", "no space is left for the database {url}", "free some space; nothing half-written was kept"),
    ("disk i/o error", "the disk failed under the database {url}", "check the disk; SQLite needs a local file system"),
)
POSTGRES_SIGNS = (
    ("lock timeout", "rows of {url} are locked by another session", "end that session (see pg_stat_activity) and try again"),
    ("password authentication failed", "{url} refused the user name or the password",
     "check them in CLNP_DB_URL; special characters are written as %40 for @, %2F for /"),
    ("does not exist", "{url} does not exist: {reason}", "create it first (`createdb NAME`), or correct CLNP_DB_URL"),
    ("permission denied", "{url} refused: {reason}", "let the owner of the database GRANT it"),
    ("no space left on device", "no space is left for the database {url}", "free some space; nothing half-written was kept"),
    ("read-only transaction", "the database {url} cannot be written to: {reason}",
     "use the primary server and not a replica"),
)
LOCKED = ("locked", "lock timeout")
"""Signs of a lock that another program will let go of."""

REFUSED = ("the database {url} refused: {reason}", "see its log; if clnp itself is at fault, please report it")
UNREACHABLE = ("the PostgreSQL server of {url} cannot be reached: {reason}",
               "check that it runs, and the host, port and network in CLNP_DB_URL")


def translate(error: Exception, url: URL) -> DatabaseError:
    """The error as this project words it; the original should be chained to it."""
    origin = (error.orig if isinstance(error, DBAPIError) else None) or error
    text = without_secrets(str(origin), url).strip() or type(origin).__name__
    reason = " ".join(text.splitlines()[0].split())
    for sign, message, hint in SQLITE_SIGNS if is_sqlite(url) else POSTGRES_SIGNS:
        if sign in text.lower():
            return DatabaseError(message.format(url=shown(url), reason=reason), hint, may_pass=sign in LOCKED)
    unreachable = not is_sqlite(url) and (
        isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated))
    message, hint = UNREACHABLE if unreachable else REFUSED
    return DatabaseError(message.format(url=shown(url), reason=reason), hint, may_pass=unreachable)


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Inside, whatever the database driver raises becomes a :class:`~clnp_core.errors.DatabaseError`."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise translate(error, url) from error
