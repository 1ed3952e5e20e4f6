"""Load tasks by the name of their benchmark: built in, or your own by import path; and check them before training.

A benchmark is any object with the two members of :class:`Benchmark`. Tasks are tensors in memory: data sets of this size are
loaded once per process, so no data loader is needed.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import cast

import numpy as np
import torch
from torch import Tensor

from clnp_core.errors import ClnpError, ConfigError, DataError
from clnp_core.words import plural
from workers import user_modules
from workers.data.benchmarks import BUILT_IN, PermutedImages, SplitClasses
from workers.data.conversion import plain_inputs, plain_labels, whole_number
from workers.data.datasets import data_folder
from workers.data.provenance import Origin
from workers.data.samples import Benchmark, Samples, TaskData
from workers.spec import BenchmarkSpec

__all__ = ["Benchmark", "Samples", "TaskData", "check_alike", "data_folder", "inputs_are_floats", "load_benchmark", "load_task",
           "task_count", "task_origin"]


def load_benchmark(spec: BenchmarkSpec) -> Benchmark:
    """Return the benchmark that ``spec`` names.

    Raises:
        ConfigError: the name is unknown, or the import path does not exist.
        DataError: its files are missing or damaged.
    """
    if spec.name in BUILT_IN:
        return BUILT_IN[spec.name](spec)
    if ":" not in spec.name:
        raise ConfigError(f"there is no benchmark {spec.name!r}",
                          f"built in are {', '.join(sorted(BUILT_IN))}; name your own as module:callable")
    try:
        with _torch_as_it_was():
            factory = user_modules.load(spec.name)
    except (ImportError, AttributeError) as error:
        raise user_modules.with_traceback(
            ConfigError(f"benchmark {spec.name!r} cannot be imported: {error}", user_modules.name_taken(spec.name, error) or
                        "start clnp in the folder that holds the module, or install it on every worker"), error) from error
    except (ClnpError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a module may also end the process
        raise _failed(spec, "cannot be imported", error,
                      "import its module by hand with `python -c`, and fix what it says") from error
    try:
        with _torch_as_it_was():
            return cast(Benchmark, factory(seed=spec.seed, **spec.params))
    except (ClnpError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise _failed(spec, "failed to load", error,
                      "call it by hand with the same seed and params, and fix what it says") from error


def _failed(spec: BenchmarkSpec, what: str, error: BaseException, hint: str) -> DataError:
    """Return the error of a user's benchmark that raised an exception or tried to end the process."""
    return user_modules.with_traceback(DataError(f"benchmark {spec.name!r} {what}: {user_modules.summary(error)}",
                                              user_modules.name_taken(spec.name, error) or hint), error)


def load_task(spec: BenchmarkSpec, number: int) -> TaskData:
    """Return one task of a benchmark, checked; this process keeps the last ones.

    Args:
        spec: of the benchmark.
        number: counted from 1.

    Raises:
        ConfigError: the benchmark has fewer tasks, or cannot be found.
        DataError: its data is missing or does not satisfy :class:`TaskData`.
    """
    return _task(_Hashable(spec), number)[0]


def inputs_are_floats(spec: BenchmarkSpec, number: int) -> bool:
    """Whether a task has given its training inputs as floating-point numbers, and not as whole numbers or booleans, which may
    stand for kinds.

    Raises:
        ConfigError, DataError: as :func:`load_task`.
    """
    return _task(_Hashable(spec), number)[1]


def task_count(spec: BenchmarkSpec) -> int | None:
    """Return the number of tasks of a benchmark; None if it is unlimited."""
    return _count(_benchmark(_Hashable(spec)))


def check_alike(benchmark: str, task: int, found: tuple[Sequence[int], int], first: tuple[Sequence[int], int]) -> None:
    """Refuse a task that the network of another task cannot read.

    Args:
        benchmark: its name.
        task: counted from 1.
        found: shape of a sample and number of classes of this task.
        first: the same of the first task, for which the network was created.

    Raises:
        DataError: they differ; the hint says what to do.
    """
    (shape, classes), (first_shape, first_classes) = found, first
    if tuple(shape) != tuple(first_shape):
        raise DataError(f"task {task} of {benchmark!r} has samples of shape {list(shape)}, but task 1 has {list(first_shape)}",
                        "one network reads all tasks: pad, crop or resize the samples of all tasks to the same shape")
    if classes != first_classes:
        raise DataError(f"task {task} of {benchmark!r} has {classes} classes, but task 1 has {first_classes}",
                        "the outputs of all tasks have the same size: use the largest number as classes of every TaskData; a "
                        "task need not have samples of each class")


