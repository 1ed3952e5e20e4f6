"""Weights as safetensors files named by the digest of their bytes.

A file is complete under its name (:mod:`workers.storage.files`) and never changes. Every load hashes the bytes again, so a
flipped bit or a truncated file raises an error instead of giving a wrong result.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from clnp_core.architecture import Architecture
from clnp_core.errors import ArtifactError
from clnp_core.network import Network
from clnp_core.values import StoredArtifact
from workers.storage.files import StoredFile, below, is_part
from workers.storage.schemes import open_files

_METADATA_KEY = "clnp"  # a single key with sorted JSON, because safetensors does not keep the order of keys
_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Contents:
    """The content of an artifact."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


class ArtifactStore:
    """The artifacts below a root, a folder or ``s3://BUCKET/PREFIX``. Safe for any number of processes: equal content has the
    same name."""

    def __init__(self, root: Path | str) -> None:
        self.files = open_files(root)

    @staticmethod
    def name(digest: str) -> str:
        """Return the file of an artifact below the root: ``ab/abcd….safetensors``.

        Raises:
            ArtifactError: this is not a digest, and as a file's name it might lead out of the store.
        """
        return below(digest[:2], f"{digest}{_SUFFIX}")

    def shown(self, digest: str) -> str:
        """Return the location of an artifact, for messages."""
        return self.files.shown(self.name(digest))

    def put(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> StoredArtifact:
        """Store tensors and JSON-able metadata. The same content always gives the same digest.

        Raises:
            ArtifactError: the store cannot be written to.
        """
        text = json.dumps(dict(metadata), sort_keys=True, separators=(",", ":"))
        on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = safetensors.torch.save(on_cpu, metadata={_METADATA_KEY: text})
        digest = _digest(content)
        name = self.name(digest)
        with self._worded("write", digest, "resume the run"):
            if self.files.size(name) == len(content) and _digest(self.files.read(name)) == digest:
                self.files.touch(name)
            else:
                self.files.write(name, content)
        return StoredArtifact(digest, len(content))

    def get(self, digest: str) -> Contents:
        """Load an artifact and check every byte of it.

        Raises:
            ArtifactError: missing, damaged, or not written by this project.
        """
        shown = self.shown(digest)
        try:
            with self._worded("read", digest):
                content = self.files.read(self.name(digest))
        except FileNotFoundError:
            raise ArtifactError(f"artifact {shown} is missing",
                                "restore it from a backup, or point CLNP_STORAGE at the folder that holds it") from None
        actual = _digest(content)
        if actual != digest:
            raise ArtifactError(f"artifact {shown} is damaged: its bytes have digest {actual[:12]}…, not {digest[:12]}…",
                                "restore it from a backup; the damaged content was not used")
        metadata = _metadata(content)
        if _METADATA_KEY not in metadata:
            raise ArtifactError(f"artifact {shown} has no metadata of this project", "it was not written by clnp")
        return Contents(safetensors.torch.load(content), json.loads(metadata[_METADATA_KEY]))

    def size(self, digest: str) -> int | None:
        """Return the size of an artifact in bytes, without reading it; None if it is missing.

        Raises:
            ArtifactError: the store cannot be accessed.
        """
        with self._worded("look at", digest):
            return self.files.size(self.name(digest))

    def touch(self, digest: str) -> None:
        """Check that an artifact exists, and make it as recent and durable as if it had been stored now.

        Raises:
            ArtifactError: it is missing, or the store refuses.
        """
        with self._worded("look after", digest, "resume the run"):
            self.files.touch(self.name(digest))

    def changed_at(self, digest: str) -> float | None:
        """Return when an artifact was last stored; None if it is missing.

        Raises:
            ArtifactError: the store cannot be accessed.
        """
        with self._worded("look at", digest):
            return self.files.changed_at(self.name(digest))

    def remove(self, digest: str, last_changed_at: float | None = None) -> int:
        """Delete an artifact; return the bytes freed, 0 if it did not exist or has been stored again since ``last_changed_at``.

        Raises:
            ArtifactError: the store refuses.
        """
        with self._worded("remove", digest):
            if last_changed_at is not None and self.files.changed_at(self.name(digest)) != last_changed_at:
                return 0
            return self.files.remove(self.name(digest))

    def stored(self) -> Iterator[tuple[str, StoredFile]]:
        """Yield every artifact in the store, recorded or not, as its digest and its file."""
        for file in self.files.list():
            folder, _, rest = file.name.partition("/")
            digest = rest.removesuffix(_SUFFIX)
            if len(folder) == 2 and is_part(digest) and file.name == self.name(digest):
                yield digest, file

    @contextmanager
    def _worded(self, doing: str, digest: str, then: str = "try again") -> Iterator[None]:
        """Raise errors of the system as ArtifactError, except a missing file while reading."""
        try:
            yield
        except OSError as error:
            if doing == "read" and isinstance(error, FileNotFoundError):
                raise
            raise ArtifactError(f"cannot {doing} artifact {self.shown(digest)}: {error.strerror or error}",
                                f"{self.files.remedy}, then {then}") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _metadata(content: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file: eight bytes with a length, and a JSON header with ``__metadata__``."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8:8 + length]).get("__metadata__", {})
    return metadata


def put_network(store: ArtifactStore, network: Network, kind: str, extra_tensors: Mapping[str, Tensor] | None = None,
                **facts: object) -> StoredArtifact:
    """Publish a network. ``kind`` is ``trial`` or ``commit``; ``facts`` are JSON-able and part of the digest."""
    metadata = {"kind": kind, "architecture": network.architecture.to_json(), **facts}
    return store.put({**network.to_tensors(), **(extra_tensors or {})}, metadata)


def get_network(store: ArtifactStore, digest: str) -> tuple[Network, Contents]:
    """Read a published network again, with the whole content of its artifact.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    contents = store.get(digest)
    return Network.from_tensors(Architecture.from_json(contents.metadata["architecture"]), contents.tensors), contents
