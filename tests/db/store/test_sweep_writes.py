"""Contract: a stage from its plan to the end of its sweep, the same on SQLite and PostgreSQL."""

import dataclasses
import math
from typing import Any

import pytest

from clnp_core.errors import ConfigError, NotFoundError, StateError
from db.reads.reads import Reads
from db.records import PlannedTrial, TrialFailure
from db.states import FailureKind, StageState, TrialState
from tests.db.builders import ARCHITECTURE, Driver, epoch, facts, grid, success
from tests.messages import naming, tells


def states(reads: Reads, task: int = 1) -> list[str]:
    return [trial.state.value for trial in reads.trials("demo", task)]


class TestBeginSweep:
    def test_records_the_facts_and_the_plan(self, driver: Driver, reads: Reads) -> None:
        driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, "base", grid())
        stage = reads.stages("demo")[0]
        assert stage.state is StageState.SWEEPING and stage.trials_pending == stage.trials_total == 3
        assert (stage.train_total, stage.val_total, stage.test_total, stage.input_shape, stage.classes) == (
            1000, 200, 300, (1, 8, 8), 10)
        assert (stage.split_digest, stage.task_fingerprint, stage.environment, stage.architecture, stage.base_digest) == (
            "split", "task", {"device": "cpu"}, ARCHITECTURE, "base")
        trial = reads.trials("demo", 1)[2]
        assert (trial.number, trial.key, trial.alpha, trial.learning_rate, trial.seed) == (
            2, "key-2", (1e-5, 1e-6, 0.1), 0.003, 2**62 + 2)
        assert trial.state is TrialState.PENDING and trial.attempts == 0

    def test_the_same_plan_again_changes_nothing(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(1)
        before = reads.stages("demo"), reads.trials("demo"), reads.events("demo")
        driver.begin()
        driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None, ())
        assert (reads.stages("demo"), reads.trials("demo"), reads.events("demo")) == before

    @pytest.mark.parametrize("plan", [grid(2), grid(4), grid(3, "other")])
    def test_refuses_another_plan(self, driver: Driver, reads: Reads, plan: tuple[PlannedTrial, ...]) -> None:
        driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None, grid(3))
        with pytest.raises(StateError) as caught:
            driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None, plan)
        first = {2: 2, 4: 3, 3: 0}[len(plan)]
        assert tells(caught.value, "begin_sweep", "task 1", "demo", 3, len(plan), first)
        assert "`clnp fork`" in caught.value.hint and len(reads.trials("demo")) == 3

    def test_another_environment_is_kept_in_the_events(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.store.begin_sweep(driver.lease, 1, facts(environment={"device": "cuda"}), ARCHITECTURE, None, ())
        assert reads.stages("demo")[0].environment == {"device": "cpu"}
        assert reads.events("demo")[-1].details == {"task": 1, "before": {"device": "cpu"}, "after": {"device": "cuda"}}

    def test_refuses_a_task_whose_base_is_not_committed(self, driver: Driver) -> None:
        with pytest.raises(StateError, match=naming("task 2", "demo", "task 1")):
            driver.begin(2)

    def test_refuses_a_stage_that_is_past_its_sweep(self, driver: Driver) -> None:
        driver.sweep()
        with pytest.raises(StateError) as caught:
            driver.begin()
        assert tells(caught.value, "begin_sweep", "task 1", "demo", "selecting", "pending", "failed")

    def test_of_a_task_that_is_not_there(self, driver: Driver) -> None:
        with pytest.raises(NotFoundError) as caught:
            driver.begin(4)
        assert tells(caught.value, "demo", "task 4", 1, 3)

    def test_a_seed_must_fit(self) -> None:
        with pytest.raises(ConfigError, match=naming("seed 9223372036854775808", "trial 3")):
            PlannedTrial(3, "key", (0.1,), 0.1, 2**63)


class TestAddTrials:
    def test_adds_what_is_new(self, driver: Driver, reads: Reads) -> None:
        driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None, ())
        driver.store.add_trials(driver.lease, 1, grid(1))
        driver.store.add_trials(driver.lease, 1, grid(2))
        assert [trial.key for trial in reads.trials("demo")] == ["key-0", "key-1"]

    def test_refuses_a_number_that_is_taken(self, driver: Driver) -> None:
        driver.begin()
        with pytest.raises(StateError, match=naming("add_trials", "trial 0", "task 1", "demo")):
            driver.store.add_trials(driver.lease, 1, grid(1, "other"))

    def test_refuses_a_stage_that_does_not_sweep(self, driver: Driver) -> None:
        with pytest.raises(StateError, match=naming("add_trials", "task 1", "demo", "pending", "sweeping")):
            driver.store.add_trials(driver.lease, 1, grid(1))


