"""Teachers as trials: their numbers, seeds, keys and packs, and which of the trained ones teach."""

import dataclasses
from typing import Any

import pytest

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.values import TrialRole
from db.states import TrialState
from orchestrator.config.config import Config
from orchestrator.config.sweep_section import GridPoint
from orchestrator.driver import plan
from orchestrator.driver.teachers import teacher_specs, teaching
from tests.orchestrator.laboratory import small
from workers.spec import Schedule, StageSpec, TrialSpec

TUNING: dict[str, Any] = {"distillation": {}}


def taught(teachers: dict[str, Any], **sections: Any) -> Config:
    """The small run with teachers."""
    return small(fine_tuning=TUNING, teachers=teachers, **sections)


def stage(config: Config, task: int = 1, base: str | None = None) -> StageSpec:
    return plan.stage_spec(config, task, plan.architecture(config, (64,), 10), base)


def specs(config: Config, task: int = 1, base: str | None = None) -> tuple[TrialSpec, ...]:
    return teacher_specs(config, stage(config, task, base))


def test_a_teacher_is_a_whole_network_without_l1() -> None:
    one, two = specs(taught({}), task=2, base="ab" * 32)
    assert [one.number, two.number] == [2, 3], "after the two points of the grid"
    assert one.role is two.role is TrialRole.TEACHER
    assert one.alpha == (0.0, 0.0, 0.0) and one.learning_rate == 0.001 and one.seed != two.seed
    shared = one.stage
    assert shared.base_digest is None and shared.curve_points == 0 and shared.task == 2 and shared == two.stage
    network = shared.architecture
    assert network.hidden == (32, 24) and network.input_dropout == 0.2
    assert [layer.dropout for layer in network.layers] == [0.5, 0.5]
    training = shared.training
    assert (training.epochs, training.batch_size, training.optimizer, training.schedule) == (25, 256, "adam", Schedule.COSINE)
    assert Architecture.from_json(network.to_json()) == network


def test_without_the_section_there_are_none() -> None:
    assert specs(small()) == () and plan.trial_count(small(), 1) == plan.candidate_count(small(), 1) == 2


@pytest.mark.parametrize(("teachers", "widths"), [
    ({"hidden": [50]}, (50,)), ({"width_factor": 0.5}, (16, 12)), ({"hidden": [5, 6, 7]}, (5, 6, 7))])
def test_its_widths_are_its_own(teachers: dict[str, Any], widths: tuple[int, ...]) -> None:
    one, _ = specs(taught({**teachers, "dropout": 0.1, "input_dropout": 0}))
    assert one.stage.architecture.hidden == widths and len(one.alpha) == len(widths) + 1
    assert {layer.dropout for layer in one.stage.architecture.layers} == {0.1} and one.stage.architecture.input_dropout == 0


def test_a_network_that_is_not_of_widths_keeps_its_own_dropout() -> None:
    config = taught({"width_factor": 2}, benchmark={"name": "split-digits"},
                    network={"hidden": None, "name": "digits-small", "head": "multi"})
    shared = teacher_specs(config, plan.stage_spec(config, 1, plan.architecture(config, (1, 8, 8), 2), None))[0].stage
    assert shared.architecture.hidden == (32, 48, 128) and shared.architecture.head is HeadKind.MULTI
    assert [layer.dropout for layer in shared.architecture.layers] == [0, 0, 0.1]


def test_every_rate_has_as_many_with_the_same_seeds() -> None:
    one, several = specs(taught({"count": 2})), specs(taught({"count": 2, "learning_rate": [0.003, 0.001]}))
    assert [trial.learning_rate for trial in several] == [0.003, 0.003, 0.001, 0.001]
    assert [trial.number for trial in several] == [2, 3, 4, 5]
    assert [trial.key() for trial in several[2:]] == [trial.key() for trial in one], "a rate more trains the others not again"


def test_its_key_depends_on_the_task_and_the_seed_and_not_on_the_run() -> None:
    keys = [trial.key() for trial in specs(taught({}))]
    same = taught({"required": True}, sweep={"alpha": [1e-3, 1e-4, 1e-5]}, selection={"margin_points": 7, "curve_points": 50},
                  training={"epochs": 9}, network={"head": "single"})
    assert [trial.key() for trial in specs(same, base="ab" * 32)] == keys
    assert not set(keys) & {trial.key() for trial in specs(taught({}), task=2)}
    assert not set(keys) & {trial.key() for trial in specs(taught({"hidden": [32, 24, 8]}))}
    other = Config.parse({**taught({}).resolved(), "seed": 5})
    assert not set(keys) & {trial.key() for trial in specs(other)}


def test_teachers_have_packs_of_their_own_and_candidates_keep_theirs() -> None:
    config = taught({"count": 3}, resources={"trials_per_pack": 2})
    assert [trial.pack for trial in specs(config)] == [(2, 0), (2, 1), (1, 0)]
    points = [GridPoint((1e-4,) * 3, rate) for rate in (0.01, 0.02)]
    candidates = plan.trial_specs(stage(config), config.seed, points, 2)
    assert candidates == plan.trial_specs(stage(small(resources={"trials_per_pack": 2})), 0, points, 2)


def test_a_sampler_leaves_their_numbers_free() -> None:
    sampler = {"sampler": "tpe", "samples": 7, "alpha": {"low": 1e-5, "high": 1e-3},
               "learning_rate": {"low": 1e-3, "high": 1e-1}}
    config = taught({}, sweep=sampler)
    assert [trial.number for trial in specs(config)] == [7, 8]
    assert plan.trial_count(config, 1) == 9 and plan.candidate_count(config, 1) == 7


def test_tasks_that_are_not_swept_have_teachers_too() -> None:
    config = taught({"count": 1}, sweep={"protocol": "first-task"})
    assert [trial.number for trial in specs(config, task=2)] == [1]
    assert [task.teachers for task in plan.overview(config)] == [1, 1]
    assert [task.trials for task in plan.overview(config)] == [2, 1]


@dataclasses.dataclass
class Row:
    """What the rule looks at."""

    number: int
    val_correct: int | None
    role: TrialRole = TrialRole.TEACHER
    state: TrialState = TrialState.FINISHED
    failure_reason: str | None = None
    val_total: int = 200


def rows(*found: Row) -> Any:
    return [Row(0, 180, TrialRole.CANDIDATE), Row(1, 190, TrialRole.CANDIDATE),
            Row(2, None, TrialRole.CANDIDATE, TrialState.FAILED, "a candidate"), *found]


def test_the_most_accurate_teach() -> None:
    found = teaching(rows(Row(3, 191), Row(4, 195), Row(5, 191), Row(6, 194)), 2)
    assert [row.number for row in found.teachers] == [4, 6] and found.left_out == {}
    equal = teaching(rows(Row(3, 191), Row(4, 195), Row(5, 191)), 2)
    assert [row.number for row in equal.teachers] == [3, 4], "the lower number"


def test_one_that_failed_or_is_worse_than_the_best_candidate_does_not() -> None:
    failed = Row(5, None, state=TrialState.FAILED, failure_reason="the loss became nan\nx")
    found = teaching(rows(Row(3, 190), Row(4, 189), failed), 2)
    assert [row.number for row in found.teachers] == [3]
    assert found.left_out == {4: "94.50 % on validation, and the best candidate has 95.00 %", 5: "the loss became nan"}
    assert teaching(rows(Row(3, 1)), 2).teachers == ()
