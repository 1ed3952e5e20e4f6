"""Which database: an argument, ``CLNP_DB_URL``, or SQLite in the working folder; and never a password shown."""

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
"""Keys in the query of an address whose values may be shown; whatever else stands there may be a secret."""

SQLITE_QUERY = frozenset({"cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout"})
"""Keys that the query of a SQLite address may have. A ``?`` in front of anything else is most likely part of the path."""

_LOGIN = re.compile(r"(?P<before>\b[A-Za-z][\w+.-]*:/+[^\s:@]*:)(?!PASSWORD@)(?P<password>\S*)@")
_WHOLE_LOGIN = re.compile(_LOGIN.pattern.replace(r"\S", "."), re.DOTALL)
_QUERY = re.compile(r"(?P<before>\b[A-Za-z][\w+.-]*:/+[^\s?]*\?)(?P<query>[^\s'\"`),;]*)")
_SETTING = re.compile(r"(?P<before>\w*password\s*=\s*)(?!\*\*\*)(?P<value>'[^']*'|[^\s&'\"`),;]+)", re.IGNORECASE)


def resolve_url(url: str | URL | None = None) -> URL:
    """The database that is meant, with its driver spelled out and a SQLite path made absolute.

    Args:
        url: an address; None means ``CLNP_DB_URL``, and without that ``.clnp/clnp.db`` in the working folder.

    Raises:
        DatabaseError: no address of a database that this project knows. The text never repeats the address, which may
            hold a password.
    """
    if url is None:
        url = os.environ.get(URL_VARIABLE) or file_url(Path.cwd() / ".clnp" / "clnp.db")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError("the database address cannot be read as a URL", FORMS) from None
    if parsed.drivername not in DRIVERS:
        raise DatabaseError(f"{parsed.drivername!r} is no database that clnp works with", FORMS)
    if parsed.host and "@" in parsed.host:
        raise DatabaseError("the database address has an @ too many",
                            "write an @ inside the user name or the password as %40")
    if not is_sqlite(parsed) and not parsed.host and "@" in (parsed.database or ""):
        raise DatabaseError("the database address has a slash too many", FORMS)
    parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    return _absolute(parsed, url if isinstance(url, str) else "") if is_sqlite(parsed) else parsed


def file_url(path: str | Path) -> URL:
    """Return the address of a SQLite file, whose path may hold characters that have a meaning in a URL, such as ``%``."""
    return URL.create(DRIVERS["sqlite"], database=str(path))


def _absolute(url: URL, text: str) -> URL:
    """Return the address with an absolute path. ``text``: what it was read from, if it was text."""
    if not url.database or url.database == ":memory:":
        raise DatabaseError("a SQLite database in memory would be gone with the process",
                            "name a file: sqlite:////absolute/path/clnp.db")
    if url.database.startswith("file:"):
        raise DatabaseError("SQLite's own file: addresses are not understood", FORMS)
    if not SQLITE_QUERY.issuperset(url.query) or (not url.query and "?" in text):
        raise DatabaseError("the path of the SQLite address ends at a ?, and what follows is no setting of SQLite",
                            "write a ? of the path as %3F and a % as %25")
    return url.set(database=str(Path(url.database).expanduser().absolute()))


def is_sqlite(url: URL) -> bool:
    """It is a file of this machine, not a server."""
    return url.get_backend_name() == "sqlite"


def shown(url: str | URL) -> str:
    """The address as it may appear in messages and logs: a password is ``***``, wherever it stands."""
    parsed = make_url(url)
    hidden = {key: "***" for key in parsed.query if key not in HARMLESS}
    plain = parsed.update_query_dict(hidden).set(drivername=parsed.get_backend_name())
    return plain.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def without_secrets(text: str, url: URL) -> str:
    """The text of somebody else's error with this address's passwords masked."""
    queried = (value for key, value in url.query.items() if key not in HARMLESS)
    for secret in (url.password, *queried):
        for part in (secret,) if isinstance(secret, str) else secret or ():
            text = text.replace(part, "***") if part else text
    return text


def masked(text: str, words: Iterable[str] = ()) -> str:
    """Text of any origin with the password of every address in it masked.

    Args:
        text: a message, or a traceback.
        words: what an address may stand in as a whole, such as an argument of the command line: there a password may hold
            spaces, and the text may repeat it without what stands before it.
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
