"""What a selection can choose from, read for a whole stage at once, against the same rows read one by one."""

import random

import pytest

from clnp_core.errors import NotFoundError
from clnp_core.values import CurvePoint
from db.reads.curves import (
    StagePoint,
    TrialPoint,
    ended_trials,
    most_correct_points,
    points_within,
    sparsest_within,
    stage_points,
)
from db.reads.reads import Reads
from db.records import TrialFailure
from db.rows import ThresholdRow, TrialRow
from db.states import FailureKind, TrialState
from tests.db.builders import Driver, selection, verdicts
from tests.messages import naming

JUDGED_AT, FOUND_FREE = 182, 9
"""What the builders' selection asked for, and the free neurons that its verdicts on trials 0 to 2 name."""

COUNTS = range(170, 188)
"""Some that all, and some that no trial has."""


@pytest.fixture
def judged(driver: Driver) -> Driver:
    """A task of six trials, selected: one without a curve, one that failed."""
    draw = random.Random(5)
    driver.begin(trials=6)
    for number in range(4):
        count = 180 + draw.randrange(6)
        driver.finish(number, val_correct=count, curve=tuple(
            CurvePoint(place / 10, max(0, count + 2 - draw.randrange(12)), place + draw.randrange(2))
            for place in range(0, 16, 2)))
    driver.finish(4, curve=())
    driver.start(5)
    driver.store.trial_failed(driver.lease, 1, 5, TrialFailure(FailureKind.DIVERGED, "the loss is nan"))
    driver.store.end_sweep(driver.lease, 1)
    driver.store.record_selection(driver.lease, 1, selection(), [*verdicts(), *(
        each for each in verdicts(chosen=-1, numbers=(3, 4, 5)))])
    return driver


def rows(reads: Reads) -> list[tuple[TrialRow, ThresholdRow]]:
    """Every point of the task with its trial, by trial and position."""
    return [(trial, point) for trial in reads.trials("demo", 1) for point in reads.threshold_curve("demo", 1, trial.number)]


def test_trials_that_ended(judged: Driver, reads: Reads) -> None:
    trials = ended_trials(reads, "demo", 1)
    assert [(t.number, t.state, t.val_correct, t.artifact_digest, t.thresholds, t.pruned_val_correct, t.free_neurons,
             t.failure_reason) for t in trials] == [
        (t.number, t.state, t.val_correct, t.artifact_digest, t.thresholds, t.pruned_val_correct, t.free_neurons,
         t.failure_reason) for t in reads.trials("demo", 1)]
    assert trials[5].state is TrialState.FAILED and trials[5].failure_reason == "the loss is nan"


def test_trials_that_have_not_ended_are_left_out(driver: Driver, reads: Reads) -> None:
    driver.begin()
    driver.finish(1)
    assert [(trial.number, trial.thresholds) for trial in ended_trials(reads, "demo", 1)] == [(1, None)]


def test_points_within_a_margin(judged: Driver, reads: Reads) -> None:
    every = rows(reads)
    for required in COUNTS:
        within = [(trial, point) for trial, point in every
                  if (trial.val_correct or 0) >= required and point.val_correct >= required]
        found = points_within(reads, "demo", 1, required)
        assert found == [TrialPoint(t.number, p.threshold, p.val_correct, p.free_neurons) for t, p in within]
        last = {point.number: point for point in found}
        assert sparsest_within(reads, "demo", 1, required) == list(last.values())


def test_points_that_contradict_the_selection_are_left_out(judged: Driver, reads: Reads) -> None:
    for required in COUNTS:
        believed = {point.number: point for point in points_within(reads, "demo", 1, required)
                    if point.val_correct < JUDGED_AT or point.free_neurons < FOUND_FREE}
        assert sparsest_within(reads, "demo", 1, required, JUDGED_AT) == list(believed.values())


@pytest.mark.parametrize("judged_at", [None, JUDGED_AT])
def test_points_of_a_stage_that_can_be_chosen(judged: Driver, reads: Reads, judged_at: int | None) -> None:
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for trial, point in rows(reads):
        if judged_at is None or point.val_correct < judged_at or point.free_neurons < FOUND_FREE:
            place = (min(trial.val_correct or 0, point.val_correct), point.val_correct)
            best[place] = max(best.get(place, (-1, 0)), (point.free_neurons, -trial.number))
    assert stage_points(reads, "demo", 1, judged_at) == [
        StagePoint(most, correct, free, -number) for (most, correct), (free, number) in sorted(best.items(), reverse=True)]


def test_the_highest_count_of_every_curve(judged: Driver, reads: Reads) -> None:
    most: dict[int, int] = {}
    for trial, point in rows(reads):
        most[trial.number] = max(most.get(trial.number, 0), point.val_correct)
    assert most_correct_points(reads, "demo", 1) == most and set(most) == {0, 1, 2, 3}


def test_of_one_task_of_one_run_only(judged: Driver, reads: Reads) -> None:
    other = Driver.of_new_run(judged.store, name="other")
    other.sweep(trials=1)
    assert len(ended_trials(reads, "other", 1)) == 1 and ended_trials(reads, "other", 2) == []
    assert {point.number for point in points_within(reads, "other", 1, 0)} == {0}
    assert [point.number for point in stage_points(reads, "other", 1)] == [0, 0]


def test_what_is_not_there(judged: Driver, reads: Reads) -> None:
    with pytest.raises(NotFoundError, match=naming("dem")):
        ended_trials(reads, "dem", 1)
    with pytest.raises(NotFoundError, match=naming("demo", "task 4")):
        stage_points(reads, "demo", 4)
