"""Whole runs on a real Ray: what is recorded, what a resume repeats, and what each kind of trouble ends in."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clnp_core.architecture import Architecture
from clnp_core.errors import BusyError, EnvironmentChangedError, RunFailedError, StateError
from clnp_core.selection import Verdict
from db.liveness import this_owner
from db.states import FailureKind, RunState, StageState, TrialState
from orchestrator import api
from tests.messages import naming
from tests.orchestrator.laboratory import Heard, Laboratory, beat_now, small

pytestmark = pytest.mark.usefixtures("ray_with_logical_gpus")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, ray_with_logical_gpus: None) -> tuple[Laboratory, Heard]:
    """One run from its first sweep to its last commit. Its third grid point diverges on both tasks."""
    laboratory, heard = Laboratory(tmp_path_factory.mktemp("finished"), "ray"), Heard()
    config = small(training={"optimizer": "sgd", "epochs": 4}, sweep={"learning_rate": [0.1, 0.2, 1e30]})
    assert laboratory.launch(config, heard).state is RunState.COMPLETED
    return laboratory, heard


class TestAFinishedRun:
    def test_every_stage_is_committed(self, finished: tuple[Laboratory, Heard]) -> None:
        stages = finished[0].read(lambda reads: reads.stages("small"))
        assert [stage.state for stage in stages] == [StageState.COMMITTED] * 2
        assert [stage.base_digest for stage in stages] == [None, finished[0].digests("small")[0]]
        assert stages[0].split_digest != stages[1].split_digest

    def test_every_grid_point_is_recorded_once_with_its_history(self, finished: tuple[Laboratory, Heard]) -> None:
        trials = finished[0].trials("small")
        assert [(trial.task, trial.number) for trial in trials] == [(t, n) for t in (1, 2) for n in (0, 1, 2)]
        assert len({trial.key for trial in trials}) == 6
        for trial in trials:
            history = finished[0].read(lambda reads, t=trial: reads.trial_history("small", t.task, t.number))
            curve = finished[0].read(lambda reads, t=trial: reads.threshold_curve("small", t.task, t.number))
            if trial.state is TrialState.FINISHED:
                assert [epoch.epoch for epoch in history] == list(range(1, 5))
                assert max(epoch.val_correct for epoch in history) == trial.val_correct
                assert 2 <= len(curve) <= 10
                assert trial.attempts == 1 and trial.host and trial.device == "cpu"

    def test_a_diverged_trial_is_failed_and_the_sweep_goes_on(self, finished: tuple[Laboratory, Heard]) -> None:
        diverged = [trial for trial in finished[0].trials("small") if trial.number == 2]
        assert [trial.failure_kind for trial in diverged] == [FailureKind.DIVERGED] * 2
        assert all(str(trial.failure_reason).startswith("the loss became") for trial in diverged)
        assert [trial.verdict for trial in diverged] == [Verdict.FAILED] * 2

    def test_every_trial_has_a_verdict_and_one_is_chosen(self, finished: tuple[Laboratory, Heard]) -> None:
        for task in (1, 2):
            verdicts = finished[0].read(lambda reads, t=task: reads.verdicts("small", t))
            assert [verdict.number for verdict in verdicts] == [0, 1, 2]
            assert [verdict.verdict for verdict in verdicts].count(Verdict.CHOSEN) == 1

    def test_the_matrix_is_lower_triangular_and_constant_down_its_columns(self, finished: tuple[Laboratory, Heard]) -> None:
        cells = finished[0].read(lambda reads: reads.accuracy_matrix("small"))
        assert [(cell.after_task, cell.on_task) for cell in cells] == [(1, 1), (2, 1), (2, 2)]
        assert cells[0].logits_digest == cells[1].logits_digest
        assert cells[0].test_correct == cells[1].test_correct

    def test_capacity_adds_up(self, finished: tuple[Laboratory, Heard]) -> None:
        rows = finished[0].read(lambda reads: reads.capacity("small"))
        assert [(row.task, row.layer) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]
        for before, after in zip(rows[:2], rows[2:], strict=True):
            assert after.used_neurons == before.used_neurons + after.new_neurons
            assert after.used_neurons + after.free_neurons == after.total_neurons

    def test_pruning_stays_within_the_margin(self, finished: tuple[Laboratory, Heard]) -> None:
        for selection in finished[0].read(lambda reads: reads.selections("small")):
            assert 100 * (selection.best_val_correct - selection.pruned_val_correct) <= 2 * selection.val_total

    def test_the_run_knows_where_it_came_from(self, finished: tuple[Laboratory, Heard]) -> None:
        run = finished[0].read(lambda reads: reads.run("small"))
        assert run.environment.keys() == {"device", "torch", "code", "threads"}
        assert {"torch", "ray"} <= run.package_versions.keys()
        assert run.config["training"]["optimizer"] == "sgd"

    def test_verify_proves_it_again_from_storage(self, finished: tuple[Laboratory, Heard]) -> None:
        verified = api.verify("small", url=finished[0].url, storage=finished[0].storage)
        assert [(commit.task, commit.tasks_compared, commit.samples_compared) for commit in verified] == [
            (1, (), 0), (2, (1,), 359)]
        assert all(commit.logits_compared for commit in verified)

    def test_a_completed_run_has_nothing_to_resume(self, finished: tuple[Laboratory, Heard]) -> None:
        heard = Heard()
        assert finished[0].resume("small", heard).state is RunState.COMPLETED
        assert heard.steps == []

    def test_ray_leaves_no_scratch_behind(self, finished: tuple[Laboratory, Heard]) -> None:
        tune = Path(finished[0].storage) / ".tune"
        assert list(tune.iterdir() if tune.exists() else []) == []


class TestStoppingAndResuming:
    @pytest.mark.whole
    def test_a_stopped_run_resumes_with_missing_trials_only_and_ends_in_the_same_digests(self, tmp_path: Path) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        config = small(sweep={"learning_rate": [0.01, 0.02, 0.03]}, resources={"max_concurrent_trials": 1})
        assert laboratory.launch(config, name="whole").state is RunState.COMPLETED

        def stop_in_the_second_sweep(step: str, detail: Any) -> None:
            if step == "finished" and len(heard.of("committed")) == 1:
                api.request_stop("cut", url=laboratory.url)
                beat_now("cut", laboratory)

        heard = Heard(when=stop_in_the_second_sweep)
        assert laboratory.launch(config, heard, name="cut").state is RunState.STOPPED
        before = {(trial.task, trial.number): trial for trial in laboratory.trials("cut")}
        ended = {place for place, trial in before.items() if trial.state is TrialState.FINISHED}
        assert {(1, 0), (1, 1), (1, 2)} < ended < set(before)
        assert all(trial.state in (TrialState.FINISHED, TrialState.PENDING) for trial in before.values())

        heard = Heard()
        assert laboratory.resume("cut", heard).state is RunState.COMPLETED
        assert heard.of("stage") == [(2, 3, len(ended) - 3)]
        assert heard.of("finished") == sorted(number for task, number in set(before) - ended)
        for trial in laboratory.trials("cut"):
            if (trial.task, trial.number) in ended:
                assert trial.finished_at == before[trial.task, trial.number].finished_at
        assert laboratory.digests("cut") == laboratory.digests("whole")

    def test_failed_trials_are_trained_again_although_the_sweep_has_ended(self, tmp_path: Path) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        config = small(benchmark={"tasks": 1}, training={"optimizer": "sgd"}, sweep={"learning_rate": [0.1, 1e30]})

        def interrupt_the_selection(step: str, detail: Any) -> None:
            if step == "selecting":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            laboratory.launch(config, Heard(when=interrupt_the_selection))
        assert laboratory.read(lambda reads: reads.stage("small", 1)).state is StageState.SELECTING
        heard = Heard()
        assert laboratory.resume("small", heard, retry_failed=True).state is RunState.COMPLETED
        assert heard.of("stage") == [(1, 2, 1)] and [number for number, _ in heard.of("failed")] == [1]
        assert [trial.attempts for trial in laboratory.trials("small")] == [1, 2]

    def test_a_second_driver_is_refused_with_the_owner(self, tmp_path: Path) -> None:
        laboratory, seen = Laboratory(tmp_path, "ray"), []

        def try_another(step: str, detail: Any) -> None:
            if step == "committed" and detail == 1:
                with pytest.raises(BusyError) as caught:
                    laboratory.resume("small")
                seen.append(caught.value)

        assert laboratory.launch(small(sweep={"learning_rate": [0.01]}), Heard(when=try_another)).state is RunState.COMPLETED
        assert this_owner().host in seen[0].message

    @pytest.mark.whole
    def test_a_changed_environment_is_refused_unless_accepted(self, tmp_path: Path) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        laboratory.commit_one_task(small(sweep={"learning_rate": [0.01]}))
        engine = laboratory.engine()
        with engine.begin() as connection:
            connection.execute(text("UPDATE clnp_runs SET environment = json_set(environment, '$.torch', '1.0')"))
        engine.dispose()
        with pytest.raises(EnvironmentChangedError, match=naming("1.0", "--accept-environment")):
            laboratory.resume("small")
        assert laboratory.resume("small", accept_environment=True).state is RunState.COMPLETED
        assert any(event.kind == "environment" for event in laboratory.read(lambda reads: reads.events("small")))


class TestTrouble:
    @pytest.mark.whole
    def test_all_trials_failing_fails_the_stage_and_resume_tries_again(self, tmp_path: Path) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        config = small(benchmark={"tasks": 1}, training={"optimizer": "sgd"}, sweep={"learning_rate": [1e29, 1e30]})
        with pytest.raises(RunFailedError, match=naming("task 1", "trial 0")):
            laboratory.launch(config)
        stage = laboratory.read(lambda reads: reads.stages("small"))[0]
        assert stage.state is StageState.FAILED and "every trial failed" in str(stage.reason)
        heard = Heard()
        with pytest.raises(RunFailedError):
            laboratory.resume("small", heard)
        assert [number for number, _ in heard.of("failed")] in ([0, 1], [1, 0])
        assert [trial.attempts for trial in laboratory.trials("small")] == [2, 2]

    def test_a_single_head_without_free_neurons_ends_the_run_cleanly(self, tmp_path: Path) -> None:
        laboratory, heard = Laboratory(tmp_path, "ray"), Heard()
        config = small(network={"hidden": [12, 1]}, sweep={"learning_rate": [0.01]}, selection={"margin_points": 0},
                       training={"epochs": 4})
        run = laboratory.launch(config, heard)
        assert run.state is RunState.DEPLETED and run.tasks_committed == 1
        assert any("task 2 cannot be learnt" in notice for notice in heard.of("notice"))
        with pytest.raises(StateError, match=naming("small")):
            laboratory.resume("small")

    @pytest.mark.whole
    def test_depletion_can_widen_instead(self, tmp_path: Path) -> None:
        laboratory, heard = Laboratory(tmp_path, "ray"), Heard()
        config = small(network={"hidden": [12, 1]}, sweep={"learning_rate": [0.01]}, selection={"margin_points": 0},
                       training={"epochs": 4}, capacity={"on_depletion": "widen", "widen_by": 5})
        assert laboratory.launch(config, heard).state is RunState.COMPLETED
        assert any("widening the network before task 2: " in notice
                   and "layer 2 from 1 to 6 neurons, 0 of them free so far" in notice for notice in heard.of("notice"))
        stages = laboratory.read(lambda reads: reads.stages("small"))
        assert [Architecture.from_json(stage.architecture).hidden[1] for stage in stages] == [1, 6]
        assert laboratory.read(lambda reads: reads.commits("small"))[1].verification["widened"] is True

    @pytest.mark.slow
    def test_a_layer_that_is_nearly_full_can_be_widened_too(self, tmp_path: Path) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        config = small(capacity={"on_depletion": "widen", "widen_by": 5, "widen_below": 0.99})
        assert laboratory.launch(config).state is RunState.COMPLETED
        (event,) = [event for event in laboratory.read(lambda reads: reads.events("small")) if event.kind == "widen"]
        free = [row.free_neurons for row in laboratory.read(lambda reads: reads.capacity("small")) if row.task == 1]
        assert any(count > 0 for count in free), "neither layer had to be widened for want of a free neuron"
        assert event.details == {"task": 2, "from": [32, 24], "to": [37, 29], "free": free}

    @pytest.mark.slow
    def test_a_full_multi_head_network_goes_on_with_its_head_alone(self, tmp_path: Path) -> None:
        laboratory, heard = Laboratory(tmp_path, "ray"), Heard()
        config = small(network={"hidden": [4, 1], "head": "multi"}, sweep={"learning_rate": [0.01]},
                       selection={"margin_points": 0}, training={"epochs": 4})
        assert laboratory.launch(config, heard).state is RunState.COMPLETED
        new = [row.new_neurons for row in laboratory.read(lambda reads: reads.capacity("small")) if row.task == 2]
        assert any("is full before task 2" in notice for notice in heard.of("notice"))
        assert new[1] == 0


class TestProtocols:
    @pytest.mark.whole
    @pytest.mark.parametrize("later", [
        pytest.param(None, marks=pytest.mark.slow), {"alpha": [1e-6, 1e-5, 1e-4], "learning_rate": 0.004}])
    def test_first_task(self, tmp_path: Path, later: dict[str, Any] | None) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        laboratory.launch(small(sweep={"protocol": "first-task", "later_tasks": later}))
        chosen = laboratory.read(lambda reads: reads.selections("small", 1))[0].chosen
        first = laboratory.trials("small", 1)[chosen]
        (only,) = laboratory.trials("small", 2)
        expected = (first.alpha, first.learning_rate) if later is None else ((1e-6, 1e-5, 1e-4), 0.004)
        assert (only.alpha, only.learning_rate) == expected

    @pytest.mark.slow
    def test_first_k_keeps_what_the_last_swept_task_chose(self, tmp_path: Path) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        laboratory.launch(small(benchmark={"tasks": 3}, training={"epochs": 1},
                                sweep={"protocol": "first-k", "first_tasks": 2}))
        chosen = laboratory.read(lambda reads: reads.selections("small", 2))[0].chosen
        last = laboratory.trials("small", 2)[chosen]
        (only,) = laboratory.trials("small", 3)
        assert (only.alpha, only.learning_rate) == (last.alpha, last.learning_rate)
        assert len(laboratory.trials("small", 2)) == 2

    @pytest.mark.whole
    @pytest.mark.parametrize("sampler", ["tpe", pytest.param("nsga2", marks=pytest.mark.slow)])
    def test_samplers_number_their_points_and_go_on_after_a_stop(self, tmp_path: Path, sampler: str) -> None:
        laboratory = Laboratory(tmp_path, "ray")
        config = small(benchmark={"tasks": 1}, resources={"max_concurrent_trials": 1},
                       sweep={"sampler": sampler, "samples": 4, "alpha": {"low": 1e-6, "high": 1e-3},
                              "learning_rate": {"low": 1e-3, "high": 3e-2}})

        def stop_after_two(step: str, detail: Any) -> None:
            if len(heard.of("finished")) == 2:
                api.request_stop("small", url=laboratory.url)
                beat_now("small", laboratory)

        heard = Heard(when=stop_after_two)
        assert laboratory.launch(config, heard).state is RunState.STOPPED
        before = laboratory.trials("small")
        assert laboratory.resume("small").state is RunState.COMPLETED
        after = laboratory.trials("small")
        assert [trial.number for trial in after] == [0, 1, 2, 3]
        assert len({trial.alpha for trial in after}) == 4
        assert all(1e-6 <= trial.alpha[0] <= 1e-3 and len(set(trial.alpha)) == 1 for trial in after)
        for old, new in zip(before, after, strict=False):
            assert (old.key, old.alpha, old.seed) == (new.key, new.alpha, new.seed)
