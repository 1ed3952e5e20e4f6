"""Weights as safetensors files named by the digest of their bytes.

A file appears under its name only whole (:mod:`workers.storage.files`) and never changes. Every load hashes the bytes again, so
a flipped bit or a truncated file is an error and not a result.
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

_METADATA_KEY = "clnp"  # one key holding sorted JSON: safetensors does not keep the order of several keys
_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Contents:
    """What an artifact holds."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


class ArtifactStore:
    """The artifacts below a root, a folder or ``s3://BUCKET/PREFIX``. Safe for any number of processes: equal content has an
    equal name."""

    def __init__(self, root: Path | str) -> None:
        self.files = open_files(root)

    @staticmethod
    def name(digest: str) -> str:
        """The file of an artifact below the root: ``ab/abcd….safetensors``.

        Raises:
            ArtifactError: this is no digest, and as a file's name it might lead out of the store.
        """
        return below(digest[:2], f"{digest}{_SUFFIX}")

    def shown(self, digest: str) -> str:
        """Where an artifact lies, for messages."""
        return self.files.shown(self.name(digest))

    def put(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> StoredArtifact:
        """Store tensors and JSON-able metadata. The same content gives the same digest, always.

        Raises:
            ArtifactError: the store cannot be written.
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
                                "restore it from a backup; what was read has not been used")
        metadata = _metadata(content)
        if _METADATA_KEY not in metadata:
            raise ArtifactError(f"artifact {shown} carries no metadata of this project", "it was not written by clnp")
        return Contents(safetensors.torch.load(content), json.loads(metadata[_METADATA_KEY]))

    def size(self, digest: str) -> int | None:
        """Bytes of an artifact, which are not looked at; None where it is missing.

        Raises:
            ArtifactError: the store cannot be asked.
        """
        with self._worded("look at", digest):
            return self.files.size(self.name(digest))

    def touch(self, digest: str) -> None:
        """Make sure that an artifact is there, and as young and as safe as if it had been stored now.

        Raises:
            ArtifactError: it is missing, or the store refuses.
        """
        with self._worded("look after", digest, "resume the run"):
            self.files.touch(self.name(digest))

    def changed_at(self, digest: str) -> float | None:
        """When an artifact was stored last, or stored again; None where it is missing.

        Raises:
            ArtifactError: the store cannot be asked.
        """
        with self._worded("look at", digest):
            return self.files.changed_at(self.name(digest))

    def remove(self, digest: str, last_changed_at: float | None = None) -> int:
        """Delete an artifact; returns the bytes freed, 0 when it was not there, or has been stored again since that moment.

        Raises:
            ArtifactError: the store refuses.
        """
        with self._worded("remove", digest):
            if last_changed_at is not None and self.files.changed_at(self.name(digest)) != last_changed_at:
                return 0
            return self.files.remove(self.name(digest))

    def stored(self) -> Iterator[tuple[str, StoredFile]]:
        """Every artifact that lies there, recorded or not, as its digest and its file."""
        for file in self.files.list():
            folder, _, rest = file.name.partition("/")
            digest = rest.removesuffix(_SUFFIX)
            if len(folder) == 2 and is_part(digest) and file.name == self.name(digest):
                yield digest, file

    @contextmanager
    def _worded(self, doing: str, digest: str, then: str = "try again") -> Iterator[None]:
        """What the system refuses, as an error of ours; that a file is not there passes through where it is only read."""
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
    """The free text of a safetensors file: eight bytes of length, and a JSON header with ``__metadata__``."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8:8 + length]).get("__metadata__", {})
    return metadata


def put_network(store: ArtifactStore, network: Network, kind: str, extra_tensors: Mapping[str, Tensor] | None = None,
                **facts: object) -> StoredArtifact:
    """Publish a network. ``kind`` is ``trial`` or ``commit``; ``facts`` are JSON-able and part of the digest."""
    metadata = {"kind": kind, "architecture": network.architecture.to_json(), **facts}
    return store.put({**network.to_tensors(), **(extra_tensors or {})}, metadata)


def get_network(store: ArtifactStore, digest: str) -> tuple[Network, Contents]:
    """Re-read a published network, with all that its artifact holds.

    Raises:
        ArtifactError: missing or damaged.
    """
    contents = store.get(digest)
    return Network.from_tensors(Architecture.from_json(contents.metadata["architecture"]), contents.tensors), contents
