"""The data of a task, samples in three splits; and the interface of a benchmark."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Inputs float32 [samples, values] or [samples, channels, height, width], and labels int64 [samples]."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Samples":
        """Return the same samples on another device."""
        return Samples(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True, eq=False)
class TaskData:
    """One task: samples of one shape in three splits, labels 0 … classes − 1."""

    train: Samples
    val: Samples
    test: Samples
    classes: int

    def to(self, device: torch.device | str) -> "TaskData":
        """Return the same task on another device."""
        return TaskData(self.train.to(device), self.val.to(device), self.test.to(device), self.classes)

    def split_digest(self) -> str:
        """Return the sha256 of the labels and inputs of the three splits: equal digests mean equal data."""
        digest = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            for tensor in (part.labels, part.inputs):
                digest.update(tensor.cpu().contiguous().numpy().data)  # without copying a large task
        return digest.hexdigest()


class Benchmark(Protocol):
    """A sequence of tasks; the type that ``module:callable`` must return."""

    @property
    def tasks(self) -> int | None:
        """The number of tasks, or None if it is unlimited."""

    def task(self, number: int) -> TaskData:
        """Return the data of one task, counted from 1. The same number must give the same data in every process."""