def task_origin(spec: BenchmarkSpec, number: int) -> Origin | None:
    """Return what the inputs of a task were made from; None for a user's benchmark, whose inputs are used as they are.

    Raises:
        ConfigError, DataError: as :func:`load_task`, which must be called before and checks the number.
    """
    benchmark = _benchmark(_Hashable(spec))
    return benchmark.origin(number) if isinstance(benchmark, PermutedImages | SplitClasses) else None


class _Hashable:
    """A spec as a dictionary key: equal digests mean equal data."""

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
    try:
        tasks = getattr(benchmark, "tasks", "missing")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _failed(key.spec, "failed at its member tasks", error,
                      "read that member by hand, and fix what it says") from error
    if (tasks is not None and whole_number(tasks) is None) or not callable(getattr(benchmark, "task", None)):
        raise DataError(f"benchmark {key.spec.name!r} is not a sequence of tasks: its member tasks is {tasks!r}",
                        "it needs tasks, an integer or None, and a method task(number)")
    return benchmark


def _count(benchmark: Benchmark) -> int | None:
    return None if benchmark.tasks is None else whole_number(benchmark.tasks)


@contextmanager
def _torch_as_it_was() -> Iterator[None]:
    """Undo what a user's code sets globally in torch: types, devices, gradients and threads belong to the trial."""
    dtype, device, gradients = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if torch.get_float32_matmul_precision() != precision:
            torch.set_float32_matmul_precision(precision)


@lru_cache(maxsize=2)
def _task(key: _Hashable, number: int) -> tuple[TaskData, bool]:
    """The task, and whether its training inputs came as floating-point numbers."""
    benchmark = _benchmark(key)
    there = _count(benchmark)
    if there is not None and number > there:
        raise ConfigError(f"benchmark {key.spec.name!r} has {plural(there, 'task')}, but task {number} was requested",
                          f"set benchmark.tasks to at most {there}")
    try:
        with _torch_as_it_was():
            data = benchmark.task(number)
    except (ClnpError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise _failed(key.spec, f"failed at task {number}", error,
                      "call its task() by hand with that number, and fix what it says") from error
    if not isinstance(data, TaskData):
        raise DataError(f"benchmark {key.spec.name!r} returned a {type(data).__name__} for task {number}",
                        "task() must return a clnp.TaskData")
    classes = whole_number(data.classes)
    if classes is None:
        raise DataError(f"{key.spec.name}, task {number}: classes is a {type(data.classes).__name__}, {data.classes!r:.40}",
                        "use an integer: int(...)")
    where = f"{key.spec.name}, task {number}"
    train, val, test = (_plain(f"{where}, {name}", part)
                        for name, part in (("train", data.train), ("val", data.val), ("test", data.test)))
    are_floats = _are_floats(data.train.inputs)
    data = TaskData(train, val, test, classes)
    for name, part in (("train", train), ("val", val), ("test", test)):
        _check(f"{where}, {name}", part, data)
    return data, are_floats


def _are_floats(inputs: object) -> bool:
    """Of a tensor or an array."""
    return inputs.is_floating_point() if isinstance(inputs, Tensor) else np.issubdtype(np.asarray(inputs).dtype, np.floating)


def _plain(where: str, part: object) -> Samples:
    """Return a split as the plain tensors that a training reads."""
    if not isinstance(part, Samples):
        raise DataError(f"{where} is a {type(part).__name__}", "each split must be a clnp.Samples of inputs and labels")
    return Samples(plain_inputs(where, part.inputs), plain_labels(where, part.labels))


_HINT = ("inputs must be finite float32 [samples, values] or [samples, channels, height, width], "
         "labels int64 [samples] in 0 … classes − 1")


def _check(where: str, part: Samples, task: TaskData) -> None:
    """Check one split; its samples must have the shape of the training samples, which are checked first."""
    inputs, labels = part.inputs, part.labels
    if inputs.ndim not in (2, 4) or 0 in inputs.shape[1:] or labels.ndim != 1:
        raise DataError(f"{where}: inputs are {inputs.dtype} {list(inputs.shape)}, labels {labels.dtype} {list(labels.shape)}",
                        _HINT)
    if len(inputs) != len(labels) or not len(labels):
        raise DataError(f"{where}: {len(inputs)} inputs and {len(labels)} labels", _HINT)
    if inputs.shape[1:] != task.train.inputs.shape[1:]:
        raise DataError(f"{where}: samples are {list(inputs.shape[1:])}, training samples {list(task.train.inputs.shape[1:])}",
                        "all splits of a task must have samples of the same shape")
    if not all(math.isfinite(end) for end in inputs.aminmax()):  # NaN propagates, and nothing is copied
        raise DataError(f"{where}: an input is NaN or infinite", _HINT)
    if int(labels.min()) < 0 or int(labels.max()) >= task.classes:
        raise DataError(f"{where}: labels range from {int(labels.min())} to {int(labels.max())}, "
                        f"but the task has {task.classes} classes", _HINT)
