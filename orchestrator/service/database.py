"""The one engine of a service, which can only read; and what happens when the database goes away or comes back."""

import threading

from sqlalchemy import URL, Engine

from clnp_core.errors import DatabaseError
from db.dialect import database_file, only_reading
from db.engine import open_database
from db.reads.pages import Pages
from db.url import shown


class Database:
    """The database of a service. Threads share it.

    A file that is removed would stay readable for whoever holds it open: it is looked at before every read, and opened again
    when another one has taken its place.
    """

    def __init__(self, address: URL, create: bool = False) -> None:
        """Open it.

        Raises:
            DatabaseError: as :func:`db.engine.open_database`.
        """
        self.address = address
        self._lock = threading.Lock()
        self._engine, self._file = _open(address, create), _file(address)
        self._pages = Pages(self._engine)

    @property
    def pages(self) -> Pages:
        """Reads of the database as it is now.

        Raises:
            DatabaseError: it is gone, or what has taken its place is none of ours.
        """
        if database_file(self.address) is None:
            return self._pages
        found = _file(self.address)
        if found is None:
            raise DatabaseError(f"the database {self.shown} is gone", "bring it back; this service goes on then", may_pass=True)
        if found != self._file:
            with self._lock:
                if found != self._file:
                    engine = _open(self.address)
                    self._engine.dispose()
                    self._engine, self._pages, self._file = engine, Pages(engine), found
        return self._pages

    @property
    def secret_address(self) -> str:
        """Its whole address, for whoever opens it in order to write."""
        return self.address.render_as_string(hide_password=False)

    @property
    def shown(self) -> str:
        """Its address without a password."""
        return shown(self.address)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _open(address: URL, create: bool = False) -> Engine:
    return only_reading(open_database(address, create))


def _file(address: URL) -> tuple[int, int] | None:
    """Which file it is; None where there is none, or no file at all."""
    file = database_file(address)
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