class TestTrials:
    def test_a_trial_from_start_to_result(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        assert driver.store.trial_started(driver.lease, 1, 2, "ray-a", "gpu1", "cuda:0")
        running = reads.trials("demo", 1)[2]
        assert (running.state, running.attempts, running.ray_trial_id, running.host, running.device) == (
            TrialState.RUNNING, 1, "ray-a", "gpu1", "cuda:0")
        assert driver.store.trial_epochs(driver.lease, 1, 2, [epoch(1), epoch(2)])
        assert driver.store.trial_epochs(driver.lease, 1, 2, [epoch(2, 160), epoch(3)])
        assert driver.store.trial_finished(driver.lease, 1, 2, success(2))
        done = reads.trials("demo", 1)[2]
        assert (done.state, done.val_correct, done.val_total, done.val_accuracy, done.hidden_total) == (
            TrialState.FINISHED, 182, 200, 0.91, 20)
        assert (done.best_epoch, done.epochs_run, done.train_seconds, done.total_seconds, done.artifact_digest) == (
            2, 3, 4.5, 5.5, "trial-2")
        assert done.started_at is not None and done.finished_at is not None and done.started_at <= done.finished_at
        assert [(e.epoch, e.val_correct, e.attempt) for e in reads.trial_history("demo", 1, 2)] == [
            (1, 150, 1), (2, 160, 1), (3, 150, 1)]
        assert [(p.threshold, p.val_correct, p.val_accuracy, p.free_neurons, p.sparsity)
                for p in reads.threshold_curve("demo", 1, 2)] == [(0.0, 182, 0.91, 2, 0.1), (0.25, 170, 0.85, 9, 0.45)]

    def test_a_result_is_recorded_once(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(0)
        assert driver.store.trial_finished(driver.lease, 1, 0, success(0))
        before = reads.trials("demo"), reads.events("demo"), reads.artifacts()
        again = success(0, train_seconds=9.0, host="another")
        assert not driver.store.trial_finished(driver.lease, 1, 0, again)
        assert (reads.trials("demo"), reads.events("demo"), reads.artifacts()) == before

    @pytest.mark.parametrize(("changes", "said"), [
        ({"val_correct": 179}, "val_correct 180 recorded, 179 now"),
        ({"artifact_digest": "x", "best_epoch": 1}, "best_epoch 2 recorded, 1 now; artifact_digest trial-0 recorded, x now"),
    ])
    def test_another_result_is_refused(self, driver: Driver, changes: dict[str, Any], said: str) -> None:
        driver.begin()
        driver.start(0)
        driver.store.trial_finished(driver.lease, 1, 0, success(0))
        with pytest.raises(StateError) as caught:
            driver.store.trial_finished(driver.lease, 1, 0, success(0, **changes))
        assert tells(caught.value, "trial_finished", "trial 0", "task 1", "demo", said)

    def test_what_has_finished_never_changes(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.finish(0)
        before = reads.trials("demo"), reads.trial_history("demo", 1, 0)
        assert not driver.store.trial_started(driver.lease, 1, 0, "again", "h", "d")
        assert not driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1, 10)])
        assert not driver.store.trial_failed(driver.lease, 1, 0, TrialFailure(FailureKind.LOST, "worker gone"))
        assert driver.store.release_trials(driver.lease, 1) == ()
        assert driver.store.retry_trials(driver.lease, 1, set(FailureKind)) == ()
        assert (reads.trials("demo"), reads.trial_history("demo", 1, 0)) == before
        assert reads.events("demo")[-1].message == (
            "task 1, trial 0: ignored a failure after its result: worker gone")

    def test_a_result_needs_a_start(self, driver: Driver) -> None:
        driver.begin()
        with pytest.raises(StateError) as caught:
            driver.store.trial_finished(driver.lease, 1, 0, success(0))
        assert tells(caught.value, "trial_finished", "trial 0", "task 1", "demo", "pending", "running")

    def test_epochs_need_a_start(self, driver: Driver) -> None:
        driver.begin()
        with pytest.raises(StateError, match=naming("trial_epochs", "trial 0", "task 1", "demo", "pending", "running")):
            driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1)])

    def test_a_start_that_is_told_twice_counts_once(self, driver: Driver, reads: Reads) -> None:
        """As after an answer that was lost on its way."""
        driver.begin()
        for seconds_ago in (0.0, 1.0):
            assert driver.store.trial_started(driver.lease, 1, 0, "ray-a", "gpu1", "cuda:0", seconds_ago)
        assert reads.trials("demo")[0].attempts == 1
        assert driver.store.trial_started(driver.lease, 1, 0, "ray-a.2", "gpu1", "cuda:0")
        assert reads.trials("demo")[0].attempts == 2

    def test_a_lost_worker_starts_another_attempt_with_its_own_history(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(0)
        driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1), epoch(2), epoch(3)])
        driver.start(0)
        assert reads.trial_history("demo", 1, 0) == [], "the epochs of the attempt before are not its own"
        driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1, 140)])
        assert reads.trials("demo")[0].attempts == 2
        assert [(e.attempt, e.epoch, e.val_correct) for e in reads.trial_history("demo", 1, 0)] == [(2, 1, 140)]
        assert len(reads.trial_history("demo", 1, 0, attempt=1)) == 3

    def test_what_an_interrupted_trial_has_learnt_is_seen_until_it_begins_again(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(0)
        driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1), epoch(2)])
        driver.store.release_trials(driver.lease, 1)
        assert [(e.attempt, e.epoch) for e in reads.trial_history("demo", 1, 0)] == [(1, 1), (1, 2)]
        driver.start(0)
        assert reads.trial_history("demo", 1, 0) == []

    def test_losses_that_are_not_finite_are_kept_as_unknown(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(0)
        driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1, train_loss=math.nan, l1_penalty=math.inf)])
        found = reads.trial_history("demo", 1, 0)[0]
        assert (found.train_loss, found.l1_penalty) == (None, None)

    def test_of_a_trial_that_is_not_there(self, driver: Driver) -> None:
        driver.begin()
        with pytest.raises(NotFoundError) as caught:
            driver.start(3)
        assert tells(caught.value, "task 1", "demo", "trial 3", "clnp trials demo --task 1")

    def test_the_curve_keeps_every_bit(self, driver: Driver, reads: Reads) -> None:
        threshold = math.nextafter(0.1, 1.0)
        driver.begin()
        driver.start(0)
        curve = tuple(dataclasses.replace(point, threshold=threshold) for point in success().curve)
        driver.store.trial_finished(driver.lease, 1, 0, success(0, curve=curve))
        assert reads.threshold_curve("demo", 1, 0)[0].threshold == threshold


