"""Sequences of tasks: the same in every process, split without overlap, class by class, and scaled as they say."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from workers.data.benchmarks import (
    Part,
    SplitClasses,
    channel_statistics,
    dealt,
    held_out_samples,
    ordered_classes,
    split_by_class,
)
from workers.data.datasets import DataSet, Images
from workers.data.loader import load_benchmark, load_task, task_count
from workers.data.samples import Samples, TaskData
from workers.spec import BenchmarkSpec, ClassOrder

INDEX, SEED = ClassOrder.INDEX, ClassOrder.SEED


def spec_of(name: str, seed: int = 0, fraction: float | None = None, normalize: str = "unit", order: ClassOrder = INDEX,
            samples: int | None = None) -> BenchmarkSpec:
    return BenchmarkSpec(name, seed, {}, fraction, normalize, order, samples)


def digest_in_another_process(spec: BenchmarkSpec, task: int) -> str:
    """Of a process with other threads, and another seed of Python's own hashes."""
    program = ("import json, torch\nfrom workers.spec import BenchmarkSpec\nfrom workers.data.loader import load_task\n"
               f"torch.set_num_threads(2)\nspec = BenchmarkSpec.from_json(json.loads({json.dumps(spec.to_json())!r}))\n"
               f"print(load_task(spec, {task}).split_digest())")
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                           env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "3"})
    return there.stdout.strip()


def splits(data: TaskData) -> list[Samples]:
    return [data.train, data.val, data.test]


def rows(*parts: Samples) -> set[bytes]:
    """The distinct samples, as bytes."""
    return {row.numpy().tobytes() for part in parts for row in part.inputs}


class TestSplitByClass:
    @given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=120), fraction=st.floats(0.01, 0.99),
           limit=st.none() | st.integers(2, 20), seed=st.integers(0, 5))
    def test_every_class_is_split_in_the_same_share_and_without_overlap(self, labels: list[int], fraction: float,
                                                                        limit: int | None, seed: int) -> None:
        targets, classes = torch.tensor(labels), [0, 2, 4]
        kept, held_out = split_by_class(targets, classes, fraction, limit, seed, "a split")
        assert kept.dtype == held_out.dtype == torch.int64
        assert kept.tolist() == sorted(set(kept.tolist())) and held_out.tolist() == sorted(set(held_out.tolist()))
        assert not set(kept.tolist()) & set(held_out.tolist())
        for label in range(5):
            used = min(labels.count(label), limit or len(labels)) if label in classes else 0
            out = int((targets[held_out] == label).sum())
            assert int((targets[kept] == label).sum()) + out == used
            if used >= 2:
                assert out == min(max(round(fraction * used), 1), used - 1)

    @given(st.integers(0, 3), st.permutations([0, 1, 2]))
    def test_what_is_held_out_of_a_class_depends_on_no_other_class(self, seed: int, order: list[int]) -> None:
        labels = torch.arange(60) % 4
        _, together = split_by_class(labels, order, 0.3, None, seed)
        alone = [split_by_class(labels, [label], 0.3, None, seed)[1] for label in (0, 1, 2)]
        assert together.tolist() == torch.cat(alone).sort().values.tolist()

    @given(small=st.integers(2, 14), large=st.integers(2, 14))
    def test_fewer_images_are_some_of_those_that_more_would_be(self, small: int, large: int) -> None:
        labels = torch.arange(60) % 4
        fewer, more = (set(torch.cat(split_by_class(labels, range(4), 0.2, min(limit), 1)).tolist())
                       for limit in ([small, large], [large]))
        assert fewer <= more

    def test_it_is_random(self) -> None:
        labels = torch.zeros(100, dtype=torch.int64)
        assert len({tuple(split_by_class(labels, [0], 0.1, None, seed)[1].tolist()) for seed in range(5)}) == 5


