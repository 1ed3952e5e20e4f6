"""Temporary folders of a process, for its own user alone: removed with the block, and after a crash by the next process.

A folder holds a file that its owner has locked for as long as it lives. Whoever finds a folder of the same user whose file is
not locked knows that its owner is dead.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "clnp-"
LOCK = ".owner"

REMOVAL_SECONDS = 5.0
"""For how long a removal is tried again, since processes that are about to end may still write."""


@contextmanager
def scratch(where: str | Path | None = None, left_by: Callable[[BaseException], bool] = lambda error: False) -> Iterator[Path]:
    """A new folder that no other user can read, removed with all that is in it when the block ends. What dead owners have left
    beside it is removed first.

    Args:
        where: the folder that it is made in; None: that of temporary files.
        left_by: whether an error that ends the block leaves the folder as it is, until the next one is made.

    Raises:
        OSError: it cannot be made.
    """
    parent = Path(where or tempfile.gettempdir())
    remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    descriptor = os.open(folder / f"{LOCK}.new", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    left = False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        (folder / f"{LOCK}.new").rename(folder / LOCK)  # whoever sees it finds it locked
        yield folder
    except BaseException as error:
        left = left_by(error)
        raise
    finally:
        if not left:
            _remove(folder)
        os.close(descriptor)


def remove_abandoned(parent: Path) -> list[Path]:
    """Remove the folders of this user in a folder whose owners are dead; returns them."""
    removed = []
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):  # not one of these folders, or gone meanwhile
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
                removed.append(folder)
            finally:
                os.close(descriptor)
    return removed


def _remove(folder: Path) -> None:
    """Remove a folder, its lock last: what cannot be removed now is found again by the next process."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if entry.name == LOCK:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)
            if [entry.name for entry in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
                folder.rmdir()
        if not folder.exists() or time.monotonic() > deadline:
            return
        time.sleep(0.1)
