"""Trials on real Ray workers: warm processes, logical GPUs, lost workers, trials that hang, and another cluster."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError, NotFoundError, RunFailedError
from db.rows import TrialRow
from db.states import FailureKind, RunState, TrialState
from orchestrator.config.config import Config
from orchestrator.runs.trial_logs import output_of
from tests.messages import naming
from tests.orchestrator.laboratory import Heard, Laboratory, small
from workers.capture import HEADING

pytestmark = pytest.mark.usefixtures("ray_with_logical_gpus")


def config(folder: Path, **sections: dict[str, Any]) -> Config:
    """One easy task, two trials, on the benchmark that misbehaves when a file in ``folder`` tells it to."""
    benchmark = {"name": "tests.orchestrator.misbehaving:Tasks", "tasks": 1, "params": {"folder": str(folder)}}
    return small(benchmark=benchmark, **{"network": {"hidden": [8, 6]}, **sections})


def loadings(folder: Path) -> list[tuple[int, list[int]]]:
    """(process, GPUs) of every loading of the task inside a trial."""
    lines = [line.split(maxsplit=1) for line in (folder / "loaded").read_text().splitlines()]
    return [(int(process), ast.literal_eval(gpus)) for process, gpus in lines]


def printed_by(laboratory: Laboratory, trial: TrialRow) -> tuple[list[str], list[str]]:
    """What a trial printed: of every heading what it is about, and all other lines."""
    lines = output_of(trial, laboratory.storage).splitlines()
    headings = [line for line in lines if line.startswith(HEADING)]
    assert all(re.fullmatch(rf"{HEADING}\S+Z host=\S+ pid=\d+ run=small task=1 trials=\d attempt=\d", line)
               for line in headings)
    return [line.partition("task=1 ")[2] for line in headings], [line for line in lines if line not in headings]


@pytest.mark.whole
def test_warm_workers_serve_one_trial_after_another(tmp_path: Path) -> None:
    rates = [0.001 * step for step in range(1, 7)]
    two = config(tmp_path, sweep={"learning_rate": rates}, resources={"max_concurrent_trials": 2})
    run = Laboratory(tmp_path, "ray").launch(two)
    assert run.state is RunState.COMPLETED
    assert len(loadings(tmp_path)) == 2, "six trials, two processes, one loading of the task in each"


def test_fractions_of_gpus_are_placed(tmp_path: Path) -> None:
    resources = {"gpus_per_trial": 1, "cpus_per_trial": 0.5, "max_concurrent_trials": None}
    run = Laboratory(tmp_path, "ray").launch(config(tmp_path, resources=resources, sweep={"learning_rate": [0.01, 0.02, 0.03]}))
    assert run.state is RunState.COMPLETED
    assert sorted(gpus for _, gpus in loadings(tmp_path)) == [[0], [1]], "a whole GPU each, and there are two"


@pytest.mark.slow
def test_half_a_gpu_each_lets_trials_share_one(tmp_path: Path) -> None:
    resources = {"gpus_per_trial": 0.5, "cpus_per_trial": 0.5, "max_concurrent_trials": None}
    run = Laboratory(tmp_path, "ray").launch(config(
        tmp_path, resources=resources, sweep={"learning_rate": [0.01, 0.02, 0.03, 0.04]}))
    assert run.state is RunState.COMPLETED
    used = [gpus[0] for _, gpus in loadings(tmp_path)]
    assert max(used.count(0), used.count(1)) >= 2
    assert all(len(gpus) == 1 for _, gpus in loadings(tmp_path))


def test_a_killed_worker_is_tried_again_and_recorded_once(tmp_path: Path) -> None:
    (tmp_path / "die").touch()
    laboratory = Laboratory(tmp_path, "ray")
    assert laboratory.launch(config(tmp_path)).state is RunState.COMPLETED
    trials = laboratory.trials("small")
    assert [trial.state for trial in trials] == [TrialState.FINISHED] * 2
    assert sorted(trial.attempts for trial in trials) == [1, 2]
    again = next(trial for trial in trials if trial.attempts == 2)
    headings, printed = printed_by(laboratory, again)
    assert headings == [f"trials={again.number} attempt=1", f"trials={again.number} attempt=2"]
    assert printed == ["task 1 is loaded in a trial", "and a line past Python"] * 2, "the killed process left what it said"
    other = next(trial for trial in trials if trial.attempts == 1)
    with pytest.raises(NotFoundError):
        output_of(other, laboratory.storage)  # the task was loaded already, so this one printed nothing


@pytest.mark.whole
def test_a_lost_trial_blocks_the_selection_until_a_resume(tmp_path: Path) -> None:
    (tmp_path / "always-die").touch()
    laboratory = Laboratory(tmp_path, "ray")
    with pytest.raises(RunFailedError, match=naming("retries")):
        laboratory.launch(config(tmp_path, resources={"retries": 1}))
    trials = laboratory.trials("small")
    assert {trial.failure_kind for trial in trials} == {FailureKind.LOST}
    assert [trial.attempts for trial in trials] == [2, 2]
    (tmp_path / "always-die").unlink()
    assert laboratory.resume("small").state is RunState.COMPLETED


@pytest.mark.whole
def test_a_hung_trial_ends_at_its_time_limit_and_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "hang").touch()
    laboratory, heard = Laboratory(tmp_path, "ray"), Heard()
    with pytest.raises(RunFailedError, match=naming("trial 0", 1)):
        laboratory.launch(config(tmp_path, resources={"trial_time_limit_seconds": 1}), heard)
    assert {trial.failure_kind for trial in laboratory.trials("small")} == {FailureKind.TIMED_OUT}
    assert len(loadings(tmp_path)) == 2, "one hanging attempt of each trial"
    headings, printed = printed_by(laboratory, laboratory.trials("small")[0])
    assert headings == ["trials=0 attempt=1"]
    assert printed[:2] == ["task 1 is loaded in a trial", "and a line past Python"] and "Timeout (0:00:06)!" in printed
    assert any("misbehaving.py" in line and line.endswith("in task") for line in printed), "where it hung"


def test_more_tasks_than_the_benchmark_has_is_refused_before_training(tmp_path: Path) -> None:
    settings = config(tmp_path).resolved()
    settings["benchmark"]["tasks"] = 4
    laboratory = Laboratory(tmp_path, "ray")
    with pytest.raises(ConfigError, match=naming(3, 4)):
        laboratory.launch(Config.from_resolved(settings))
    assert laboratory.trials("small") == []


@pytest.mark.whole
def test_a_sweep_ends_at_its_time_limit(tmp_path: Path) -> None:
    (tmp_path / "hang").touch()
    laboratory = Laboratory(tmp_path, "ray")
    with pytest.raises(RunFailedError, match=naming(5)):
        laboratory.launch(config(tmp_path, resources={"sweep_time_limit_seconds": 5}))
    assert {trial.failure_kind for trial in laboratory.trials("small")} == {FailureKind.TIMED_OUT}
