"""Which database: an argument, ``CLNP_DB_URL``, or SQLite in the working folder; and never a password shown."""

import os
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


def resolve_url(url: str | URL | None = None) -> URL:
    """The database that is meant, with its driver spelled out and a SQLite path made absolute.

    Args:
        url: an address; None means ``CLNP_DB_URL``, and without that ``.clnp/clnp.db`` in the working folder.

    Raises:
        DatabaseError: no address of a database that this project knows. The text never repeats the address, which may
            hold a password.
    """
    if url is None:
        url = os.environ.get(URL_VARIABLE) or f"sqlite:///{Path.cwd() / '.clnp' / 'clnp.db'}"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError("the database address cannot be read as a URL", FORMS) from None
    if parsed.drivername not in DRIVERS:
        raise DatabaseError(f"{parsed.drivername!r} is no database that clnp works with", FORMS)
    if parsed.host and "@" in parsed.host:
        raise DatabaseError("the database address has an @ too many",
                            "write an @ inside the user name or the password as %40")
    parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    return _absolute(parsed) if is_sqlite(parsed) else parsed


def _absolute(url: URL) -> URL:
    if not url.database or url.database == ":memory:":
        raise DatabaseError("a SQLite database in memory would be gone with the process",
                            "name a file: sqlite:////absolute/path/clnp.db")
    if url.database.startswith("file:"):
        raise DatabaseError("SQLite's own file: addresses are not understood", FORMS)
    return url.set(database=str(Path(url.database).expanduser().absolute()))


def is_sqlite(url: URL) -> bool:
    """It is a file of this machine, not a server."""
    return url.get_backend_name() == "sqlite"


def shown(url: str | URL) -> str:
    """The address as it may appear in messages and logs: a password is ``***``, wherever it stands."""
    parsed = make_url(url)
    hidden = {key: "***" for key in parsed.query if "password" in key.lower()}
    plain = parsed.update_query_dict(hidden).set(drivername=parsed.get_backend_name())
    return plain.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def without_secrets(text: str, url: URL) -> str:
    """The text of somebody else's error with this address's passwords masked."""
    queried = (value for key, value in url.query.items() if "password" in key.lower())
    for secret in (url.password, *queried):
        for part in (secret,) if isinstance(secret, str) else secret or ():
            text = text.replace(part, "***") if part else text
    return text
