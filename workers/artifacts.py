"""Weights as safetensors files named by the digest of their bytes.

A file appears under its name only whole (:mod:`workers.files`) and never changes. Every load hashes the bytes again, so a
flipped bit or a truncated file is an error and not a result.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from clnp_core.architecture import Architecture
from clnp_core.errors import ArtifactError
from clnp_core.network import Network
from workers.files import Files, Stored

_METADATA_KEY = "clnp"  # one key holding sorted JSON: safetensors does not keep the order of several keys
_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored file: sha256 of its bytes, and how many there are."""

    digest: str
    bytes_written: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What an artifact holds."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


class ArtifactStore:
    """The artifacts below a root. Safe for any number of processes: equal content has an equal name."""

    def __init__(self, root: Path | str) -> None:
        self.files = Files(root)

    @staticmethod
    def name(digest: str) -> str:
        """The file of an artifact below the root: ``ab/abcd….safetensors``."""
        return f"{digest[:2]}/{digest}{_SUFFIX}"

    def shown(self, digest: str) -> str:
        """Where an artifact lies, for messages."""
        return self.files.shown(self.name(digest))

    def put(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> Artifact:
        """Store tensors and JSON-able metadata. The same content gives the same digest, always.

        Raises:
            ArtifactError: the store cannot be written.
        """
        text = json.dumps(dict(metadata), sort_keys=True, separators=(",", ":"))
        on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = safetensors.torch.save(on_cpu, metadata={_METADATA_KEY: text})
        digest = _digest(content)
        try:
            if self.size(digest) == len(content) and _digest(self.files.read(self.name(digest))) == digest:
                self.files.touch(self.name(digest))
                return Artifact(digest, len(content))
            self.files.write(self.name(digest), content)
        except OSError as error:
            raise ArtifactError(f"cannot write artifact {self.shown(digest)}: {error.strerror or error}",
                                "free some disk space or mend the permissions, then resume the run") from error
        return Artifact(digest, len(content))

    def get(self, digest: str) -> Contents:
        """Load an artifact and check every byte of it.

        Raises:
            ArtifactError: missing, damaged, or not written by this project.
        """
        shown = self.shown(digest)
        try:
            content = self.files.read(self.name(digest))
        except FileNotFoundError:
            raise ArtifactError(f"artifact {shown} is missing",
                                "restore it from a backup, or point CLNP_STORAGE at the folder that holds it") from None
        except OSError as error:
            raise ArtifactError(f"artifact {shown} cannot be read: {error.strerror or error}",
                                "mend the disk or the permissions, then try again") from error
        actual = _digest(content)
        if actual != digest:
            raise ArtifactError(f"artifact {shown} is damaged: its bytes have digest {actual[:12]}…, not {digest[:12]}…",
                                "restore it from a backup; what was read has not been used")
        metadata = _metadata(content)
        if _METADATA_KEY not in metadata:
            raise ArtifactError(f"artifact {shown} carries no metadata of this project", "it was not written by clnp")
        return Contents(safetensors.torch.load(content), json.loads(metadata[_METADATA_KEY]))

    def size(self, digest: str) -> int | None:
        """Bytes of an artifact, which are not looked at; None where it is missing."""
        return self.files.size(self.name(digest))

    def remove(self, digest: str) -> int:
        """Delete an artifact; returns the bytes freed, 0 when it was not there."""
        return self.files.remove(self.name(digest))

    def stored(self) -> Iterator[tuple[str, Stored]]:
        """Every artifact that lies there, recorded or not, as its digest and its file."""
        for file in self.files.list():
            folder, _, rest = file.name.partition("/")
            digest = rest.removesuffix(_SUFFIX)
            if len(folder) == 2 and file.name == self.name(digest):
                yield digest, file


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _metadata(content: bytes) -> dict[str, str]:
    """The free text of a safetensors file: eight bytes of length, and a JSON header with ``__metadata__``."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8:8 + length]).get("__metadata__", {})
    return metadata


def put_network(store: ArtifactStore, network: Network, kind: str, extra_tensors: Mapping[str, Tensor] | None = None,
                **facts: Any) -> Artifact:
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
