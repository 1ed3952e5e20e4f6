"""The read-only engine of a service, which handles a database that is removed or replaced."""

import threading

from sqlalchemy import URL, Engine

from clnp_core.errors import DatabaseError
from db.dialect import database_file, only_reading
from db.engine import open_database
from db.reads.pages import Pages
from db.url import shown


class Database:
    """The database of a service. Thread-safe.

    A removed file stays readable while it is open. Therefore the file is checked before every read, and reopened if it was
    replaced.
    """

    def __init__(self, address: URL, create: bool = False) -> None:
        """Open it.

        Raises:
            DatabaseError: see :func:`db.engine.open_database`.
        """
        self.address = address
        self._lock = threading.Lock()
        self._engine, self._file = _open(address, create), _file(address)
        self._pages = Pages(self._engine)

    @property
    def pages(self) -> Pages:
        """Return reads of the current database.

        Raises:
            DatabaseError: it is gone, or was replaced by another file.
        """
        if database_file(self.address) is None:
            return self._pages
        found = _file(self.address)
        if found is None:
            raise DatabaseError(f"the database {self.shown} is gone", "restore it; this service then continues", may_pass=True)
        if found != self._file:
            with self._lock:
                if found != self._file:
                    engine = _open(self.address)
                    self._engine.dispose()
                    self._engine, self._pages, self._file = engine, Pages(engine), found
        return self._pages

    @property
    def secret_address(self) -> str:
        """Its full URL, for processes that write to it."""
        return self.address.render_as_string(hide_password=False)

    @property
    def shown(self) -> str:
        """Its URL without a password."""
        return shown(self.address)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _open(address: URL, create: bool = False) -> Engine:
    return only_reading(open_database(address, create))


def _file(address: URL) -> tuple[int, int] | None:
    """Return the identity of the file; None if it is missing or the database is not a file."""
    file = database_file(address)
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
