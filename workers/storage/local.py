"""Files in a folder that all machines of a run share.

A file is complete under its name or absent (temporary file, fsync, rename, fsync of the folder), so neither a killed process
nor a power loss leaves an incomplete file; :meth:`FolderFiles.leftovers` lists the remains of interrupted writes.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar

from clnp_core.errors import ArtifactError, ConfigError
from workers.storage.files import StoreCondition, StoredFile, inside

_UNFINISHED = ".writing-"


class FolderFiles:
    """See :class:`workers.storage.files.Files`."""

    kind: ClassVar[str] = "folder"
    is_local: ClassVar[bool] = True
    credentials: ClassVar[tuple[str, ...]] = ()
    remedy = "free some disk space or fix the permissions"

    def __init__(self, root: str) -> None:
        """Access files below ``root``, an absolute path that need not exist yet; reading creates no folder.

        Symbolic links below the root are followed for reading and writing. Nothing behind a link is listed or removed, because
        it may lead to files that do not belong to the store.
        """
        self.root = root
        self._durable: set[Path] = set()

    @staticmethod
    def full_root(root: str | Path) -> str:
        """Return the absolute path."""
        scheme, found, _ = str(root).partition("://")
        if found and isinstance(root, str):
            raise ConfigError(f"weights cannot be stored under {scheme}://", "name a folder, or s3://BUCKET/PREFIX")
        return str(Path(root).expanduser().absolute())

    @staticmethod
    def check_root(root: str, setting: str) -> None:
        """Accept every path."""

    def shown(self, name: str) -> str:
        return str(self._path(name))

    def read(self, name: str) -> bytes:
        return self._path(name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        target = self._path(name)
        self._make_durable(target.parent)
        _write_durably(target, content)

    def size(self, name: str) -> int | None:
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def touch(self, name: str) -> None:
        path = self._path(name)
        try:
            os.utime(path)
        except PermissionError:  # another user's file; replace it by a new one
            self.write(name, self.read(name))
        else:
            _sync(path)
            self._make_durable(path.parent)
            _sync(path.parent)

    def changed_at(self, name: str) -> float | None:
        try:
            return self._path(name).stat().st_mtime
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> int:
        path, size = self._path(name), self.size(name)
        if self._is_behind_link(path.parent):
            raise ArtifactError(f"{path} is behind a symbolic link and is not removed",
                                "remove it yourself, or replace the link by a folder")
        path.unlink(missing_ok=True)
        return size or 0

    def remove_empty(self, folder: str) -> None:
        """Remove a folder and its subfolders if they are empty; errors are ignored."""
        top = self._path(folder)
        if self._is_behind_link(top):
            return
        with contextlib.suppress(OSError):
            for each in (*(each for each in top.iterdir() if each.is_dir()), top):
                with contextlib.suppress(OSError):
                    each.rmdir()

    def list(self, folder: str = "") -> Iterator[StoredFile]:
        yield from self._walk(folder, unfinished=False)

    def leftovers(self) -> Iterator[StoredFile]:
        yield from self._walk("", unfinished=True)

    def inspect(self) -> StoreCondition:
        """Check the permissions of the folder, or of the one in which it would be created."""
        root = Path(self.root)
        existing = next(folder for folder in (root, *root.parents) if folder.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise ArtifactError(f"{existing} cannot be written to",
                                "fix its permissions, or choose another folder in CLNP_STORAGE")
        return StoreCondition(existing == root, shutil.disk_usage(existing).free)

    def _path(self, name: str) -> Path:
        return Path(self.root) / inside(name)

    def _is_behind_link(self, folder: Path) -> bool:
        """Return whether this folder, or one between the root and it, is a symbolic link."""
        root = Path(self.root)
        return any(each.is_symlink() for each in (folder, *folder.parents) if each != root and each.is_relative_to(root))

    def _make_durable(self, folder: Path) -> None:
        """Create a folder so that it and its parents survive a power loss. An existing folder may have been created by another
        process that has not synced it yet, so this process syncs it once."""
        if folder in self._durable and folder.is_dir():
            return
        if folder != Path(self.root):
            self._make_durable(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)
        else:
            _make_root(folder)
        self._durable.add(folder)

    def _walk(self, folder: str, unfinished: bool) -> Iterator[StoredFile]:
        now, root = time.time(), Path(self.root)
        if self._is_behind_link(self._path(folder)):
            return
        for parent, folders, names in os.walk(root / folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.startswith(_UNFINISHED) if unfinished else not name.startswith("."):
                    path = Path(parent) / name
                    try:
                        found = path.stat()
                    except FileNotFoundError:  # finished or removed meanwhile
                        continue
                    yield StoredFile(path.relative_to(root).as_posix(), found.st_size, max(0.0, now - found.st_mtime))


@cache
def _umask() -> int:
    """Return the file mode mask of the process, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_durably(target: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=_UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())  # mkstemp's 0600 would exclude other users of a shared store
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _make_root(folder: Path) -> None:
    """Create a folder and its parents, and sync all of them: existing ones may have been created by a process that died before
    syncing them. Folders without permission to open are skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    for above in folder.parents:
        with contextlib.suppress(PermissionError):
            _sync(above)


def _sync(path: Path) -> None:
    """Sync the content of a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
