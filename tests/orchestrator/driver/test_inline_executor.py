"""Runs in the driver's own process: without Ray, in a debugger, stopped and resumed, with trials that fail."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from clnp_core.errors import ConfigError, RunFailedError
from db.states import FailureKind, RunState, TrialState
from orchestrator import api
from tests.messages import tells
from tests.orchestrator.laboratory import SMALL, Heard, Laboratory, beat_now, small

ROOT = Path(__file__).resolve().parents[3]
OWN = """import torch

from clnp import Samples, TaskData


class Tasks:
    tasks = 2

    def __init__(self, seed):
        self.seed = seed

    def task(self, number):
        generator = torch.Generator().manual_seed(self.seed + number)
        {line}

        def part(size):
            inputs = torch.rand(size, 6, generator=generator)
            return Samples(inputs, (inputs[:, 0] > 0.5).to(torch.int64))

        return TaskData(part(200), part(100), part(100), 2)
"""


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path, "inline")


def command(folder: Path, line: str = "pass", **sections: Any) -> list[str]:
    """A command that launches a run on a task of one's own, in ``folder``."""
    config = {**SMALL, "benchmark": {"name": "own_inline_tasks:Tasks", "tasks": 1}, "network": {"hidden": [8, 6]}, **sections}
    (folder / "own_inline_tasks.py").write_text(OWN.format(line=line))
    (folder / "own.yaml").write_text(yaml.safe_dump(config))
    return ["-m", "orchestrator.cli", "launch", "own.yaml", "--executor", "inline"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def test_no_ray_is_imported(tmp_path: Path) -> None:
    program = ("import sys, runpy\nsys.argv = ['clnp', *sys.argv[1:]]\n"
               "from orchestrator.cli.main import main\ncode = main(sys.argv[1:])\n"
               "print(code, [name for name in sys.modules if name.split('.')[0] == 'ray'], file=sys.stderr)")
    told = subprocess.run([sys.executable, "-c", program, *command(tmp_path)[2:]], cwd=tmp_path, env=environment(), text=True,
                          capture_output=True, check=True)
    assert told.stderr.splitlines()[-1] == "0 []", told.stderr
    assert "completed" in told.stdout


@pytest.mark.parametrize("hook", ["", "ray.util.rpdb._driver_set_trace"], ids=["Python's", "where Ray was started before"])
def test_a_breakpoint_in_a_task_stops_there(tmp_path: Path, hook: str) -> None:
    told = subprocess.run([sys.executable, *command(tmp_path, "breakpoint()")], cwd=tmp_path, text=True,
                          env={**environment(), "PYTHONBREAKPOINT": hook},
                          input="p 'task', number * 42\nclear\ny\n" + "c\n" * 20, capture_output=True, check=False)
    assert "('task', 42)" in told.stderr and "own_inline_tasks.py" in told.stderr, told.stderr
    assert told.returncode == 0 and "completed" in told.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_with_a_checkpoint(tmp_path: Path, number: signal.Signals) -> None:
    training = {"batch_size": 8, "epochs": 100_000}
    driver = subprocess.Popen([sys.executable, *command(tmp_path, training=training), "--progress", "json"], cwd=tmp_path,
                              env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert driver.stderr is not None
    for line in driver.stderr:
        if '"epoch"' in line:
            break
    driver.send_signal(number)
    _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 130, errors
    run = api.run("small", url=f"sqlite:///{tmp_path}/.clnp/clnp.db", storage=str(tmp_path / ".clnp" / "artifacts"))
    assert run.state is RunState.STOPPED
    assert [file for file in (tmp_path / ".clnp" / "artifacts" / "checkpoints").iterdir() if not file.name.startswith(".")]


def test_a_stopped_run_resumes_to_the_digests_of_an_undisturbed_one(tmp_path: Path) -> None:
    config, labs = small(), [Laboratory(tmp_path / name, "inline") for name in ("stopped", "undisturbed")]
    for lab in labs:
        lab.folder.mkdir()

    def stop(step: str, detail: Any) -> None:
        if (step, detail) == ("finished", 0) and len(heard.of("finished")) == 3:
            api.request_stop("small", url=labs[0].url)
            beat_now("small", labs[0])

    heard = Heard(when=stop)
    assert labs[0].launch(config, heard).state is RunState.STOPPED
    assert len(heard.of("finished")) == 3, "the second trial of the second task has not begun"
    resumed = Heard()
    assert labs[0].resume("small", resumed).state is RunState.COMPLETED
    assert resumed.of("finished") == [1]
    assert labs[1].launch(config).state is RunState.COMPLETED
    assert labs[0].digests("small") == labs[1].digests("small")


def test_a_task_that_raises_fails_the_run_with_its_own_words(laboratory: Laboratory, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_raising_tasks.py").write_text(OWN.format(line="raise RuntimeError('no such sensor')"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Exception, match="no such sensor"):
        laboratory.launch(small(benchmark={"name": "own_raising_tasks:Tasks", "tasks": 1}))
    assert laboratory.read(lambda reads: reads.run("small")).state is RunState.FAILED


def test_a_diverged_trial_is_recorded_and_the_sweep_continues(laboratory: Laboratory) -> None:
    config = small(benchmark={"tasks": 1}, training={"optimizer": "sgd"}, sweep={"learning_rate": [0.1, 1e30]})
    assert laboratory.launch(config).state is RunState.COMPLETED
    assert [row.state for row in laboratory.trials("small")] == [TrialState.FINISHED, TrialState.FAILED]


def test_a_trial_beyond_its_time_limit_times_out_between_two_epochs(laboratory: Laboratory) -> None:
    config = small(benchmark={"tasks": 1}, training={"epochs": 100_000}, resources={"trial_time_limit_seconds": 1})
    with pytest.raises(RunFailedError) as caught:
        laboratory.launch(config)
    assert tells(caught.value, "every trial", "1 s")
    assert {row.failure_kind for row in laboratory.trials("small")} == {FailureKind.TIMED_OUT}


def test_a_sweep_beyond_its_time_limit_ends(laboratory: Laboratory) -> None:
    config = small(benchmark={"tasks": 1}, training={"epochs": 100_000}, resources={"sweep_time_limit_seconds": 2})
    with pytest.raises(RunFailedError):
        laboratory.launch(config)
    assert {row.failure_kind for row in laboratory.trials("small")} == {FailureKind.TIMED_OUT}


def test_more_gpus_than_there_are_is_refused_and_nothing_is_recorded(laboratory: Laboratory) -> None:
    with pytest.raises(ConfigError) as caught:
        laboratory.launch(small(resources={"gpus_per_trial": 99}))
    assert tells(caught.value, "99 GPUs", "resources.cpus_per_trial")
    assert laboratory.read(lambda reads: reads.runs()) == []


def test_an_unknown_executor_and_several_seeds_are_refused(laboratory: Laboratory) -> None:
    laboratory.executor = "slurm"
    with pytest.raises(ConfigError) as caught:
        laboratory.launch(small())
    assert tells(caught.value, "slurm", "ray, inline")
    with pytest.raises(ConfigError) as caught:
        api.launch({**SMALL, "seeds": [1, 2]}, url=laboratory.url, storage=laboratory.storage, executor="inline")
    assert tells(caught.value, "inline", "seeds")
