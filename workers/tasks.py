"""Sequences of tasks: permuted digits, permuted MNIST, and your own by import path.

A benchmark is any object with :class:`Benchmark`'s two members. Tasks are resident tensors: a data set of this size is
loaded once per process, so no loader stands between the data and the arithmetic.
"""

import hashlib
import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from clnp_core.errors import ClnpError, ConfigError, DataError
from workers.spec import BenchmarkSpec, derive_seed


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Inputs float32 [samples, values] and labels int64 [samples]."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Samples":
        """The same samples on another device."""
        return Samples(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True, eq=False)
class TaskData:
    """One task: labels are 0 … classes − 1."""

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
            digest.update(part.labels.cpu().numpy().tobytes())
            digest.update(part.inputs.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class Benchmark(Protocol):
    """A sequence of tasks. What ``module:callable`` has to return."""

    @property
    def tasks(self) -> int | None:
        """How many tasks there are, or None for any number."""

    def task(self, number: int) -> TaskData:
        """The data of one task, counted from 1. The same number gives the same data, in every process."""


class PermutedImages:
    """Task k shows every image of one data set through permutation k of the pixels (paper §3.1), the first task too."""

    def __init__(self, train: Samples, test: Samples, classes: int, validation: int, spec: BenchmarkSpec) -> None:
        """Split off the validation samples, once for all tasks.

        Args:
            train: all training samples, values in [0, 1].
            test: the test samples.
            classes: number of classes.
            validation: how many training samples to hold out.
            spec: seeds and normalisation.
        """
        order = _permutation(len(train), spec.seed, "validation split")
        held_out, kept = order[:validation], order[validation:]
        parts = [Samples(train.inputs[kept], train.labels[kept]),
                 Samples(train.inputs[held_out], train.labels[held_out]), test]
        if spec.normalize == "standard":
            mean, deviation = parts[0].inputs.mean(), parts[0].inputs.std()
            parts = [Samples((part.inputs - mean) / deviation, part.labels) for part in parts]
        self._parts, self._classes, self._seed = parts, classes, spec.seed

    @property
    def tasks(self) -> int | None:
        return None

    def task(self, number: int) -> TaskData:
        pixels = _permutation(self._parts[0].inputs.shape[1], self._seed, "permutation", number)
        train, val, test = (Samples(part.inputs[:, pixels].contiguous(), part.labels) for part in self._parts)
        return TaskData(train, val, test, self._classes)


def permuted_digits(spec: BenchmarkSpec) -> Benchmark:
    """scikit-learn's 1,797 real 8×8 digits: a fifth for testing, a fifth for validation, the rest for training."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    inputs = torch.from_numpy(np.asarray(images, dtype=np.float32) / 16.0)
    targets = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    order = _permutation(len(targets), spec.seed, "test split")
    fifth = len(targets) // 5
    test, rest = order[:fifth], order[fifth:]
    validation = fifth if spec.validation_fraction is None else _held_out(spec.validation_fraction, len(rest))
    return PermutedImages(Samples(inputs[rest], targets[rest]), Samples(inputs[test], targets[test]), 10, validation, spec)


def permuted_mnist(spec: BenchmarkSpec) -> Benchmark:
    """MNIST from the data folder: 50,000 for training, 10,000 for validation, 10,000 for testing."""
    train, test = _mnist(train=True), _mnist(train=False)
    validation = 10_000 if spec.validation_fraction is None else _held_out(spec.validation_fraction, len(train))
    return PermutedImages(train, test, 10, validation, spec)


BUILT_IN: dict[str, Callable[[BenchmarkSpec], Benchmark]] = {
    "permuted-digits": permuted_digits,
    "permuted-mnist": permuted_mnist,
}


def data_folder() -> Path:
    """Where data sets lie: ``CLNP_DATA``, or ``.clnp/data`` below the working folder."""
    return Path(os.environ.get("CLNP_DATA") or Path(".clnp") / "data").expanduser().absolute()


def load_benchmark(spec: BenchmarkSpec) -> Benchmark:
    """The benchmark that ``spec`` names.

    Raises:
        ConfigError: an unknown name, or an import path that leads nowhere.
        DataError: its files are missing or damaged.
    """
    if spec.name in BUILT_IN:
        return BUILT_IN[spec.name](spec)
    if ":" not in spec.name:
        raise ConfigError(f"there is no benchmark {spec.name!r}",
                          f"built in are {', '.join(sorted(BUILT_IN))}; your own is named module:callable")
    module, _, name = spec.name.partition(":")
    if str(Path.cwd()) not in sys.path:  # a console command has its own folder there, not the user's
        sys.path.insert(0, str(Path.cwd()))
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"benchmark {spec.name!r} cannot be imported: {error}",
                          "start clnp in the folder that holds the module, or install it on every worker") from error
    try:
        return cast(Benchmark, factory(seed=spec.seed, **spec.params))
    except ClnpError:
        raise
    except Exception as error:
        raise DataError(f"benchmark {spec.name!r} failed to load: {type(error).__name__}: {error}",
                        "call it by hand with the same seed and params, and mend what it says") from error


def load_task(spec: BenchmarkSpec, number: int) -> TaskData:
    """One task of a benchmark, checked; kept in this process until other tasks push it out.

    Raises:
        ConfigError: the benchmark has fewer tasks, or cannot be found.
        DataError: its data is missing or is not what :class:`TaskData` asks for.
    """
    return _task(_Hashable(spec), number)


def task_count(spec: BenchmarkSpec) -> int | None:
    """How many tasks a benchmark has; None for any number."""
    return _benchmark(_Hashable(spec)).tasks


class _Hashable:
    """A spec as a dictionary key: equal digests, equal data."""

    def __init__(self, spec: BenchmarkSpec) -> None:
        self.spec = spec
        self._key = spec.fingerprint(0)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and self._key == other._key


@lru_cache(maxsize=1)
def _benchmark(key: _Hashable) -> Benchmark:
    benchmark = load_benchmark(key.spec)
    tasks = getattr(benchmark, "tasks", "missing")
    if (tasks is not None and not isinstance(tasks, int)) or not callable(getattr(benchmark, "task", None)):
        raise DataError(f"benchmark {key.spec.name!r} is no sequence of tasks: its member tasks is {tasks!r}",
                        "it needs tasks, a whole number or None, and a method task(number)")
    return benchmark


@lru_cache(maxsize=2)
def _task(key: _Hashable, number: int) -> TaskData:
    benchmark = _benchmark(key)
    if benchmark.tasks is not None and number > benchmark.tasks:
        raise ConfigError(f"benchmark {key.spec.name!r} has {benchmark.tasks} tasks, task {number} was asked for",
                          f"set benchmark.tasks to at most {benchmark.tasks}")
    try:
        data = benchmark.task(number)
    except ClnpError:
        raise
    except Exception as error:
        raise DataError(f"benchmark {key.spec.name!r} failed at task {number}: {type(error).__name__}: {error}",
                        "call its task() by hand with that number, and mend what it says") from error
    if not isinstance(data, TaskData) or not isinstance(data.classes, int):
        raise DataError(f"benchmark {key.spec.name!r} gave a {type(data).__name__} for task {number}",
                        "task() returns a workers.tasks.TaskData, with a whole number of classes")
    for name, part in (("train", data.train), ("val", data.val), ("test", data.test)):
        _check(f"{key.spec.name}, task {number}, {name}", part, data.classes)
    return data


def _check(where: str, part: Samples, classes: int) -> None:
    hint = "inputs must be finite float32 [samples, values], labels int64 [samples] in 0 … classes − 1"
    if part.inputs.ndim != 2 or part.inputs.dtype != torch.float32 or part.labels.dtype != torch.int64:
        raise DataError(f"{where}: inputs are {part.inputs.dtype} {list(part.inputs.shape)}, "
                        f"labels {part.labels.dtype} {list(part.labels.shape)}", hint)
    if len(part.inputs) != len(part.labels) or not len(part):
        raise DataError(f"{where}: {len(part.inputs)} inputs and {len(part.labels)} labels", hint)
    if not bool(part.inputs.isfinite().all()):
        raise DataError(f"{where}: some input is NaN or infinite", hint)
    if int(part.labels.min()) < 0 or int(part.labels.max()) >= classes:
        raise DataError(f"{where}: labels run from {int(part.labels.min())} to {int(part.labels.max())}, "
                        f"the task has {classes} classes", hint)


def _permutation(length: int, *seed_parts: object) -> Tensor:
    return torch.randperm(length, generator=torch.Generator().manual_seed(derive_seed(*seed_parts)))


def _held_out(fraction: float, samples: int) -> int:
    return max(1, min(samples - 1, round(fraction * samples)))


def _mnist(train: bool) -> Samples:
    from workers.vision import datasets

    root = data_folder()
    try:
        dataset = datasets().MNIST(str(root), train=train, download=False)
    except RuntimeError:
        dataset = _download_mnist(root, train)
    return Samples(dataset.data.reshape(len(dataset.data), -1).to(torch.float32) / 255.0,
                   dataset.targets.to(torch.int64))


def _download_mnist(root: Path, train: bool) -> Any:
    from workers.vision import datasets

    try:
        return datasets().MNIST(str(root), train=train, download=True)
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"MNIST is not in {root / 'MNIST' / 'raw'} and could not be downloaded ({reason})",
                        "set CLNP_DATA to the folder that holds MNIST/raw, or connect this machine to the internet") from error
