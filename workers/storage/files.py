"""Bytes under names, where all machines of a run can reach them: the floor that artifacts and checkpoints stand on.

:func:`workers.storage.schemes.open_files` gives the files below a root: a folder that the machines share
(:mod:`workers.storage.local`), or a bucket of an S3-compatible store (:mod:`workers.storage.s3`). Both keep the same promises.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from clnp_core.errors import ArtifactError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_REMEDY = "somebody has changed the database or the store by hand; nothing outside of the store was touched"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: its name below the root with ``/`` between folders, its size, and the age of its last write in seconds."""

    name: str
    size_bytes: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class StoreCondition:
    """What :meth:`Files.inspect` found: whether the root is there already, and how many bytes are free below it, None where
    that has no limit."""

    exists: bool
    free_bytes: int | None


class Files(Protocol):
    """The files below one root. Safe for any number of processes; what the system refuses is raised as ``OSError``.

    A file is whole under its name or not there. No method reaches a file outside of the root: a name that would lead there
    raises ``ArtifactError``. Attributes: ``root``, where they lie, and ``remedy``, how to fix what the system refuses, as the
    beginning of a sentence.

    Attributes of the class, which say what depends on the kind of store before one is opened:
        kind: what a root names, for messages.
        is_local: a folder that this machine reaches by its path. A file may then be appended to, and looking through all files
            of a folder is cheap; elsewhere files are written whole, and each costs a request.
        credentials: variables of the environment that reach it. Workers on other machines are given them.
    """

    kind: ClassVar[str]
    is_local: ClassVar[bool]
    credentials: ClassVar[tuple[str, ...]]

    def __init__(self, root: str) -> None:
        """Files below ``root``, as :meth:`full_root` gives it."""

    @staticmethod
    def full_root(root: str | Path) -> str:
        """Return the root as every process understands it.

        Raises:
            ConfigError: it names no store of this kind.
        """

    @staticmethod
    def check_root(root: str, setting: str) -> None:
        """Refuse a root that names nothing that can be, without asking the store.

        Args:
            root: as it was given.
            setting: where it was given, for the message. The root is not repeated where it may hold a password.

        Raises:
            ConfigError: it cannot be.
        """

    @property
    def root(self) -> str: ...

    @property
    def remedy(self) -> str: ...

    def shown(self, name: str) -> str:
        """Where a file lies, for messages."""

    def read(self, name: str) -> bytes:
        """The whole file; ``FileNotFoundError`` where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file there, instead of the one that may be there; it survives a power loss from here on."""

    def size(self, name: str) -> int | None:
        """Its size in bytes; None where there is no such file."""

    def touch(self, name: str) -> None:
        """Make a file as young and as safe as if it had been written now: nobody takes it for forgotten, and it survives a
        power loss, whoever wrote it and however far they came."""

    def changed_at(self, name: str) -> float | None:
        """When it was written or touched last, in seconds since 1970 by the store's clock; None where there is no such file."""

    def remove(self, name: str) -> int:
        """Delete a file, or a leftover; returns the bytes freed, 0 where there was none."""

    def list(self, folder: str = "") -> Iterator[StoredFile]:
        """Every whole file below a folder, in an order that does not change; none where the folder is missing. Names that
        begin with a dot are left out, as are folders that do."""

    def leftovers(self) -> Iterator[StoredFile]:
        """Unfinished files: of writes that are going on, or that were interrupted."""

    def remove_empty(self, folder: str) -> None:
        """Remove a folder and the folders in it, as far as they hold nothing. A store without folders has nothing to do."""

    def inspect(self) -> StoreCondition:
        """Look at whether files can be written here; nothing is left behind.

        Raises:
            ArtifactError: they cannot, and why.
        """


def is_part(text: str) -> bool:
    """Return whether a text may be one part of a file's name: letters, digits, ``_``, ``.`` and ``-``, the first one of the
    first three."""
    return _PART.fullmatch(text) is not None


def below(*parts: str) -> str:
    """Join parts, each a folder or in the end a file, to the name of a file below a root.

    Whatever a database says (names of runs, digests, ids) becomes part of a name here and nowhere else.

    Raises:
        ArtifactError: a part cannot be one (:func:`is_part`), for instance because it would lead out of its folder.
    """
    for part in parts:
        if not is_part(part):
            raise ArtifactError(f"{part!r} cannot be part of a file's name in the artifact store", _REMEDY)
    return "/".join(parts)


def inside(name: str) -> str:
    """Return a name as it is, if it stays below the root that it is taken from. Empty means the root.

    Raises:
        ArtifactError: it would lead out of the root.
    """
    if "\0" in name or (name and not all(part.strip(".") for part in name.rstrip("/").split("/"))):
        raise ArtifactError(f"{name!r} cannot be a file's name in the artifact store", _REMEDY)
    return name
