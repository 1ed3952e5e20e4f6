"""Contract: selection, commit, failure and depletion of a stage, the same on SQLite and PostgreSQL."""

from typing import Any

import pytest

from clnp_core.errors import DatabaseError, StateError
from clnp_core.selection import SelectionRule, TrialVerdict, Verdict
from clnp_core.values import CutCandidate, CutSearch, FineTuningRound, SearchEnd, TaskResult
from db import dataframes
from db.reads.reads import Reads
from db.records import TrialFailure
from db.states import FailureKind, RunState, StageState
from tests.db.builders import Driver, bytes_removed, commit, selection, verdicts
from tests.messages import naming, tells


class TestRecordSelection:
    def test_is_read_back_as_it_was(self, driver: Driver, reads: Reads) -> None:
        driver.sweep()
        driver.store.record_selection(driver.lease, 1, selection(), verdicts())
        assert reads.stages("demo")[0].state is StageState.COMMITTING
        found = reads.selections("demo")[0]
        assert (found.task, found.chosen, found.picked, found.thresholds, found.margin_points) == (
            1, 1, (0, 1, 2), (0.1, None), "0.05")
        assert (found.best_val_correct, found.val_total, found.pruned_val_correct, found.free_neurons, found.hidden_total,
                found.reason, found.scan_seconds) == (182, 200, 181, 9, 20, "sparsest", 1.5)
        assert [(v.number, v.verdict, v.reason, v.thresholds) for v in reads.verdicts("demo", 1)] == [
            (0, Verdict.SPARSER_ONE_EXISTS, "reason 0", (0.1, None)), (1, Verdict.CHOSEN, "reason 1", (0.1, None)),
            (2, Verdict.SPARSER_ONE_EXISTS, "reason 2", (0.1, None))]
        assert [t.verdict for t in reads.trials("demo", 1)] == [v.verdict for v in reads.verdicts("demo")]

    def test_the_rule_and_what_it_weighs_are_read_back(self, driver: Driver, reads: Reads) -> None:
        driver.select()
        assert (reads.selections("demo")[0].rule, reads.selections("demo")[0].capacity_weight_points) == (
            SelectionRule.SPARSEST, None)
        driver.store.record_commit(driver.lease, 1, commit())
        driver.sweep(2)
        weighed = selection(rule=SelectionRule.TRADE_OFF, capacity_weight_points="0.50")
        driver.store.record_selection(driver.lease, 2, weighed, verdicts())
        found = reads.selections("demo", 2)[0]
        assert (found.rule, found.capacity_weight_points) == (SelectionRule.TRADE_OFF, "0.50")

    def test_the_same_one_again_changes_nothing(self, driver: Driver, reads: Reads) -> None:
        driver.select()
        before = reads.selections("demo"), reads.verdicts("demo"), reads.events("demo")
        driver.store.record_selection(driver.lease, 1, selection(scan_seconds=9.0), verdicts())
        assert (reads.selections("demo"), reads.verdicts("demo"), reads.events("demo")) == before
        driver.store.record_commit(driver.lease, 1, commit())
        driver.store.record_selection(driver.lease, 1, selection(), verdicts())

    @pytest.mark.parametrize("changes", [
        {"chosen": 0}, {"picked": (0, 1)}, {"thresholds": (0.1, 0.2)}, {"margin_points": "0.050"}, {"free_neurons": 8},
        {"rule": SelectionRule.TRADE_OFF}, {"capacity_weight_points": "1"}])
    def test_refuses_another_one(self, driver: Driver, changes: dict[str, Any]) -> None:
        driver.select()
        with pytest.raises(StateError) as caught:
            driver.store.record_selection(driver.lease, 1, selection(**changes), verdicts())
        assert tells(caught.value, "record_selection", "task 1", "demo", "clnp fork demo --task 0")

    @pytest.mark.parametrize(("numbers", "wrong"), [((0, 1), "2"), ((0, 1, 2, 3), "3"), ((0, 1, 2, 2), "2")])
    def test_needs_one_verdict_for_each_trial(self, driver: Driver, reads: Reads, numbers: tuple[int, ...],
                                              wrong: str) -> None:
        driver.sweep()
        with pytest.raises(StateError) as caught:
            driver.store.record_selection(driver.lease, 1, selection(), verdicts(numbers=numbers))
        assert tells(caught.value, "record_selection", "task 1", "demo", 3, wrong)
        assert reads.selections("demo") == [] and reads.stages("demo")[0].state is StageState.SELECTING

    def test_its_verdicts_must_choose_the_same_trial(self, driver: Driver) -> None:
        driver.sweep()
        with pytest.raises(StateError, match=naming("task 1", "demo", "trial 1", "[2]")):
            driver.store.record_selection(driver.lease, 1, selection(), verdicts(chosen=2))

    def test_failed_trials_have_a_verdict_too(self, driver: Driver, reads: Reads) -> None:
        driver.begin(trials=2)
        driver.finish(0)
        driver.start(1)
        driver.store.trial_failed(driver.lease, 1, 1, TrialFailure(FailureKind.DIVERGED, "nan"))
        driver.store.end_sweep(driver.lease, 1)
        judged = (*verdicts(0, [0]), TrialVerdict(1, Verdict.FAILED, "diverged: nan"))
        driver.store.record_selection(driver.lease, 1, selection(0, (0,)), judged)
        found = reads.verdicts("demo")[1]
        assert (found.verdict, found.thresholds, found.pruned_val_correct, found.free_neurons) == (
            Verdict.FAILED, None, None, None)

    def test_refuses_a_stage_that_still_sweeps(self, driver: Driver) -> None:
        driver.begin()
        with pytest.raises(StateError, match=naming("record_selection", "task 1", "demo", "sweeping", "selecting", "failed",
                                                    "committing")):
            driver.store.record_selection(driver.lease, 1, selection(), verdicts())


