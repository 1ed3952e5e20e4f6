"""Private temporary folders of a process: removed at the end of the block, or after a crash by the next process.

A folder contains a file that its owner keeps locked. A folder of the same user whose file is not locked belonged to a dead
process.
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
"""How long a removal is retried, since processes that are ending may still write."""


@contextmanager
def scratch(where: str | Path | None = None, left_by: Callable[[BaseException], bool] = lambda error: False) -> Iterator[Path]:
    """Create a folder that other users cannot read, and remove it with its content when the block ends. Folders of dead owners
    beside it are removed first.

    Args:
        where: the parent folder; None uses the folder of temporary files.
        left_by: whether the folder is kept after this error, until the next one is created.

    Raises:
        OSError: it cannot be created.
    """
    parent = Path(where or tempfile.gettempdir())
    remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    descriptor = os.open(folder / f"{LOCK}.new", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    left = False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        (folder / f"{LOCK}.new").rename(folder / LOCK)  # it is locked before it becomes visible
        yield folder
    except BaseException as error:
        left = left_by(error)
        raise
    finally:
        if not left:
            _remove(folder)
        os.close(descriptor)


def remove_abandoned(parent: Path) -> list[Path]:
    """Remove the folders of this user whose owners are dead from a folder; return them."""
    removed = []
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):  # not one of these folders, or already removed
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
    """Remove a folder, its lock last, so that the next process finds what could not be removed."""
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
