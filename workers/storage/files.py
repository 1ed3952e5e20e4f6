"""Named files that all machines of a run can access; artifacts and checkpoints are built on them.

:func:`workers.storage.schemes.open_files` opens the files below a root: a folder that the machines share
(:mod:`workers.storage.local`), or a bucket of an S3-compatible store (:mod:`workers.storage.s3`). Both have the same
guarantees.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from clnp_core.errors import ArtifactError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_REMEDY = "the database or the store was changed by hand; nothing outside of the store was touched"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: its name below the root with ``/`` between folders, its size, and the age of its last write in seconds."""

    name: str
    size_bytes: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class StoreCondition:
    """The result of :meth:`Files.inspect`: whether the root exists, and how many bytes are free below it, None if there is no
    limit."""

    exists: bool
    free_bytes: int | None


class Files(Protocol):
    """The files below one root. Safe for any number of processes; errors of the system are raised as ``OSError``.

    A file is either complete or absent. No method accesses a file outside of the root: a name that would lead there raises
    ``ArtifactError``. Attributes: ``root``, the location, and ``remedy``, how to fix errors of the system, as the beginning
    of a sentence.

    Class attributes, which describe the kind of store before one is opened:
        kind: what a root names, for messages.
        is_local: whether it is a folder that this machine accesses by its path. Files can then be appended to, and listing a
            folder is cheap; in other stores files are written as a whole, and each costs a request.
        credentials: environment variables for access. They are passed to workers on other machines.
    """

    kind: ClassVar[str]
    is_local: ClassVar[bool]
    credentials: ClassVar[tuple[str, ...]]

    def __init__(self, root: str) -> None:
        """Access files below ``root``, as returned by :meth:`full_root`."""

    @staticmethod
    def full_root(root: str | Path) -> str:
        """Return the root in a form that is valid in every process.

        Raises:
            ConfigError: it does not name a store of this kind.
        """

    @staticmethod
    def check_root(root: str, setting: str) -> None:
        """Refuse a root that is invalid, without accessing the store.

        Args:
            root: as given by the user.
            setting: the name of the setting, for the message. The root is not repeated if it may contain a password.

        Raises:
            ConfigError: it is invalid.
        """

    @property
    def root(self) -> str: ...

    @property
    def remedy(self) -> str: ...

    def shown(self, name: str) -> str:
        """Return the location of a file, for messages."""

    def read(self, name: str) -> bytes:
        """Return the whole content; raises ``FileNotFoundError`` if there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing an existing one; it survives a power loss once this returns."""

    def size(self, name: str) -> int | None:
        """Return its size in bytes; None if there is no such file."""

    def touch(self, name: str) -> None:
        """Make a file as recent and as durable as if it had been written now: it does not count as abandoned, and it survives a
        power loss, even if the process that wrote it died before that was ensured."""

    def changed_at(self, name: str) -> float | None:
        """Return when it was last written or touched, in seconds since 1970 by the store's clock; None if it does not exist."""

    def remove(self, name: str) -> int:
        """Delete a file or a leftover; return the bytes freed, 0 if it did not exist."""

    def list(self, folder: str = "") -> Iterator[StoredFile]:
        """Yield every complete file below a folder, in a fixed order; none if the folder is missing. Files and folders whose
        names begin with a dot are omitted."""

    def leftovers(self) -> Iterator[StoredFile]:
        """Yield unfinished files: of writes in progress, and of interrupted ones."""

    def remove_empty(self, folder: str) -> None:
        """Remove a folder and its subfolders if they are empty. Does nothing in a store without folders."""

    def inspect(self) -> StoreCondition:
        """Check whether files can be written here, without leaving anything behind.

        Raises:
            ArtifactError: they cannot be written; says why.
        """


def is_part(text: str) -> bool:
    """Return whether a text may be one part of a file's name: letters, digits, ``_``, ``.`` and ``-``; the first character
    must be a letter, a digit or ``_``."""
    return _PART.fullmatch(text) is not None


def below(*parts: str) -> str:
    """Join parts, folders and finally a file, to the name of a file below a root.

    This is the only place where values from a database (names of runs, digests, ids) become part of a name.

    Raises:
        ArtifactError: a part is not allowed (:func:`is_part`), for example because it would lead out of its folder.
    """
    for part in parts:
        if not is_part(part):
            raise ArtifactError(f"{part!r} cannot be part of a file's name in the artifact store", _REMEDY)
    return "/".join(parts)


def inside(name: str) -> str:
    """Return a name unchanged if it stays below its root. An empty name means the root.

    Raises:
        ArtifactError: it would lead out of the root.
    """
    if "\0" in name or (name and not all(part.strip(".") for part in name.rstrip("/").split("/"))):
        raise ArtifactError(f"{name!r} cannot be a file's name in the artifact store", _REMEDY)
    return name