class TestRecordCommit:
    def test_is_read_back_as_it_was(self, driver: Driver, reads: Reads) -> None:
        driver.commit(1)
        driver.commit(2)
        assert [stage.state for stage in reads.stages("demo")] == [
            StageState.COMMITTED, StageState.COMMITTED, StageState.PENDING]
        found = reads.commits("demo")[1]
        assert (found.task, found.digest, found.parent_digest, found.artifact_bytes, found.verification,
                found.commit_seconds) == (2, "commit-2", "commit-1", 5000, {"structure": "bit-equal", "tasks": 2}, 3.25)
        assert reads.capacity("demo") == [*commit(1).capacity, *commit(2).capacity]
        assert [layer.used_fraction for layer in reads.capacity("demo")] == [3 / 12, 2 / 8, 6 / 12, 4 / 8]
        assert [(a.after_task, TaskResult(a.on_task, a.test_correct, a.test_total, a.logits_digest, a.val_correct or 0,
                                          a.val_total or 0)) for a in reads.accuracy_matrix("demo")] == [
            (task, result) for task in (1, 2) for result in commit(task).evaluations]

    def test_the_same_one_again_changes_nothing(self, driver: Driver, reads: Reads) -> None:
        driver.commit()
        before = reads.commits("demo"), reads.capacity("demo"), reads.accuracy_matrix("demo"), reads.events("demo")
        driver.store.record_commit(driver.lease, 1, commit(commit_seconds=9.0))
        assert (reads.commits("demo"), reads.capacity("demo"), reads.accuracy_matrix("demo"),
                reads.events("demo")) == before

    @pytest.mark.parametrize("has_final", [False, True])
    def test_its_search_is_read_back(self, driver: Driver, reads: Reads, has_final: bool) -> None:
        candidates = tuple(CutCandidate(cut, (30 - cut, 20), 150 + cut, 190 - cut, 2, 6, 1.5) for cut in range(3))
        search = CutSearch("teachers", 193, 189, 200, candidates, SearchEnd.PATIENCE, 2, 1, True,
                           CutCandidate(1, (29, 20), 189, 191, 3, 8, 2.0) if has_final else None, 7.25)
        driver.select()
        driver.store.record_commit(driver.lease, 1, commit(search=search))
        assert reads.commits("demo")[0].search == search

    def test_its_validation_and_its_fine_tuning_are_read_back(self, driver: Driver, reads: Reads, url: str) -> None:
        rounds = (FineTuningRound(1, (0.25, None), 190, 12, 0, 20, 190, 1.5),
                  FineTuningRound(2, (0.5, 0.1), 185, 14, 3, 20, 191, 2.5))
        driver.select()
        driver.store.record_commit(driver.lease, 1, commit(val_correct=191, val_total=200, fine_tuning=rounds))
        found = reads.commits("demo")[0]
        assert (found.val_correct, found.val_total, found.fine_tuning) == (191, 200, rounds)
        assert dataframes.commits("demo", url=url)["fine_tuning"][0][1]["best_epoch"] == 3
        assert found.search is None
        driver.select(2)
        driver.store.record_commit(driver.lease, 2, commit(2))
        assert reads.commits("demo")[1].fine_tuning is None

    def test_refuses_another_one(self, driver: Driver) -> None:
        driver.commit()
        with pytest.raises(StateError) as caught:
            driver.store.record_commit(driver.lease, 1, commit(digest="another-digest"))
        assert tells(caught.value, "record_commit", "task 1", "demo", 1)

    def test_is_all_or_nothing(self, driver: Driver, reads: Reads) -> None:
        driver.select()
        impossible = (TaskResult(1, 301, 300, "logits", 190, 200),)
        with pytest.raises(DatabaseError, match=naming("ck_clnp_evaluations_test_correct")):
            driver.store.record_commit(driver.lease, 1, commit(evaluations=impossible))
        assert reads.commits("demo") == [] and reads.stages("demo")[0].state is StageState.COMMITTING
        assert "commit-1" not in [artifact.digest for artifact in reads.artifacts()]
        driver.store.record_commit(driver.lease, 1, commit())

    def test_needs_a_selection(self, driver: Driver) -> None:
        driver.sweep()
        with pytest.raises(StateError, match=naming("record_commit", "task 1", "demo", "selecting", "committing")):
            driver.store.record_commit(driver.lease, 1, commit())

    def test_an_artifact_that_was_deleted_is_there_again(self, driver: Driver, reads: Reads) -> None:
        driver.commit()
        bytes_removed(driver.store, "commit-1")
        other = Driver.of_new_run(driver.store, name="other")
        other.commit()
        assert next(a for a in reads.artifacts() if a.digest == "commit-1").removed_at is None

    def test_all_of_them_complete_the_run(self, driver: Driver, reads: Reads) -> None:
        for task in (1, 2, 3):
            driver.commit(task)
        assert reads.run_state("demo") is RunState.COMPLETED and reads.run("demo").tasks_committed == 3