class TestScaling:
    @given(st.lists(st.integers(0, 255), min_size=12, max_size=12))
    def test_statistics_are_those_of_float64(self, values: list[int]) -> None:
        images = torch.tensor(values, dtype=torch.uint8).reshape(3, 2, 2, 1)
        mean, deviation = channel_statistics(images)
        assert mean.shape == deviation.shape == (2, 1, 1) and mean.dtype == torch.float32
        exact = images.to(torch.float64)
        assert torch.equal(mean.flatten(), exact.mean(dim=(0, 2, 3)).to(torch.float32))
        truth = exact.std(dim=(0, 2, 3), correction=0)
        assert torch.allclose(deviation.flatten().to(torch.float64), torch.where(truth == 0, 1.0, truth), rtol=1e-7)

    @given(st.floats(0.001, 0.999), st.integers(2, 10_000))
    def test_something_is_held_out_and_something_stays(self, fraction: float, samples: int) -> None:
        assert 1 <= held_out_samples(fraction, samples) <= samples - 1


class TestClassOrder:
    def test_by_index(self) -> None:
        assert dealt(ordered_classes(spec_of("split-cifar"), 100), 10)[3] == tuple(range(30, 40))

    def test_by_seed_is_a_permutation_of_all_classes(self) -> None:
        orders = {ordered_classes(spec_of("split-cifar", seed=seed, order=SEED), 100) for seed in range(4)}
        assert len(orders) == 4
        assert all(sorted(order) == list(range(100)) for order in orders)


def stand_in(classes: int, each: int, colour: Callable[[int, int], int] = lambda label, image: 0) -> DataSet:
    """Images [2, 4, 4] whose first value is their label, whose second is their number in the class, with ``colour`` elsewhere;
    training images before, test images after them in number. Labels alternate."""
    def images(start: int, count: int) -> Images:
        labels = torch.arange(count * classes) % classes
        values = torch.zeros(count * classes, 2, 4, 4, dtype=torch.uint8)
        for index, label in enumerate(labels.tolist()):
            number = start + index // classes
            values[index] = colour(label, number)
            values[index, 0, 0, 0], values[index, 0, 0, 1] = label, number
        return Images(values, labels)
    return DataSet(images(0, each), images(each, 5), classes)


def original(part: Samples) -> Tensor:
    """(class in the data set, number in the class) of every sample of a stand-in, int64 [samples, 2]."""
    return (part.inputs[:, 0, 0, :2] * 255).round().to(torch.int64)


