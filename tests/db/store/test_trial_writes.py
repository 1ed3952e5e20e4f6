"""Contract: the last report of a trial in one transaction, the same on SQLite and PostgreSQL."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from clnp_core.errors import StateError
from db.reads.reads import Reads
from db.records import AttemptStart, TrialFailure, TrialReport
from db.states import FailureKind, TrialState
from tests.db.builders import Driver, epoch, success
from tests.messages import naming, tells

START = AttemptStart("ray-0", 3.0)
DIVERGED = TrialFailure(FailureKind.DIVERGED, "the loss became nan in epoch 2")


def recorded(reads: Reads, number: int) -> dict[str, Any]:
    """All that is recorded of a trial, without times and without what the other trial has, too."""
    row = dataclasses.asdict(reads.trial("demo", 1, number))
    for name in ("number", "key", "seed", "learning_rate", "created_at", "started_at", "finished_at", "artifact_digest"):
        del row[name]
    return {**row, "epochs": reads.trial_history("demo", 1, number), "curve": reads.threshold_curve("demo", 1, number)}


def test_says_the_same_as_start_epochs_and_result_one_by_one(driver: Driver, reads: Reads) -> None:
    driver.begin()
    assert driver.store.trial_reported(driver.lease, 1, 0, TrialReport((epoch(1), epoch(2)), success(0), START))
    driver.store.trial_started(driver.lease, 1, 1, "ray-0", "", "")
    driver.store.trial_epochs(driver.lease, 1, 1, [epoch(1), epoch(2)])
    driver.store.trial_finished(driver.lease, 1, 1, success(0, artifact_digest="trial-1"))
    assert recorded(reads, 0) == recorded(reads, 1)
    assert recorded(reads, 0)["attempts"] == 1 and len(recorded(reads, 0)["curve"]) == 2


def test_says_the_same_as_start_epochs_and_failure_one_by_one(driver: Driver, reads: Reads) -> None:
    driver.begin()
    assert driver.store.trial_reported(driver.lease, 1, 0, TrialReport((epoch(1),), DIVERGED, START))
    driver.start(1)
    driver.store.trial_epochs(driver.lease, 1, 1, [epoch(1)])
    driver.store.trial_failed(driver.lease, 1, 1, DIVERGED)
    unlike = {"ray_trial_id", "host", "device"}
    assert {name: value for name, value in recorded(reads, 0).items() if name not in unlike} == {
        name: value for name, value in recorded(reads, 1).items() if name not in unlike}
    first, second = (event.details for event in reads.events("demo")[-2:])
    assert {**first, "number": 1} == second


def test_started_when_its_worker_began(driver: Driver, reads: Reads) -> None:
    driver.begin()
    driver.store.trial_reported(driver.lease, 1, 0, TrialReport((), success(0), START))
    row = reads.trial("demo", 1, 0)
    assert row.started_at is not None and row.finished_at is not None
    assert row.finished_at - row.started_at >= timedelta(seconds=3)


@pytest.mark.parametrize("outcome", [success(0), DIVERGED])
def test_once_more_changes_nothing(driver: Driver, reads: Reads, outcome: Any) -> None:
    driver.begin()
    report = TrialReport((epoch(1),), outcome, START)
    assert driver.store.trial_reported(driver.lease, 1, 0, report)
    before = reads.trials("demo"), reads.trial_history("demo", 1, 0), reads.events("demo"), reads.artifacts()
    assert not driver.store.trial_reported(driver.lease, 1, 0, report)
    assert (reads.trials("demo"), reads.trial_history("demo", 1, 0), reads.events("demo"), reads.artifacts()) == before


def test_ends_an_attempt_whose_start_is_recorded(driver: Driver, reads: Reads) -> None:
    driver.begin()
    driver.start(0)
    driver.start(0)
    driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1)])
    assert driver.store.trial_reported(driver.lease, 1, 0, TrialReport((epoch(2),), success(0)))
    assert reads.trial("demo", 1, 0).attempts == 2
    assert [(e.attempt, e.epoch) for e in reads.trial_history("demo", 1, 0)] == [(2, 1), (2, 2)]


def test_without_any_start_is_refused_and_leaves_nothing(driver: Driver, reads: Reads) -> None:
    driver.begin()
    with pytest.raises(StateError) as caught:
        driver.store.trial_reported(driver.lease, 1, 0, TrialReport((epoch(1),), success(0)))
    assert tells(caught.value, "trial_reported", "trial 0", "task 1", "demo", "pending", "running")
    assert reads.trial("demo", 1, 0).state is TrialState.PENDING and reads.trial_history("demo", 1, 0) == []


def test_another_result_is_refused(driver: Driver) -> None:
    driver.begin()
    driver.finish(0)
    with pytest.raises(StateError, match=naming("trial 0", "task 1", "demo", "val_correct")):
        driver.store.trial_reported(driver.lease, 1, 0, TrialReport((), success(0, val_correct=1), START))


def test_a_failure_after_a_result_is_set_aside(driver: Driver, reads: Reads) -> None:
    driver.begin()
    driver.finish(0)
    assert not driver.store.trial_reported(driver.lease, 1, 0, TrialReport((epoch(1, 10),), DIVERGED, START))
    assert reads.trial("demo", 1, 0).state is TrialState.FINISHED
    assert "ignored a failure after its result" in reads.events("demo")[-1].message


def test_a_result_of_what_has_failed_is_refused(driver: Driver) -> None:
    driver.begin()
    driver.store.trial_reported(driver.lease, 1, 0, TrialReport((), DIVERGED, START))
    with pytest.raises(StateError, match=naming("trial_reported", "trial 0", "task 1", "demo")):
        driver.store.trial_reported(driver.lease, 1, 0, TrialReport((), success(0), START))


def test_what_several_report_together_is_what_each_reports(driver: Driver, reads: Reads) -> None:
    driver.begin(trials=4)
    starts = {number: TrialReport((), None, AttemptStart("ray-0", 3.0)) for number in range(3)}
    assert driver.store.trials_reported(driver.lease, 1, starts) == {0, 1, 2}
    assert [trial.state for trial in reads.trials("demo")] == [TrialState.RUNNING] * 3 + [TrialState.PENDING]
    epochs = {number: TrialReport((epoch(1), epoch(2)), None) for number in range(3)}
    assert driver.store.trials_reported(driver.lease, 1, epochs) == {0, 1, 2}
    ends = {0: TrialReport((), success(0)), 1: TrialReport((), DIVERGED), 2: TrialReport((epoch(3),), None)}
    assert driver.store.trials_reported(driver.lease, 1, ends) == {0, 1, 2}
    assert driver.store.trials_reported(driver.lease, 1, ends) == {2}, "what has ended is not written again"
    alone = TrialReport((epoch(1), epoch(2)), success(0, artifact_digest="other"), START)
    driver.store.trial_reported(driver.lease, 1, 3, alone)
    assert recorded(reads, 0) == recorded(reads, 3)
    assert [trial.state for trial in reads.trials("demo")] == [
        TrialState.FINISHED, TrialState.FAILED, TrialState.RUNNING, TrialState.FINISHED]
    assert [row.epoch for row in reads.trial_history("demo", 1, 2)] == [1, 2, 3]


def test_of_several_one_that_may_not_be_recorded_holds_back_all(driver: Driver, reads: Reads) -> None:
    driver.begin()
    before = reads.trials("demo")
    reports = {0: TrialReport((), success(0), START), 1: TrialReport((epoch(1),), None)}
    with pytest.raises(StateError, match=naming("trials_reported", "trial 1", "task 1", "demo", "pending", "running")):
        driver.store.trials_reported(driver.lease, 1, reports)
    assert reads.trials("demo") == before
