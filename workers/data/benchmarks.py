"""Benchmarks made from data sets: each task has all classes under its own permutation, or a few of the classes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from workers.data import datasets
from workers.data.datasets import CIFAR_10, CIFAR_100, MNIST, DataSet, Images
from workers.data.provenance import Origin, Scaling
from workers.data.samples import Benchmark, Samples, TaskData
from workers.spec import BenchmarkSpec, derive_seed


class PermutedImages:
    """Task k shows every image of one data set with permutation k of the pixels (paper §3.1), including the first task."""

    def __init__(self, name: str, data: DataSet, validation: int, spec: BenchmarkSpec) -> None:
        """Split off the validation samples, once for all tasks.

        Args:
            name: of the data set.
            data: its images are read as rows of values.
            validation: how many training samples to hold out.
            spec: seeds and normalisation.
        """
        train, test = (Samples(images.values.flatten(1).to(torch.float32) / data.white, images.labels)
                       for images in (data.train, data.test))
        order = permutation(len(train), spec.seed, "validation split")
        held_out, kept = order[:validation], order[validation:]
        parts = [Samples(train.inputs[kept], train.labels[kept]),
                 Samples(train.inputs[held_out], train.labels[held_out]), test]
        scalings = [Scaling((0.0,), (float(data.white),))]
        if spec.normalize == "standard":
            mean, deviation = parts[0].inputs.mean(), parts[0].inputs.std()
            parts = [Samples((part.inputs - mean) / deviation, part.labels) for part in parts]
            scalings.append(Scaling.of(mean, deviation))
        self._parts, self._classes, self._seed = parts, data.classes, spec.seed
        self._name, self._white, self._scalings = name, data.white, tuple(scalings)

    @property
    def tasks(self) -> int | None:
        return None

    def task(self, number: int) -> TaskData:
        pixels = self._pixels(number)
        train, val, test = (Samples(part.inputs[:, pixels].contiguous(), part.labels) for part in self._parts)
        return TaskData(train, val, test, self._classes)

    def origin(self, number: int) -> Origin:
        """Return what the inputs of a task were made from."""
        return Origin(self._name, self._white, self._scalings, tuple(self._pixels(number).tolist()),
                      tuple(range(self._classes)))

    def _pixels(self, number: int) -> Tensor:
        return permutation(self._parts[0].inputs.shape[1], self._seed, "permutation", number)


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive tasks that share a data set.

    Attributes:
        name: of the data set; seeds the choice of its samples.
        load: loads it; called when one of its tasks is requested, so that unused data sets are never loaded.
        tasks: for each task its classes of the data set, in the order of their labels 0, 1, …
    """

    name: str
    load: Callable[[], DataSet]
    tasks: tuple[tuple[int, ...], ...]


class SplitClasses:
    """Every task has a few classes of a data set, which become its labels 0, 1, …

    Which images of a class are used, and which of these are held out, depends only on the seed, the data set and the class, not
    on the task that has the class.
    """

    def __init__(self, parts: Sequence[Part], validation_fraction: float, spec: BenchmarkSpec) -> None:
        """Prepare the tasks without loading anything.

        Args:
            parts: in the order of their tasks; all tasks have the same number of classes.
            validation_fraction: of each class's training images, unless ``spec`` has another.
            spec: seeds, normalisation, and the number of training images used per class.
        """
        self._tasks = [(part, classes) for part in parts for classes in part.tasks]
        self._fraction = validation_fraction if spec.validation_fraction is None else spec.validation_fraction
        self._spec = spec

    @property
    def tasks(self) -> int | None:
        return len(self._tasks)

    def task(self, number: int) -> TaskData:
        part, classes = self._tasks[number - 1]
        data = part.load()
        train, val = self._split(part, classes, data)
        test = torch.isin(data.test.labels, torch.tensor(classes)).nonzero().flatten()
        splits = [data.train.at(train), data.train.at(val), data.test.at(test)]
        shift, scale = self._scale(splits[0], data)
        new_label = torch.full((data.classes,), -1)
        new_label[torch.tensor(classes)] = torch.arange(len(classes))
        kept, held_out, reported = (Samples(_scaled(images.values, shift, scale), new_label[images.labels])
                                    for images in splits)
        return TaskData(kept, held_out, reported, len(classes))

    def origin(self, number: int) -> Origin:
        """Return what the inputs of a task were made from."""
        part, classes = self._tasks[number - 1]
        data = part.load()
        shift, scale = self._scale(data.train.at(self._split(part, classes, data)[0]), data)
        scaling = Scaling((0.0,), (float(scale),)) if shift is None else Scaling.of(shift, torch.as_tensor(scale))
        return Origin(part.name, data.white, (scaling,), None, classes)

    def _split(self, part: Part, classes: tuple[int, ...], data: DataSet) -> tuple[Tensor, Tensor]:
        """Return the indices of the training and validation images."""
        return split_by_class(data.train.labels, classes, self._fraction, self._spec.samples_per_class,
                              self._spec.seed, "validation split", part.name)

    def _scale(self, training: Images, data: DataSet) -> tuple[Tensor | None, Tensor | int]:
        return channel_statistics(training.values) if self._spec.normalize == "standard" else (None, data.white)