class TestSplitClasses:
    """The logic of split CIFAR on a stand-in: a set of 3 classes as one task, a set of 6 as two."""

    def sequence(self, spec: BenchmarkSpec, loads: list[str] | None = None) -> SplitClasses:
        def load(name: str, classes: int) -> Callable[[], DataSet]:
            def loader() -> DataSet:
                (loads if loads is not None else []).append(name)
                return stand_in(classes, 20)
            return loader
        return SplitClasses([Part("small", load("small", 3), (tuple(range(3)),)),
                             Part("large", load("large", 6), dealt(ordered_classes(spec, 6), 3))], 0.1, spec)

    def test_tasks_take_the_classes_in_order_and_number_them_anew(self) -> None:
        sequence = self.sequence(spec_of("split-cifar"))
        assert sequence.tasks == 3
        for number, classes in ((1, [0, 1, 2]), (2, [0, 1, 2]), (3, [3, 4, 5])):
            data = sequence.task(number)
            assert data.classes == 3
            for part in splits(data):
                assert torch.equal(torch.tensor(classes)[part.labels], original(part)[:, 0])
                assert part.labels.dtype == torch.int64 and part.inputs.dtype == torch.float32
                assert part.labels.unique().tolist() == [0, 1, 2]

    def test_labels_follow_the_order_of_the_class_list_by_seed(self) -> None:
        spec = spec_of("split-cifar", seed=5, order=SEED)
        order = ordered_classes(spec, 6)
        assert order != tuple(range(6))
        for number, classes in ((2, order[:3]), (3, order[3:])):
            for part in splits(self.sequence(spec).task(number)):
                assert torch.equal(torch.tensor(classes)[part.labels], original(part)[:, 0])

    @pytest.mark.parametrize(("fraction", "limit", "kept", "held_out"), [
        (None, None, 18, 2), (0.25, None, 15, 5), (None, 10, 9, 1), (0.5, 4, 2, 2), (None, 2, 1, 1), (None, 999, 18, 2)])
    def test_every_class_gives_its_share(self, fraction: float | None, limit: int | None, kept: int, held_out: int) -> None:
        data = self.sequence(spec_of("split-cifar", fraction=fraction, samples=limit)).task(3)
        assert [torch.bincount(part.labels).tolist() for part in splits(data)] == [[kept] * 3, [held_out] * 3, [5] * 3]
        assert not rows(data.train) & rows(data.val) and len(rows(data.train, data.val)) == 3 * (kept + held_out)
        assert int(original(data.test)[:, 1].min()) >= 20, "test images are those of the data set"

    def test_which_images_are_held_out_of_a_class_does_not_depend_on_its_task(self) -> None:
        def held_out(order: ClassOrder) -> set[tuple[int, ...]]:
            sequence = self.sequence(spec_of("split-cifar", order=order))
            return {tuple(image) for number in (2, 3) for image in original(sequence.task(number).val).tolist()}
        assert held_out(INDEX) == held_out(SEED)

    def test_two_data_sets_are_split_independently(self) -> None:
        sequence = self.sequence(spec_of("split-cifar"))
        assert not torch.equal(original(sequence.task(1).val), original(sequence.task(2).val))

    def test_a_data_set_is_loaded_when_a_task_needs_it(self) -> None:
        loads: list[str] = []
        sequence = self.sequence(spec_of("split-cifar"), loads)
        assert sequence.tasks == 3 and loads == []
        sequence.task(2)
        assert loads == ["large"]

    def test_standard_is_per_channel_over_the_tasks_own_training_images(self) -> None:
        spec = spec_of("split-cifar", normalize="standard")
        data = SplitClasses([Part("p", lambda: stand_in(4, 30, lambda label, image: label * 40 + image), ((0, 1), (2, 3)))],
                            0.2, spec)
        for number in (1, 2):
            inputs = data.task(number).train.inputs
            assert torch.allclose(inputs.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-5)
            assert torch.allclose(inputs.std(dim=(0, 2, 3), correction=0), torch.ones(2), atol=1e-5)
            assert abs(float(data.task(number).val.inputs.mean())) > 1e-5

    def test_a_channel_that_never_varies_is_left_at_zero(self) -> None:
        spec = spec_of("split-cifar", normalize="standard")
        data = SplitClasses([Part("p", lambda: stand_in(2, 10), ((0, 1),))], 0.2, spec).task(1)
        assert bool((data.train.inputs[:, 1] == 0).all()) and bool(data.train.inputs.isfinite().all())


class TestPermutedDigits:
    def test_every_sample_is_in_exactly_one_split(self) -> None:
        data = load_task(spec_of("permuted-digits"), 1)
        assert (len(data.train), len(data.val), len(data.test)) == (1079, 359, 359)
        whole = load_benchmark(spec_of("permuted-digits")).task(1)
        assert rows(*splits(data)) == rows(*splits(whole))
        assert len(rows(*splits(data))) == 1797

    def test_tasks_are_permutations_of_one_another_and_share_their_splits(self) -> None:
        first, second = load_task(spec_of("permuted-digits"), 1), load_task(spec_of("permuted-digits"), 2)
        assert torch.equal(first.train.labels, second.train.labels)
        assert not torch.equal(first.train.inputs, second.train.inputs)
        assert torch.equal(first.train.inputs.sort(dim=1).values, second.train.inputs.sort(dim=1).values)

    def test_the_first_task_is_permuted_too(self) -> None:
        images = load_task(spec_of("permuted-digits"), 1).train.inputs.mean(dim=0).reshape(8, 8)
        assert not bool((images[:, 0] < 0.05).all()), "the left margin of unpermuted digits is almost empty"

    def test_the_seed_decides(self) -> None:
        assert len({load_task(spec_of("permuted-digits", seed=seed), 1).split_digest() for seed in range(3)}) == 3

    def test_another_process_sees_the_same_data(self) -> None:
        spec = spec_of("permuted-digits")
        assert digest_in_another_process(spec, 3) == load_task(spec, 3).split_digest()

    def test_its_data_is_what_it_always_was(self) -> None:
        """Recorded runs compare this digest; a change of it is a change of the benchmark."""
        assert load_task(spec_of("permuted-digits", seed=3), 4).split_digest() == (
            "ab4232b39806570c15b698c5552a1ec13bcd259d24e3ab265619ee45ff98d285")

    def test_validation_fraction(self) -> None:
        data = load_task(spec_of("permuted-digits", fraction=0.1), 1)
        assert (len(data.val), len(data.train)) == (144, 1294)

    def test_standard_normalisation_is_over_the_training_samples(self) -> None:
        data = load_task(spec_of("permuted-digits", normalize="standard"), 1)
        assert abs(float(data.train.inputs.mean())) < 1e-5
        assert abs(float(data.train.inputs.std()) - 1) < 1e-5
        unit = load_task(spec_of("permuted-digits"), 1)
        assert float(unit.train.inputs.min()) >= 0
        assert float(unit.train.inputs.max()) <= 1


