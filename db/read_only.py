"""Read SQLite files in a folder without write permission: a snapshot, a read-only mount, another user's results.

Reading a database in WAL mode needs two files beside it, which SQLite creates and removes. If it cannot create them, the
existing files decide how the database is opened:

* ``-shm``, or a ``-wal`` that is not empty: a driver may be running, so SQLite opens it as usual, with these files;
* no such file: the database file is complete, and SQLite opens it as immutable;
* a ``-wal`` that SQLite cannot use without creating a ``-shm``: a driver was killed, and its last transactions are only in the
  ``-wal``. Both are copied to a temporary folder and read there.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import weakref
from pathlib import Path

NOT_TRANSFERRED = ("-wal", "-journal")
"""Files beside a database with transactions that the database itself does not contain, or not completely."""


def is_read_only(path: Path) -> bool:
    """Return whether a database exists in a folder where SQLite cannot create files."""
    return path.exists() and not os.access(path.parent, os.W_OK)


class ReadOnlyFile:
    """A database for which :func:`is_read_only` holds. Every connection checks the files beside it again.

    Args:
        path: of the database.
        busy_timeout_seconds: how long a statement waits for a lock.
    """

    def __init__(self, path: Path, busy_timeout_seconds: float) -> None:
        self._path, self._timeout = path, busy_timeout_seconds
        self._copy: Path | None = None

    def connect(self) -> sqlite3.Connection:
        """Open a connection that can only read; SQLite refuses statements that write.

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
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the file, which connect() does not
        except BaseException:
            connection.close()
            raise
        return connection

    def _beside(self, ending: str) -> bool:
        """Return whether a file exists that contains more than the database."""
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
    """Write the transactions in the files beside a copy into it."""
    connection = sqlite3.connect(copy)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