def fail_in(driver: Driver, state: StageState) -> None:
    """Fail task 1 while it is in a state."""
    {StageState.PENDING: lambda: None, StageState.SWEEPING: driver.begin, StageState.SELECTING: driver.sweep,
     StageState.COMMITTING: driver.select}[state]()
    driver.store.fail_stage(driver.lease, 1, "no space left")


class TestFailure:
    @pytest.mark.parametrize("state", [
        StageState.PENDING, StageState.SWEEPING, StageState.SELECTING, StageState.COMMITTING])
    def test_remembers_from_where_and_goes_back_there(self, driver: Driver, reads: Reads, state: StageState) -> None:
        fail_in(driver, state)
        driver.store.fail_stage(driver.lease, 1, "a second reason")
        stage = reads.stages("demo")[0]
        assert (stage.state, stage.failed_from, stage.reason) == (StageState.FAILED, state, "no space left")
        assert reads.run_state("demo") is RunState.FAILED
        driver.store.reopen_stage(driver.lease, 1, state)
        driver.store.reopen_stage(driver.lease, 1, state)
        stage = reads.stages("demo")[0]
        assert (stage.state, stage.failed_from, stage.reason) == (state, None, None)
        assert f"task 1: {state.value} → failed: no space left" in [e.message for e in reads.events("demo")]

    def test_releases_what_was_running(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        driver.start(0)
        driver.store.fail_stage(driver.lease, 1, "Ray went away")
        assert reads.stages("demo")[0].trials_running == 0 and reads.stages("demo")[0].trials_pending == 3

    def test_of_the_selection_may_go_back_to_the_sweep(self, driver: Driver, reads: Reads) -> None:
        fail_in(driver, StageState.SELECTING)
        driver.store.reopen_stage(driver.lease, 1, StageState.SWEEPING)
        driver.store.end_sweep(driver.lease, 1)
        assert reads.stages("demo")[0].state is StageState.SELECTING

    @pytest.mark.parametrize(("state", "to"), [
        (StageState.PENDING, StageState.SWEEPING), (StageState.SWEEPING, StageState.SELECTING),
        (StageState.COMMITTING, StageState.SELECTING), (StageState.SELECTING, StageState.COMMITTED)])
    def test_never_skips_ahead_or_forgets_a_selection(self, driver: Driver, state: StageState, to: StageState) -> None:
        fail_in(driver, state)
        with pytest.raises(StateError, match=naming("reopen_stage", "task 1", "demo", state.value)):
            driver.store.reopen_stage(driver.lease, 1, to)

    def test_a_stage_that_was_stopped_before_its_selection_may_go_back_to_the_sweep(self, driver: Driver, reads: Reads) -> None:
        driver.sweep()
        driver.store.reopen_stage(driver.lease, 1, StageState.SWEEPING)
        assert reads.stages("demo")[0].state is StageState.SWEEPING
        driver.store.end_sweep(driver.lease, 1)
        with pytest.raises(StateError, match=naming("reopen_stage", "task 1", "demo", "selecting")):
            driver.store.reopen_stage(driver.lease, 1, StageState.COMMITTING)

    def test_only_a_failed_stage_is_reopened(self, driver: Driver) -> None:
        driver.begin()
        with pytest.raises(StateError, match=naming("reopen_stage", "task 1", "demo", "sweeping", "failed")):
            driver.store.reopen_stage(driver.lease, 1, StageState.PENDING)

    def test_a_commit_is_final(self, driver: Driver) -> None:
        driver.commit()
        with pytest.raises(StateError) as caught:
            driver.store.fail_stage(driver.lease, 1, "too late")
        assert tells(caught.value, "fail_stage", "task 1", "demo", "committed", "pending", "sweeping", "selecting",
                     "committing", "failed")


class TestDepletion:
    def test_ends_the_run_without_failing_it(self, driver: Driver, reads: Reads) -> None:
        driver.commit()
        driver.store.deplete_stage(driver.lease, 2, "layer 2 has no free neuron")
        driver.store.deplete_stage(driver.lease, 2, "again")
        stage = reads.stages("demo")[1]
        assert (stage.state, stage.failed_from, stage.reason) == (
            StageState.DEPLETED, None, "layer 2 has no free neuron")
        assert reads.run_state("demo") is RunState.DEPLETED and reads.run("demo").tasks_committed == 1

    def test_is_known_before_the_selection(self, driver: Driver) -> None:
        driver.sweep()
        with pytest.raises(StateError, match=naming("deplete_stage", "task 1", "demo", "selecting", "pending", "sweeping")):
            driver.store.deplete_stage(driver.lease, 1, "too late")
