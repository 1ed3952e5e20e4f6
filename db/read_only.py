"""SQLite files in a folder that cannot be written to: a snapshot, a read-only mount, another user's results.

A database in WAL mode is read with the help of two files beside it, which SQLite makes and removes. Where it cannot
make them, the files that are there decide how the database is opened:

* ``-shm``, or a ``-wal`` that is not empty: a driver may be at work, so SQLite opens it as usual, with what is there;
* no such file: nothing but the database counts, and SQLite opens it as one that does not change;
* a ``-wal`` that SQLite cannot use without making a ``-shm``: a driver was killed, and its last transactions are in
  the ``-wal`` alone. Both are copied to a temporary folder and read there.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import weakref
from pathlib import Path

NOT_TRANSFERRED = ("-wal", "-journal")
"""Files beside a database that hold transactions which the database itself does not have, or not whole."""


def is_read_only(path: Path) -> bool:
    """Whether a database is there in a folder in which SQLite can make no files."""
    return path.exists() and not os.access(path.parent, os.W_OK)


class ReadOnlyFile:
    """A database that :func:`is_read_only`. Every connection looks at the files beside it anew.

    Args:
        path: of the database.
        busy_timeout_seconds: how long a statement waits for a lock.
    """

    def __init__(self, path: Path, busy_timeout_seconds: float) -> None:
        self._path, self._timeout = path, busy_timeout_seconds
        self._copy: Path | None = None

    def connect(self) -> sqlite3.Connection:
        """Open a connection that can read; a statement that writes is refused by SQLite.

        Raises:
            sqlite3.Error: it cannot be opened.
            OSError: there is no room for a copy.
        """
        if self._copy is not None:
            return self._open(self._copy)
        if self._beside("-shm") or any(map(self._beside, NOT_TRANSFERRED)):
            with contextlib.suppress(sqlite3.OperationalError):
                return self._open(self._path)
        if not any(map(self._beside, NOT_TRANSFERRED)):
            return self._open(self._path, "&immutable=1")
        self._copy = self._copied()
        return self._open(self._copy)

    def _open(self, path: Path, setting: str = "") -> sqlite3.Connection:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro{setting}", uri=True, timeout=self._timeout,
                                     check_same_thread=False)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only this opens the file
        except BaseException:
            connection.close()
            raise
        return connection

    def _beside(self, ending: str) -> bool:
        """Whether a file is there that says more than the database does."""
        file = Path(f"{self._path}{ending}")
        return file.exists() and (ending == "-shm" or file.stat().st_size > 0)

    def _copied(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="clnp-read-only-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        copy = folder / self._path.name
        shutil.copyfile(self._path, copy)
        for ending in filter(self._beside, NOT_TRANSFERRED):
            shutil.copyfile(f"{self._path}{ending}", f"{copy}{ending}")
        _take_over(copy)
        return copy


def _take_over(copy: Path) -> None:
    """Bring the transactions beside a copy into it."""
    connection = sqlite3.connect(copy)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
