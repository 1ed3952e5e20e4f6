"""The sequence of CIFAR-10 and CIFAR-100 (paper §3.2), on the real data sets."""

from collections.abc import Sequence
from functools import cache

import pytest
import torch

from tests.workers.data.test_benchmarks import SEED, digest_in_another_process, rows, spec_of, splits
from workers.data.benchmarks import permutation, split_cifar
from workers.data.datasets import CIFAR_10, CIFAR_100, data_folder
from workers.data.loader import load_task
from workers.data.samples import Samples

pytestmark = pytest.mark.skipif(not all((data_folder() / stored.folder).is_dir() for stored in (CIFAR_10, CIFAR_100)),
                                reason="CLNP_DATA does not hold CIFAR-10 and CIFAR-100")


def test_the_first_task_is_cifar_10() -> None:
    data = load_task(spec_of("split-cifar"), 1)
    assert [list(part.inputs.shape) for part in splits(data)] == [
        [45_000, 3, 32, 32], [5_000, 3, 32, 32], [10_000, 3, 32, 32]]
    assert [torch.bincount(part.labels).tolist() for part in splits(data)] == [[4_500] * 10, [500] * 10, [1_000] * 10]
    assert data.classes == 10
    for part in splits(data):
        low, high = part.inputs.aminmax()
        assert (float(low), float(high)) == (0.0, 1.0)
    images = CIFAR_10.load().train.values
    recovered = {bytes(row) for part in (data.train, data.val)
                 for row in (part.inputs * 255).round().to(torch.uint8).flatten(1).numpy()}
    assert recovered == {bytes(row) for row in images.flatten(1).numpy()} and len(recovered) == 50_000


@pytest.mark.parametrize("number", [2, 7, 11])
def test_later_tasks_have_ten_classes_of_cifar_100_by_index(number: int) -> None:
    data = load_task(spec_of("split-cifar"), number)
    assert [torch.bincount(part.labels).tolist() for part in splits(data)] == [[450] * 10, [50] * 10, [100] * 10]
    assert fine_labels(data.test) == list(range(10 * number - 20, 10 * number - 10))
    assert fine_labels(data.val) == fine_labels(data.train) == fine_labels(data.test)


def test_ten_classes_by_seed() -> None:
    spec = spec_of("split-cifar", seed=3, order=SEED)
    order = permutation(100, 3, "class order").tolist()
    seen = [fine_labels(load_task(spec, number).test) for number in range(2, 12)]
    assert [label for labels in seen for label in labels] == order and sorted(order) == list(range(100))
    assert order != list(range(100))
    assert load_task(spec, 1).split_digest() == load_task(spec_of("split-cifar", seed=3), 1).split_digest()


def test_no_image_is_in_two_splits() -> None:
    data = load_task(spec_of("split-cifar"), 4)
    assert len(rows(data.train)) == 4_500 and len(rows(data.val)) == 500
    assert not rows(data.train) & rows(data.val) and not rows(data.train, data.val) & rows(data.test)


def test_standard_is_per_channel_over_the_tasks_training_images() -> None:
    inputs = load_task(spec_of("split-cifar", normalize="standard"), 5).train.inputs
    assert torch.allclose(inputs.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(inputs.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-3)


def test_few_samples_of_each_class() -> None:
    for number, test in ((1, 10_000), (6, 1_000)):
        data = load_task(spec_of("split-cifar", samples=30), number)
        assert [len(part) for part in splits(data)] == [270, 30, test]


@pytest.mark.parametrize("task", [1, 9])
def test_another_process_sees_the_same_data(task: int) -> None:
    spec = spec_of("split-cifar", seed=2, normalize="standard", order=SEED, samples=100)
    assert digest_in_another_process(spec, task) == load_task(spec, task).split_digest()


def test_there_are_eleven_tasks() -> None:
    assert split_cifar(spec_of("split-cifar")).tasks == 11


@cache
def _known() -> dict[bytes, set[int]]:
    """The classes of every image of CIFAR-100, in which 26 images stand twice, some of them in two classes."""
    whole = CIFAR_100.load()
    known: dict[bytes, set[int]] = {}
    for images in (whole.train, whole.test):
        for row, label in zip(images.values.flatten(1).numpy(), images.labels.tolist(), strict=True):
            known.setdefault(bytes(row), set()).add(label)
    return known


def fine_labels(part: Samples) -> Sequence[int]:
    """CIFAR-100's own class of each label 0 … 9 of a task: the one that all images of the label have."""
    found = [set(range(100)) for _ in range(10)]
    pixels = (part.inputs * 255).round().to(torch.uint8).flatten(1).numpy()
    for row, label in zip(pixels, part.labels.tolist(), strict=True):
        found[label] &= _known()[bytes(row)]
    assert [len(labels) for labels in found] == [1] * 10
    return [labels.pop() for labels in found]
