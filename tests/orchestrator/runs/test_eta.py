"""How far a run is, and how long it will take: arithmetic on rows."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.reads.pages import RunSnapshot, StageCounts, TrialTimes
from db.rows import RunRow
from db.states import RunState, StageState
from orchestrator.config.config import Config
from orchestrator.runs.eta import STAGE_SECONDS, outlook, planned_trials, seconds_per_trial, stage_seconds

START = datetime(2026, 1, 1, tzinfo=UTC)


def _times(*spans: tuple[float, float]) -> tuple[TrialTimes, ...]:
    return tuple(TrialTimes(START + timedelta(seconds=began), START + timedelta(seconds=ended)) for began, ended in spans)


def _stage(task: int, state: StageState = StageState.PENDING, pending: int = 0, running: int = 0, finished: int = 0,
           failed: int = 0, cost: float | None = None) -> StageCounts:
    ended = None if cost is None else START + timedelta(seconds=cost)
    return StageCounts(task, state, pending, running, finished, failed, START if cost is not None else None, ended)


def _snapshot(values: dict[str, Any], state: RunState, *stages: StageCounts, recent: tuple[TrialTimes, ...] = (),
              method: str = "clnp", environment: dict[str, Any] | None = None, begins: bool = False) -> RunSnapshot:
    config = Config.parse(values)
    lives = state is RunState.RUNNING
    row = RunRow(1, "lab-1", None, state, method, "permuted-digits", 3, 1, 0, 0, "1", config.resolved(), config.digest(), "0",
                 {}, environment, None, None, START, None, lives, None)
    return RunSnapshot(row, stages, recent, None, begins)


def test_tasks_that_have_not_begun_count_by_their_plan(values: dict[str, Any]) -> None:
    snapshot = _snapshot(values, RunState.RUNNING, _stage(1, StageState.SWEEPING, 1, 1, 2), _stage(2), _stage(3))
    found = outlook(snapshot)
    assert (found.trials_total, found.trials_ended, found.trials_running, found.fraction_done) == (12, 2, 1, 2 / 12)
    assert found.seconds_left is None  # nothing has been timed


def test_a_task_past_its_sweep_has_the_trials_that_it_had(values: dict[str, Any]) -> None:
    found = outlook(_snapshot(values, RunState.STOPPED, _stage(1, StageState.COMMITTED, finished=7), _stage(2), _stage(3)))
    assert (found.trials_total, found.trials_ended, found.seconds_left) == (15, 7, None)


def test_time_left_is_that_of_trials_and_of_tasks(values: dict[str, Any]) -> None:
    stages = (_stage(1, StageState.COMMITTED, finished=4, cost=20), _stage(2, StageState.SWEEPING, 2, 0, 2), _stage(3))
    found = outlook(_snapshot(values, RunState.RUNNING, *stages, recent=_times((0, 10), (0, 10))))
    assert found.seconds_left == 6 * 5.0 + 2 * 20.0


def test_a_run_whose_trials_have_all_ended_is_not_done_before_its_commit(values: dict[str, Any]) -> None:
    done = [_stage(task, StageState.COMMITTED, finished=4) for task in (1, 2)]
    found = outlook(_snapshot(values, RunState.RUNNING, *done, _stage(3, StageState.SELECTING, finished=4)))
    assert found.fraction_done == 0.999 and found.seconds_left == STAGE_SECONDS
    found = outlook(_snapshot(values, RunState.COMPLETED, *done, _stage(3, StageState.COMMITTED, finished=3, failed=1)))
    assert (found.fraction_done, found.seconds_left, found.trials_ended) == (1.0, 0.0, 12)


def test_a_driver_that_died_trains_nothing(values: dict[str, Any]) -> None:
    found = outlook(_snapshot(values, RunState.STOPPED, _stage(1, StageState.SWEEPING, 2, 2), _stage(2), _stage(3)))
    assert found.trials_running == 0 and found.seconds_left is None


@pytest.mark.parametrize(("spans", "each"), [
    ([(0, 4)], 4.0), ([(0, 4), (0, 4)], 2.0), ([(0, 4), (4, 8)], 4.0), ([(0, 4), (1000, 1004)], 4.0), ([(0, 10), (2, 3)], 5.0),
    ([(0, 4), (2, 6), (5, 9)], 3.0)])
def test_seconds_of_a_trial_leave_pauses_out(spans: list[tuple[float, float]], each: float) -> None:
    assert seconds_per_trial(_times(*spans)) == each
    assert seconds_per_trial(_times(*reversed(spans))) == each


def test_nothing_timed_says_nothing() -> None:
    assert seconds_per_trial(()) is None


def test_a_stopped_night_does_not_decide_what_a_task_costs() -> None:
    stages = [_stage(task, StageState.COMMITTED, finished=1, cost=cost) for task, cost in ((1, 6), (2, 30_000), (3, 8))]
    assert stage_seconds(stages) == 8
    assert stage_seconds(stages[:0]) == STAGE_SECONDS


def test_a_config_of_another_version_has_no_plan(values: dict[str, Any]) -> None:
    assert planned_trials("unknown", {"name": "old"}, 2) is None
    snapshot = _snapshot(values, RunState.STOPPED, _stage(1, StageState.SWEEPING, 2, 0, 1), _stage(2), _stage(3))
    row = dataclasses.replace(snapshot.run, config={"name": "old"}, config_digest="other")
    assert outlook(dataclasses.replace(snapshot, run=row)).trials_total == 3


@pytest.mark.parametrize(("stage", "known", "begins", "step"), [
    (_stage(2), False, True, "starting Ray and its workers"),
    (_stage(2), True, True, "starting workers and loading task 2"),
    (_stage(2), True, False, "loading task 2"),
    (_stage(2, StageState.SWEEPING, 4), True, False, "starting workers for task 2"),
    (_stage(2, StageState.SWEEPING, 2, 0, 2), True, True, "starting Ray and its workers"),
    (_stage(2, StageState.SWEEPING, 3, 1), True, True, "training the trials of task 2"),
    (_stage(2, StageState.SWEEPING, 1, 0, 3), True, False, "training the trials of task 2"),
    (_stage(2, StageState.SELECTING, finished=4), True, False, "selecting a trial of task 2"),
    (_stage(2, StageState.COMMITTING, finished=4), True, False, "committing task 2"),
])
def test_what_the_driver_does_now(values: dict[str, Any], stage: StageCounts, known: bool, begins: bool, step: str) -> None:
    stages = (_stage(1, StageState.COMMITTED, finished=4), stage, _stage(3))
    environment = {"device": "cpu"} if known else None
    assert outlook(_snapshot(values, RunState.RUNNING, *stages, environment=environment, begins=begins)).step == step
    assert outlook(_snapshot(values, RunState.STOPPED, *stages, environment=environment)).step is None


def test_joint_training_loads_all_tasks(values: dict[str, Any]) -> None:
    found = outlook(_snapshot(values, RunState.RUNNING, _stage(3), method="joint", environment={"device": "cpu"}))
    assert found.step == "loading all tasks"
