"""Weights on disk: safetensors files named by the digest of their bytes.

A file appears under its name only whole (temporary file, fsync, rename, fsync of the folder) and never changes. Every load
hashes the bytes again, so a flipped bit or a truncated file is an error and not a result.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from clnp_core.architecture import Architecture
from clnp_core.errors import ArtifactError
from clnp_core.network import Network

_METADATA_KEY = "clnp"  # one key holding sorted JSON: safetensors does not keep the order of several keys


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
    """A folder of artifacts. Safe for any number of processes: equal content has an equal name."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).expanduser().absolute()

    def path(self, digest: str) -> Path:
        """Where an artifact lies: ``<root>/ab/abcd….safetensors``."""
        return self.root / digest[:2] / f"{digest}.safetensors"

    def put(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> Artifact:
        """Store tensors and JSON-able metadata. The same content gives the same digest, always.

        Raises:
            ArtifactError: the folder cannot be written.
        """
        text = json.dumps(dict(metadata), sort_keys=True, separators=(",", ":"))
        on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = safetensors.torch.save(on_cpu, metadata={_METADATA_KEY: text})
        digest = hashlib.sha256(content).hexdigest()
        target = self.path(digest)
        try:
            if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == digest:
                return Artifact(digest, len(content))
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(target, content)
        except OSError as error:
            raise ArtifactError(f"cannot write artifact {target}: {error.strerror or error}",
                                "free some disk space or mend the permissions, then resume the run") from error
        return Artifact(digest, len(content))

    def get(self, digest: str) -> Contents:
        """Load an artifact and check every byte of it.

        Raises:
            ArtifactError: missing, damaged, or not written by this project.
        """
        path = self.path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ArtifactError(f"artifact {path} is missing",
                                "restore it from a backup, or point CLNP_STORAGE at the folder that holds it") from None
        except OSError as error:
            raise ArtifactError(f"artifact {path} cannot be read: {error.strerror or error}",
                                "mend the disk or the permissions, then try again") from error
        actual = hashlib.sha256(content).hexdigest()
        if actual != digest:
            raise ArtifactError(f"artifact {path} is damaged: its bytes have digest {actual[:12]}…, not {digest[:12]}…",
                                "restore it from a backup; what was read has not been used")
        with safetensors.safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
        if _METADATA_KEY not in metadata:
            raise ArtifactError(f"artifact {path} carries no metadata of this project", "it was not written by clnp")
        return Contents(safetensors.torch.load(content), json.loads(metadata[_METADATA_KEY]))

    def remove(self, digest: str) -> int:
        """Delete an artifact; returns the bytes freed, 0 when it was not there."""
        path = self.path(digest)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return size


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


@cache
def _umask() -> int:
    """The process's file mode mask; reading it means setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_durably(target: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())  # mkstemp's 0600 would hide a shared store from its other users
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
