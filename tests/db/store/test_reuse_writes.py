"""Contract: a recorded result stands for a trial with the same key in another run, the same on SQLite and PostgreSQL."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from clnp_core.errors import StateError
from db.reads.reads import Reads
from db.records import Lease, ReusableTrial, TrialFailure
from db.rows import TrialRow
from db.states import FailureKind, TrialState
from db.store.store import Store
from tests.db.builders import Driver, bytes_removed, commit, epoch, new_run, selection, verdicts
from tests.messages import naming, tells

HERE, ELSEWHERE = {"device": "cpu"}, {"device": "cuda"}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def driven(store: Store, name: str, environment: dict[str, Any] = HERE) -> Driver:
    """A new run whose driver is in an environment; that of its stages is HERE (:func:`tests.db.builders.facts`)."""
    driver = Driver.of_new_run(store, name=name)
    store.record_environment(driver.lease, environment)
    return driver


def found(driver: Driver) -> list[tuple[int, str]]:
    return [(trial.number, trial.reused_from) for trial in driver.store.reusable_trials(driver.lease, 1)]


def take_over(driver: Driver) -> tuple[ReusableTrial, ...]:
    return driver.store.reuse_trials(driver.lease, 1, driver.store.reusable_trials(driver.lease, 1))


def results(trials: list[TrialRow]) -> list[TrialRow]:
    """Trials without what belongs to their run."""
    return [dataclasses.replace(trial, run="", attempts=0, ray_trial_id=None, reused_from=None, started_at=None,
                                finished_at=None, created_at=LONG_AGO) for trial in trials]


class TestReuse:
    def test_copies_result_epochs_and_curve(self, store: Store, reads: Reads) -> None:
        driven(store, "first").sweep()
        second = driven(store, "second")
        second.begin()
        assert found(second) == [(0, "first/1/0"), (1, "first/1/1"), (2, "first/1/2")]
        assert [trial.number for trial in take_over(second)] == [0, 1, 2]
        assert results(reads.trials("second", 1)) == results(reads.trials("first", 1))
        for number in range(3):
            assert reads.threshold_curve("second", 1, number) == reads.threshold_curve("first", 1, number) != []
            assert reads.trial_history("second", 1, number) == reads.trial_history("first", 1, number) != []
        trial = reads.trials("second", 1)[1]
        assert (trial.state, trial.reused_from, trial.attempts, trial.started_at) == (
            TrialState.FINISHED, "first/1/1", 0, None)
        assert reads.trials("first", 1)[1].reused_from is None
        event = reads.events("second")[-1]
        assert (event.kind, event.message, event.details["trials"]["2"]) == (
            "reuse", "task 1: 3 trials reused from run first", "first/1/2")
        assert found(second) == [] and take_over(second) == ()
        store.end_sweep(second.lease, 1)

    def test_only_what_is_missing(self, store: Store, reads: Reads) -> None:
        driven(store, "first").sweep()
        second = driven(store, "second")
        second.begin()
        second.finish(0)
        second.start(1)
        store.trial_epochs(second.lease, 1, 1, [epoch(1, 20), epoch(2, 30)])
        second.start(2)
        store.trial_failed(second.lease, 1, 2, TrialFailure(FailureKind.DIVERGED, "nan"))
        assert found(second) == [], "a trial that runs is not pending"
        store.release_trials(second.lease, 1)
        assert found(second) == [(1, "first/1/1")]
        take_over(second)
        assert [trial.reused_from for trial in reads.trials("second", 1)] == [None, "first/1/1", None]
        assert [e.val_correct for e in reads.trial_history("second", 1, 1)] == [150]
        assert len(reads.trial_history("second", 1, 1, attempt=1)) == 2, "what was broken off stays readable"

    def test_needs_a_result_with_the_same_key(self, store: Store) -> None:
        first, second = driven(store, "first"), driven(store, "second")
        first.begin()
        first.finish(1)
        first.start(2)
        second.begin(trials=4)
        assert found(second) == [(1, "first/1/1")]

    def test_needs_the_same_environment(self, store: Store) -> None:
        driven(store, "first").sweep()
        second = driven(store, "second", ELSEWHERE)
        second.begin()
        assert found(second) == []

    def test_leaves_out_what_was_trained_after_a_change_of_environment(self, store: Store) -> None:
        first = driven(store, "first")
        first.begin()
        first.finish(0)
        store.record_environment(first.lease, ELSEWHERE)
        first.finish(1)
        second = driven(store, "second")
        second.begin()
        assert found(second) == [(0, "first/1/0")]

    def test_says_of_weights_that_they_were_removed_and_prefers_those_that_were_not(self, store: Store) -> None:
        driven(store, "first").sweep()
        bytes_removed(store, "task-1-trial-1")
        second = driven(store, "second")
        second.begin()
        assert [trial.weights_removed for trial in store.reusable_trials(second.lease, 1)] == [False, True, False]
        second.finish(0, artifact_digest="elsewhere")
        bytes_removed(store, "task-1-trial-0")
        third = driven(store, "third")
        third.begin(trials=1)
        assert found(third) == [(0, "second/1/0"), (0, "first/1/0")]

    def test_the_oldest_comes_first(self, store: Store, reads: Reads) -> None:
        driven(store, "first").sweep()
        second, third = driven(store, "second"), driven(store, "third")
        second.begin()
        take_over(second)
        third.begin(trials=1)
        assert found(third) == [(0, "first/1/0"), (0, "second/1/0")]

    def test_a_fork_serves_as_its_source_does(self, store: Store) -> None:
        first = driven(store, "first")
        first.begin()
        first.finish(0)
        store.record_environment(first.lease, ELSEWHERE)
        first.finish(1)
        first.finish(2)
        store.end_sweep(first.lease, 1)
        store.record_selection(first.lease, 1, selection(), verdicts())
        store.record_commit(first.lease, 1, commit(1))
        store.fork_run("first", 1, new_run("forked"))
        store.release_lease(first.lease)
        store.remove_run("first")
        second = driven(store, "second")
        second.begin()
        assert found(second) == [(0, "forked/1/0")], "the change of environment is the fork's history, too"


class TestSharing:
    def test_whoever_is_removed_leaves_the_weights_of_the_other(self, store: Store) -> None:
        first, second = driven(store, "first"), driven(store, "second")
        first.sweep()
        second.begin(trials=2)
        take_over(second)
        store.release_lease(first.lease)
        assert store.remove_run("first") == ("task-1-trial-2",)
        third = driven(store, "third")
        third.begin(trials=1)
        assert found(third) == [(0, "second/1/0")]
        store.release_lease(second.lease)
        assert store.remove_run("second") == ("task-1-trial-0", "task-1-trial-1")

    def test_a_source_that_was_removed_meanwhile_is_left_out(self, store: Store, reads: Reads) -> None:
        first, second = driven(store, "first"), driven(store, "second")
        first.sweep()
        second.begin()
        chosen = store.reusable_trials(second.lease, 1)
        store.release_lease(first.lease)
        store.remove_run("first")
        assert store.reuse_trials(second.lease, 1, chosen) == ()
        assert {trial.state for trial in reads.trials("second", 1)} == {TrialState.PENDING}


class TestRefusals:
    @pytest.fixture
    def second(self, store: Store) -> Driver:
        driven(store, "first").sweep()
        second = driven(store, "second")
        second.begin()
        return second

    def test_a_trial_that_is_not_pending(self, second: Driver) -> None:
        chosen = second.store.reusable_trials(second.lease, 1)
        second.start(1)
        with pytest.raises(StateError) as caught:
            second.store.reuse_trials(second.lease, 1, chosen)
        assert tells(caught.value, "reuse_trials", "trial 1", "task 1", "second", "running", "pending")
        assert len(second.store.reusable_trials(second.lease, 1)) == 2, "nothing was taken over"

    def test_another_grid_point(self, second: Driver) -> None:
        source = dataclasses.replace(second.store.reusable_trials(second.lease, 1)[0], number=1)
        with pytest.raises(StateError, match=naming("trial 1", "task 1", "second", 1, 0)):
            second.store.reuse_trials(second.lease, 1, [source])

    def test_a_stage_that_does_not_sweep(self, second: Driver) -> None:
        lease: Lease = second.lease
        with pytest.raises(StateError, match=naming("reuse_trials", "task 2", "second", "pending", "sweeping")):
            second.store.reuse_trials(lease, 2, [])