def split_by_class(labels: Tensor, classes: Iterable[int], fraction: float, limit: int | None,
                   *seed_parts: object) -> tuple[Tensor, Tensor]:
    """Hold out the same share of every class, at random.

    Args:
        labels: int64 [samples].
        classes: the classes to split; other samples are in neither part.
        fraction: held out of each class, rounded to whole samples; at least one of two or more samples is on either side.
        limit: the maximum number of samples per class, including those held out; None for all.
        seed_parts: the seed of a class is derived from these and its label.

    Returns:
        The indices of the samples that stay and of those held out, int64, both ascending.
    """
    kept, held_out = [], []
    for label in classes:
        members = (labels == label).nonzero().flatten()
        members = members[permutation(len(members), *seed_parts, label)][:limit]
        size = held_out_samples(fraction, len(members))
        held_out.append(members[:size])
        kept.append(members[size:])
    return torch.cat(kept).sort().values, torch.cat(held_out).sort().values


def channel_statistics(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and deviation of every channel of bytes [samples, channels, height, width], each float32 [channels, 1,
    1].

    Computed with integers, so the bits do not depend on the order of a sum. A constant channel has deviation 1.
    """
    means, deviations = [], []
    for channel in values.unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256).tolist()
        total = sum(counts)
        first = sum(value * count for value, count in enumerate(counts))
        second = sum(value * value * count for value, count in enumerate(counts))
        means.append(first / total)
        deviations.append(sqrt(total * second - first * first) / total or 1.0)
    return torch.tensor(means).reshape(-1, 1, 1), torch.tensor(deviations).reshape(-1, 1, 1)


def _scaled(values: Tensor, shift: Tensor | None, scale: Tensor | int) -> Tensor:
    """Scale bytes to float32; in place, because a task of CIFAR-10 takes 0.7 GB."""
    inputs = values.to(torch.float32)
    if shift is not None:
        inputs.sub_(shift)
    return inputs.div_(scale)


def permutation(length: int, *seed_parts: object) -> Tensor:
    """Return a permutation of 0 … length − 1, int64, with a seed derived from the parts."""
    return torch.randperm(length, generator=torch.Generator().manual_seed(derive_seed(*seed_parts)))


def held_out_samples(fraction: float, samples: int) -> int:
    """Return the number of samples in a fraction; never none or all of them."""
    return max(1, min(samples - 1, round(fraction * samples)))


def permuted_digits(spec: BenchmarkSpec) -> Benchmark:
    """Return scikit-learn's 1,797 real 8×8 digits: a fifth for testing, a fifth for validation, the rest for training."""
    images = datasets.digits()
    order = permutation(len(images.labels), spec.seed, "test split")
    fifth = len(order) // 5
    data = DataSet(images.at(order[fifth:]), images.at(order[:fifth]), classes=10, white=16)
    rest = len(order) - fifth
    validation = fifth if spec.validation_fraction is None else held_out_samples(spec.validation_fraction, rest)
    return PermutedImages("digits", data, validation, spec)


def permuted_mnist(spec: BenchmarkSpec) -> Benchmark:
    """Return MNIST from the data folder: 50,000 for training, 10,000 for validation, 10,000 for testing."""
    data = MNIST.load()
    validation = 10_000 if spec.validation_fraction is None \
        else held_out_samples(spec.validation_fraction, len(data.train.labels))
    return PermutedImages(MNIST.name, data, validation, spec)


def split_digits(spec: BenchmarkSpec) -> Benchmark:
    """Return scikit-learn's digits as images [1, 8, 8]: 5 tasks of 2 classes, a fifth of each class for testing, a fifth for
    validation."""
    def load() -> DataSet:
        images = datasets.digits()
        rest, test = split_by_class(images.labels, range(10), 0.2, None, spec.seed, "test split")
        return DataSet(images.at(rest), images.at(test), classes=10, white=16)

    a_fifth_of_all = 0.25  # of the images that are not for testing
    return SplitClasses([Part("digits", load, dealt(ordered_classes(spec, 10), 2))], a_fifth_of_all, spec)


def split_cifar(spec: BenchmarkSpec) -> Benchmark:
    """Return CIFAR-10 as the first task, then CIFAR-100 in 10 tasks of 10 classes, images [3, 32, 32] (paper §3.2 and §3.3); a
    tenth of each class's training images for validation.

    Raises:
        DataError: one of the two is missing; checked now rather than after the first task is trained.
    """
    CIFAR_10.require()
    CIFAR_100.require()
    return SplitClasses([Part(CIFAR_10.name, CIFAR_10.load, (tuple(range(10)),)),
                         Part(CIFAR_100.name, CIFAR_100.load, dealt(ordered_classes(spec, 100), 10))], 0.1, spec)


def ordered_classes(spec: BenchmarkSpec, classes: int) -> tuple[int, ...]:
    """Return the classes 0 … classes − 1 in the order in which tasks take them."""
    return tuple(permutation(classes, spec.seed, "class order").tolist() if spec.class_order.is_random else range(classes))


def dealt(classes: Sequence[int], per_task: int) -> tuple[tuple[int, ...], ...]:
    """Return ``per_task`` classes for each task, in their order."""
    return tuple(tuple(classes[first:first + per_task]) for first in range(0, len(classes), per_task))


BUILT_IN: dict[str, Callable[[BenchmarkSpec], Benchmark]] = {
    "permuted-digits": permuted_digits,
    "permuted-mnist": permuted_mnist,
    "split-digits": split_digits,
    "split-cifar": split_cifar,
}