class TestSplitDigits:
    def test_five_tasks_of_two_classes_hold_every_digit_once(self) -> None:
        spec = spec_of("split-digits")
        tasks = [load_task(spec, number) for number in range(1, 6)]
        assert task_count(spec) == 5
        assert all(part.inputs.shape[1:] == (1, 8, 8) for data in tasks for part in splits(data))
        assert sum(len(part) for data in tasks for part in splits(data)) == 1797
        assert len(rows(*(part for data in tasks for part in splits(data)))) == 1797
        assert max(float(part.inputs.max()) for data in tasks for part in splits(data)) == 1.0

    def test_a_fifth_of_each_class_is_for_testing_and_one_for_validation(self) -> None:
        from sklearn.datasets import load_digits

        whole = torch.bincount(torch.as_tensor(load_digits().target)).tolist()
        for number in range(1, 6):
            counts = [torch.bincount(part.labels).tolist() for part in splits(load_task(spec_of("split-digits"), number))]
            for label, total in enumerate(whole[2 * number - 2:2 * number]):
                train, val, test = (count[label] for count in counts)
                assert (test, val, train + val + test) == (round(total / 5), round((total - test) / 4), total)

    def test_classes_by_index_and_by_seed(self) -> None:
        by_class = {frozenset(rows(*splits(load_task(spec_of("split-digits"), number)))) for number in range(1, 6)}
        spec = spec_of("split-digits", seed=0, order=SEED)
        by_seed = {frozenset(rows(*splits(load_task(spec, number)))) for number in range(1, 6)}
        assert by_class != by_seed and frozenset.union(*by_class) == frozenset.union(*by_seed)

    def test_few_samples_of_each_class(self) -> None:
        data = load_task(spec_of("split-digits", samples=20), 2)
        whole = load_task(spec_of("split-digits"), 2)
        assert [torch.bincount(part.labels).tolist() for part in (data.train, data.val)] == [[15, 15], [5, 5]]
        assert torch.equal(data.test.inputs, whole.test.inputs)

    def test_another_process_sees_the_same_data(self) -> None:
        spec = spec_of("split-digits", seed=4, normalize="standard", order=SEED, samples=50)
        assert digest_in_another_process(spec, 3) == load_task(spec, 3).split_digest()

    def test_whatever_is_asked_for_changes_the_data(self) -> None:
        specs = [spec_of("split-digits"), spec_of("split-digits", seed=1), spec_of("split-digits", fraction=0.1),
                 spec_of("split-digits", normalize="standard"), spec_of("split-digits", order=SEED),
                 spec_of("split-digits", samples=30)]
        assert len({load_task(spec, 1).split_digest() for spec in specs}) == len(specs)
        assert len({spec.fingerprint(1) for spec in specs}) == len(specs)