class TestFailures:
    def test_are_recorded_with_their_kind(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(0)
        assert driver.store.trial_failed(driver.lease, 1, 0, TrialFailure(FailureKind.DIVERGED, "loss nan in epoch 2"))
        assert not driver.store.trial_failed(driver.lease, 1, 0, TrialFailure(FailureKind.LOST, "later"))
        trial = reads.trials("demo")[0]
        assert (trial.state, trial.failure_kind, trial.failure_reason) == (
            TrialState.FAILED, FailureKind.DIVERGED, "loss nan in epoch 2")
        assert reads.events("demo")[-1].message == "task 1, trial 0 diverged: loss nan in epoch 2"

    def test_a_trial_may_run_out_of_time_before_its_start(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.store.trial_failed(driver.lease, 1, 1, TrialFailure(FailureKind.TIMED_OUT, "the sweep's limit"))
        assert states(reads) == ["pending", "failed", "pending"]

    def test_a_failed_trial_must_be_retried_before_it_starts(self, driver: Driver) -> None:
        driver.begin()
        driver.start(0)
        driver.store.trial_failed(driver.lease, 1, 0, TrialFailure(FailureKind.ERROR, "boom"))
        with pytest.raises(StateError, match=naming("trial 0", "task 1", "demo", "failed", "pending", "running")):
            driver.start(0)

    def test_only_the_chosen_kinds_are_retried(self, driver: Driver, reads: Reads) -> None:
        driver.begin(trials=4)
        for number, kind in enumerate(FailureKind):
            driver.start(number)
            driver.store.trial_failed(driver.lease, 1, number, TrialFailure(kind, f"reason {number}"))
        assert driver.store.retry_trials(driver.lease, 1, [FailureKind.LOST, FailureKind.ERROR]) == (2, 3)
        assert states(reads) == ["failed", "failed", "pending", "pending"]
        retried = reads.trials("demo")[3]
        assert (retried.failure_kind, retried.failure_reason, retried.attempts) == (None, None, 1)
        assert reads.events("demo")[-1].details["reason"] == "reason 3"
        driver.start(3)
        assert reads.trials("demo")[3].attempts == 2

    def test_running_trials_are_released(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(0)
        driver.finish(1)
        assert driver.store.release_trials(driver.lease, 1) == (0,)
        assert states(reads) == ["pending", "finished", "pending"]


class TestEndSweep:
    def test_when_all_have_ended(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.finish(0)
        driver.finish(1)
        driver.start(2)
        driver.store.trial_failed(driver.lease, 1, 2, TrialFailure(FailureKind.DIVERGED, "nan"))
        driver.store.end_sweep(driver.lease, 1)
        driver.store.end_sweep(driver.lease, 1)
        stage = reads.stages("demo")[0]
        assert (stage.state, stage.trials_finished, stage.trials_failed) == (StageState.SELECTING, 2, 1)
        assert stage.sweep_ended_at is not None

    def test_waits_for_every_trial(self, driver: Driver) -> None:
        driver.begin(trials=14)
        driver.finish(1)
        with pytest.raises(StateError) as caught:
            driver.store.end_sweep(driver.lease, 1)
        assert tells(caught.value, "end_sweep", "task 1", "demo", 0, 2, 3, 4, 5, 6, 7, 8, 9, 10)

    @pytest.mark.parametrize("failure", list(FailureKind))
    def test_is_blocked_by_a_failure_that_says_nothing_about_the_grid_point(
            self, driver: Driver, failure: FailureKind) -> None:
        driver.begin(trials=2)
        driver.finish(0)
        driver.start(1)
        driver.store.trial_failed(driver.lease, 1, 1, TrialFailure(failure, "reason"))
        if failure in (FailureKind.DIVERGED, FailureKind.TIMED_OUT):
            driver.store.end_sweep(driver.lease, 1)
            return
        with pytest.raises(StateError) as caught:
            driver.store.end_sweep(driver.lease, 1)
        assert tells(caught.value, "end_sweep", "task 1", "demo", 1, "clnp resume demo --retry-failed")

    def test_needs_a_trial(self, driver: Driver) -> None:
        driver.begin(trials=0)
        with pytest.raises(StateError, match=naming("end_sweep", "task 1", "demo")):
            driver.store.end_sweep(driver.lease, 1)

    def test_no_trial_is_written_afterwards(self, driver: Driver) -> None:
        driver.sweep()
        with pytest.raises(StateError, match=naming("retry_trials", "task 1", "demo", "selecting", "sweeping")):
            driver.store.retry_trials(driver.lease, 1, set(FailureKind))
