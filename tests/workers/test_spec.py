"""Keys name a trial's result, and nothing else."""

import dataclasses
import json
from collections.abc import Callable

import pytest

from workers.spec import BUILT_IN_BENCHMARKS, BenchmarkSpec, StageSpec, TrialSpec, derive_seed, digest_of
from workers.tasks import BUILT_IN, load_task


def test_a_stage_survives_json(stage: Callable[..., StageSpec]) -> None:
    described = stage(task=2, base="ab" * 32, milestones=(2,))
    assert StageSpec.from_json(json.loads(json.dumps(described.to_json()))) == described


def test_a_key_is_the_same_in_every_process(trial: Callable[..., TrialSpec]) -> None:
    assert trial().key() == trial().key()


@pytest.mark.parametrize("change", [
    {"alpha": (1e-4, 1e-4, 2e-4)}, {"learning_rate": 0.02}, {"seed": 8}, {"task": 2}, {"base": "cd" * 32},
    {"hidden": (24, 17)}, {"epochs": 4}, {"patience": 2}, {"optimizer": "sgd"},
    {"benchmark": BenchmarkSpec("permuted-digits", 1, {}, None, "unit")},
    {"benchmark": BenchmarkSpec("permuted-digits", 0, {}, 0.1, "unit")},
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


def test_known_shapes_cover_the_built_in_benchmarks_and_are_true() -> None:
    assert BUILT_IN_BENCHMARKS.keys() == BUILT_IN.keys()
    data = load_task(BenchmarkSpec("permuted-digits", 0, {}, None, "unit"), 1)
    assert BUILT_IN_BENCHMARKS["permuted-digits"] == (data.train.inputs.shape[1], data.classes, None)
