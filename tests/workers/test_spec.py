"""Keys name a trial's result, and nothing else."""

import dataclasses
import json
from collections.abc import Callable

import pytest

from workers.spec import (
    ALONE,
    BUILT_IN_BENCHMARKS,
    BenchmarkSpec,
    ClassOrder,
    StageSpec,
    TrialSpec,
    derive_seed,
    digest_of,
)


def test_a_stage_survives_json(stage: Callable[..., StageSpec]) -> None:
    described = stage(task=2, base="ab" * 32, milestones=(2,))
    assert StageSpec.from_json(json.loads(json.dumps(described.to_json()))) == described


def test_a_key_is_the_same_in_every_process(trial: Callable[..., TrialSpec]) -> None:
    assert trial().key() == trial().key()


@pytest.mark.parametrize("change", [
    {"alpha": (1e-4, 1e-4, 2e-4)}, {"learning_rate": 0.02}, {"seed": 8}, {"task": 2}, {"base": "cd" * 32},
    {"hidden": (24, 17)}, {"epochs": 4}, {"patience": 2}, {"optimizer": "sgd"}, {"precision": "bfloat16"},
    {"benchmark": BenchmarkSpec("permuted-digits", 1, {}, None, "unit")},
    {"benchmark": BenchmarkSpec("permuted-digits", 0, {}, 0.1, "unit")},
    {"benchmark": BenchmarkSpec("permuted-digits", 0, {}, None, "unit", ClassOrder.SEED)},
    {"benchmark": BenchmarkSpec("permuted-digits", 0, {}, None, "unit", samples_per_class=50)},
])
def test_whatever_changes_the_result_changes_the_key(trial: Callable[..., TrialSpec], change: dict[str, object]) -> None:
    assert trial(**change).key() != trial().key()


def test_the_number_is_not_part_of_the_key(trial: Callable[..., TrialSpec]) -> None:
    assert trial(number=5).key() == trial(number=0).key()


def test_threads_are_part_of_the_key(trial: Callable[..., TrialSpec]) -> None:
    one = trial()
    assert dataclasses.replace(one, stage=dataclasses.replace(one.stage, threads=2)).key() != one.key()


def test_seeds_differ_with_every_part_and_fit_the_database() -> None:
    seeds = {derive_seed(run, "trial", task, number) for run in range(3) for task in range(3) for number in range(20)}
    assert len(seeds) == 3 * 3 * 20
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "a") != derive_seed("0", "a")


def test_digests_ignore_the_order_of_keys_and_refuse_nan() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_of(float("nan"))


class TestBenchmarkSpec:
    @pytest.mark.parametrize("spec", [
        BenchmarkSpec("permuted-digits", 0, {}, None, "unit"),
        BenchmarkSpec("split-cifar", 3, {}, 0.2, "standard", ClassOrder.SEED, 40),
        BenchmarkSpec("lab:make", 1, {"a": [1, {"b": None}]}, None, "unit")])
    def test_it_survives_json(self, spec: BenchmarkSpec) -> None:
        again = BenchmarkSpec.from_json(json.loads(json.dumps(spec.to_json())))
        assert again == spec and again.class_order is spec.class_order and again.fingerprint(2) == spec.fingerprint(2)

    def test_what_means_nothing_to_it_is_not_in_its_fingerprint(self) -> None:
        """Runs that were recorded before class orders existed keep their fingerprints."""
        assert BenchmarkSpec("permuted-digits", 3, {}, None, "unit").fingerprint(1).startswith("a5c60332c10b83f4")
        assert set(BenchmarkSpec("split-digits", 3, {}, None, "unit").to_json()) == {
            "name", "seed", "params", "validation_fraction", "normalize"}

    def test_tasks_have_fingerprints_of_their_own(self) -> None:
        spec = BenchmarkSpec("split-digits", 0, {}, None, "unit")
        assert spec.fingerprint(1) != spec.fingerprint(2)


def test_tasks_with_classes_of_their_own_are_counted() -> None:
    assert {name for name, known in BUILT_IN_BENCHMARKS.items() if known.splits_classes} == {"split-digits", "split-cifar"}
    assert all((known.tasks is not None) == known.splits_classes for known in BUILT_IN_BENCHMARKS.values())


def test_only_the_seed_makes_an_order_random() -> None:
    assert [order for order in ClassOrder if order.is_random] == [ClassOrder.SEED]


def test_size_and_place_in_a_pack_are_in_the_key_and_training_alone_is_not(trial: Callable[..., TrialSpec]) -> None:
    packs = [ALONE, (2, 0), (2, 1), (3, 0)]
    assert len({dataclasses.replace(trial(), pack=pack).key() for pack in packs}) == len(packs)
    assert trial().key() == digest_of([trial().stage.to_json(), [1e-4] * 3, 0.01, 7]), "as before there were packs"
