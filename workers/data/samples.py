"""What a task is made of: samples in three splits; and what a benchmark has to be to give tasks."""

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
        """The same samples on another device."""
        return Samples(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True, eq=False)
class TaskData:
    """One task: samples of one shape in three splits, labels 0 … classes − 1."""

    train: Samples
    val: Samples
    test: Samples
    classes: int

    def to(self, device: torch.device | str) -> "TaskData":
        """The same task on another device."""
        return TaskData(self.train.to(device), self.val.to(device), self.test.to(device), self.classes)

    def split_digest(self) -> str:
        """sha256 over the labels and inputs of the three splits: two runs with equal digests saw the same data."""
        digest = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            for tensor in (part.labels, part.inputs):
                digest.update(tensor.cpu().contiguous().numpy().data)  # the memory itself: no copy of a large task
        return digest.hexdigest()


class Benchmark(Protocol):
    """A sequence of tasks. What ``module:callable`` has to return."""

    @property
    def tasks(self) -> int | None:
        """How many tasks there are, or None for any number."""

    def task(self, number: int) -> TaskData:
        """The data of one task, counted from 1. The same number gives the same data, in every process."""
