"""Find the address of the database: an argument, ``CLNP_DB_URL``, or SQLite in the working folder. Passwords are never
shown."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from clnp_core.errors import DatabaseError

URL_VARIABLE = "CLNP_DB_URL"
FORMS = "use sqlite:////absolute/path/clnp.db or postgresql://USER:PASSWORD@HOST:5432/DATABASE"
DRIVERS = {
    "sqlite": "sqlite+pysqlite", "sqlite+pysqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg",
}
HARMLESS = frozenset({
    "application_name", "cache", "channel_binding", "client_encoding", "connect_timeout", "dbname", "gssencmode", "host",
    "hostaddr", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts", "mode",
    "port", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation",
    "sslrootcert", "target_session_attrs", "tcp_user_timeout", "timeout", "user",
})
"""Query keys of an address whose values may be shown; any other value may be a secret."""

SQLITE_QUERY = frozenset({"cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout"})
"""Allowed query keys of a SQLite address. A ``?`` before anything else is most likely part of the path."""

_LOGIN = re.compile(r"(?P<before>\b[A-Za-z][\w+.-]*:/+[^\s:@]*:)(?!PASSWORD@)(?P<password>\S*)@")
_WHOLE_LOGIN = re.compile(_LOGIN.pattern.replace(r"\S", "."), re.DOTALL)
_QUERY = re.compile(r"(?P<before>\b[A-Za-z][\w+.-]*:/+[^\s?]*\?)(?P<query>[^\s'\"`),;]*)")
_SETTING = re.compile(r"(?P<before>\w*password\s*=\s*)(?!\*\*\*)(?P<value>'[^']*'|[^\s&'\"`),;]+)", re.IGNORECASE)


def resolve_url(url: str | URL | None = None) -> URL:
    """Return the address of the database, with its driver and, for SQLite, an absolute path.

    Args:
        url: an address; None means ``CLNP_DB_URL``, and without that ``.clnp/clnp.db`` in the working folder.

    Raises:
        DatabaseError: it is not the address of a supported database. The message never repeats the address, which may contain
            a password.
    """
    if url is None:
        url = os.environ.get(URL_VARIABLE) or file_url(Path.cwd() / ".clnp" / "clnp.db")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError("the database address cannot be read as a URL", FORMS) from None
    if parsed.drivername not in DRIVERS:
        raise DatabaseError(f"{parsed.drivername!r} is not a database that clnp supports", FORMS)
    if parsed.host and "@" in parsed.host:
        raise DatabaseError("the database address has one @ too many",
                            "write an @ inside the user name or the password as %40")
    if not is_sqlite(parsed) and not parsed.host and "@" in (parsed.database or ""):
        raise DatabaseError("the database address has one slash too many", FORMS)
    parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    return _absolute(parsed, url if isinstance(url, str) else "") if is_sqlite(parsed) else parsed


def file_url(path: str | Path) -> URL:
    """Return the address of a SQLite file, whose path may contain characters with a meaning in URLs, such as ``%``."""
    return URL.create(DRIVERS["sqlite"], database=str(path))


def _absolute(url: URL, text: str) -> URL:
    """Return the address with an absolute path. ``text`` is the original text of the address, if it was text."""
    if not url.database or url.database == ":memory:":
        raise DatabaseError("a SQLite database in memory would be lost with the process",
                            "name a file: sqlite:////absolute/path/clnp.db")
    if url.database.startswith("file:"):
        raise DatabaseError("SQLite's own file: addresses are not supported", FORMS)
    if not SQLITE_QUERY.issuperset(url.query) or (not url.query and "?" in text):
            raise DatabaseError("the path of the SQLite address ends at a ?, and the rest is not a setting of SQLite",
                            "write a ? of the path as %3F and a % as %25")
    return url.set(database=str(Path(url.database).expanduser().absolute()))


def is_sqlite(url: URL) -> bool:
    """Return whether the address is a file on this machine, not a server."""
    return url.get_backend_name() == "sqlite"


def shown(url: str | URL) -> str:
    """Return the address for messages and logs, with passwords replaced by ``***``."""
    parsed = make_url(url)
    hidden = {key: "***" for key in parsed.query if key not in HARMLESS}
    plain = parsed.update_query_dict(hidden).set(drivername=parsed.get_backend_name())
    return plain.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def without_secrets(text: str, url: URL) -> str:
    """Return the text of another library's error with the passwords of this address masked."""
    queried = (value for key, value in url.query.items() if key not in HARMLESS)
    for secret in (url.password, *queried):
        for part in (secret,) if isinstance(secret, str) else secret or ():
            text = text.replace(part, "***") if part else text
    return text


def masked(text: str, words: Iterable[str] = ()) -> str:
    """Return text of any origin with the passwords of all addresses in it masked.

    Args:
        text: a message, or a traceback.
        words: texts that are addresses as a whole, such as arguments of the command line: their passwords may contain spaces,
            and the text may repeat them without what precedes them.
    """
    for word in words:
        for login in _WHOLE_LOGIN.finditer(word):
            secret = login["password"]
            for form in (secret, repr(secret)[1:-1], ascii(secret)[1:-1]):
                text = text.replace(f":{form}@", ":***@") if form else text
    text = _LOGIN.sub(r"\g<before>***@", text)
    text = _QUERY.sub(lambda found: found["before"] + "&".join(map(_masked_pair, found["query"].split("&"))), text)
    return _SETTING.sub(r"\g<before>***", text)


def _masked_pair(pair: str) -> str:
    key, sign, value = pair.partition("=")
    return pair if not value or key in HARMLESS else f"{key}{sign}***"
