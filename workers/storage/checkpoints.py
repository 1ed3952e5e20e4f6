"""Checkpoints from which interrupted trainings resume: one file for each training, below the root of the artifacts.

A checkpoint is ``checkpoints/KEY.safetensors``, named by the key of what is trained. It is complete or absent
(:mod:`workers.storage.files`) and contains its own SHA-256, the fingerprint of the environment in which it was written, and
its key: a checkpoint that is damaged, of another training or of another environment is never used. It saves time and does not
affect results.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from clnp_core.errors import ArtifactError
from workers.storage.artifacts import ArtifactStore
from workers.storage.files import StoredFile, below, is_part

_FOLDER, _SUFFIX = "checkpoints", ".safetensors"
_METADATA_KEY, _SEAL_KEY = "clnp", "sha256"
_SEAL = re.compile(rb'"sha256":"([0-9a-f]{64})"')  # a quote inside another value of the header is preceded by a backslash
_NO_SEAL = "0" * 64


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of a checkpoint: tensors and JSON-able facts by name."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def with_all_of(self, other: "Snapshot") -> "Snapshot":
        """Return the union of two snapshots, which have no names in common."""
        return Snapshot({**self.tensors, **other.tensors}, {**self.facts, **other.facts})


class Checkpoints:
    """The checkpoints below the root of an artifact store. Safe for any number of processes."""

    def __init__(self, root: Path | str) -> None:
        self.files = ArtifactStore(root).files

    @staticmethod
    def name(key: str) -> str:
        """Return the file of a checkpoint below the root.

        Raises:
            ArtifactError: this is not a key, and as a file's name it might lead out of the store.
        """
        return below(_FOLDER, f"{key}{_SUFFIX}")

    def write(self, key: str, environment: Mapping[str, Any], snapshot: Snapshot) -> int:
        """Write a checkpoint, replacing the previous one; return the bytes written.

        Raises:
            OSError: the store cannot be written to.
        """
        tensors = {name: tensor.detach().cpu() for name, tensor in snapshot.tensors.items()}
        strides = {name: tensor.stride() for name, tensor in tensors.items() if not tensor.is_contiguous()}
        text = json.dumps({"key": key, "environment": dict(environment), "facts": snapshot.facts, "strides": strides},
                          sort_keys=True, separators=(",", ":"), allow_nan=False)
        content = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()},
                                         metadata={_METADATA_KEY: text, _SEAL_KEY: _NO_SEAL})
        self.files.write(self.name(key), _sealed(content))
        return len(content)

    def read(self, key: str, environment: Mapping[str, Any]) -> Snapshot | None:
        """Read the checkpoint of a training and check every byte; tensors are on the CPU with their original memory layout.

        Returns:
            None if there is none.

        Raises:
            ArtifactError: there is one that must not be used; says why.
        """
        shown = self.files.shown(self.name(key))
        try:
            content = self.files.read(self.name(key))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArtifactError(f"checkpoint {shown} cannot be read: {error.strerror or error}",
                                "fix the disk or the permissions") from error
        if not _is_whole(content):
            raise ArtifactError(f"checkpoint {shown} is damaged", "the damaged content was not used")
        header = json.loads(content[8:8 + _header_length(content)])
        written = json.loads(header["__metadata__"][_METADATA_KEY])
        if written["key"] != key:
            raise ArtifactError(f"checkpoint {shown} belongs to another training", "it was copied or renamed; remove it")
        if written["environment"] != dict(environment):
            raise ArtifactError(f"checkpoint {shown} was written in another environment",
                                "device, torch, code and threads must agree for results to be the same bit for bit")
        tensors = {name: _laid_out(tensor, written["strides"].get(name))
                   for name, tensor in safetensors.torch.load(content).items()}
        return Snapshot(tensors, written["facts"])

    def remove(self, key: str) -> int:
        """Delete a checkpoint; return the bytes freed, 0 if it did not exist."""
        return self.files.remove(self.name(key))

    def stored(self) -> Iterator[tuple[str, StoredFile]]:
        """Yield every checkpoint in the store, as the key of its training and its file, with its age."""
        for file in self.files.list(_FOLDER):
            key = file.name.removeprefix(f"{_FOLDER}/").removesuffix(_SUFFIX)
            if is_part(key) and file.name == self.name(key):
                yield key, file


def _sealed(content: bytes) -> bytes:
    """Return the file with the digest of all its other bytes in its header."""
    start, end = _seal_place(content) or (0, 0)
    return b"".join([content[:start], hashlib.sha256(content).hexdigest().encode("ascii"), content[end:]])


def _is_whole(content: bytes) -> bool:
    """Return whether these are exactly the bytes that were sealed."""
    place = _seal_place(content)
    if place is None:
        return False
    start, end = place
    digest = hashlib.sha256(content[:start])
    digest.update(_NO_SEAL.encode("ascii"))
    digest.update(memoryview(content)[end:])
    return digest.hexdigest().encode("ascii") == content[start:end]


def _seal_place(content: bytes) -> tuple[int, int] | None:
    """Return the start and end of the digest in a file; None if there is none in the header."""
    found = _SEAL.search(content, 8, 8 + _header_length(content))
    return None if found is None else found.span(1)


def _header_length(content: bytes) -> int:
    """Return the length of a safetensors header: eight bytes with the length, then the JSON header."""
    return min(int.from_bytes(content[:8], "little"), len(content))


def _laid_out(tensor: Tensor, strides: list[int] | None) -> Tensor:
    """Return a copy with these strides, or contiguous: kernels may sum in another order for another layout."""
    laid_out = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype) if strides else torch.empty_like(tensor)
    return laid_out.copy_(tensor)
