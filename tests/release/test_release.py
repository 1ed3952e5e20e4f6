"""A database and store that release 0.1.0 wrote still upgrade, read, verify, report and resume under this version.

``0.1.0.tar.gz`` holds a run of every method on two tasks of scikit-learn's digits, one with a head for each task, one in packs,
and ``underway``, whose driver was killed in the sweep of the second task.
"""

import io
import json
import shutil
import sys
import tarfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import EnvironmentChangedError
from orchestrator.cli.main import main

ASSET = Path(__file__).parent / "0.1.0.tar.gz"
PRUNED = ("clnp", "multi", "packed")
WHOLE = ("scratch", "sequential", "ewc", "si")


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def clnp(folder: Path, *arguments: str) -> Answer:
    """A command in this process, as if it were typed in ``folder``."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as there, redirect_stdout(out), redirect_stderr(err):
        there.chdir(folder)
        there.setattr(sys, "path", list(sys.path))
        code = main(arguments)
    return Answer(code, out.getvalue(), err.getvalue())


def answered(folder: Path, *arguments: str) -> Any:
    """What a command says under ``--json``."""
    done = clnp(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the release, its database brought to today's schema."""
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(ASSET) as archive:
        archive.extractall(folder, filter="data")
    (folder / ".clnp" / "artifacts" / "databases").mkdir(exist_ok=True)
    done = clnp(folder, "db", "upgrade")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for a test that changes what is in it."""
    return Path(shutil.copytree(release, tmp_path / "copy"))


def test_every_run_is_listed_with_its_state(release: Path) -> None:
    states = {run["name"]: run["state"] for run in answered(release, "ls")}
    assert states == {**dict.fromkeys((*PRUNED, *WHOLE, "joint"), "completed"), "underway": "stopped"}


@pytest.mark.parametrize("run", [*PRUNED, *WHOLE, "joint", "underway"])
def test_a_run_is_shown_with_its_trials(release: Path, run: str) -> None:
    assert answered(release, "show", run)["run"]["name"] == run
    assert len(answered(release, "trials", run)) >= 2


@pytest.mark.parametrize("run", PRUNED)
def test_what_was_not_forgotten_is_proven_again(release: Path, run: str) -> None:
    done = clnp(release, "verify", run)
    assert done.returncode == 0, done.stderr


def test_another_margin_is_answered_from_its_records(release: Path) -> None:
    assert clnp(release, "what-if", "clnp", "--margin", "5").returncode == 0


def test_a_report_is_made(release: Path) -> None:
    done = clnp(release, "report", "multi", "--output", "report", "--format", "html")
    assert done.returncode == 0, done.stderr
    assert (release / "report" / "report.html").is_file()


def test_runs_of_all_methods_are_compared(release: Path) -> None:
    compared = answered(release, "compare", *PRUNED[:1], *WHOLE, "joint")
    assert [side["name"] for side in compared["sides"]] == [*PRUNED[:1], *WHOLE, "joint"]


@pytest.mark.parametrize("run", PRUNED)
def test_a_task_is_exported_as_a_model_that_is_checked_against_the_commit(release: Path, run: str) -> None:
    done = clnp(release, "export", run, "--task", "2", "--output", f"exported-{run}")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (release / f"exported-{run}").iterdir()} == {"model.onnx", "model.pt2", "model_card.md",
                                                                              "model_card.json"}


def test_nothing_of_its_store_is_taken_for_refuse(release: Path) -> None:
    done = clnp(release, "gc", "--dry-run", "--older-than-hours", "0")
    assert (done.returncode, done.stdout) == (0, "nothing to clean up\n"), done.stderr


@pytest.mark.whole
@pytest.mark.usefixtures("ray_with_logical_gpus")
def test_a_commit_is_forked_where_the_change_of_code_is_accepted(copy: Path) -> None:
    assert clnp(copy, "fork", "clnp", "--task", "1", "--name", "refused").returncode == EnvironmentChangedError.exit_code
    done = clnp(copy, "fork", "clnp", "--task", "1", "--name", "forked", "--accept-environment")
    assert done.returncode == 0, done.stderr
    [recorded, forked] = [answered(copy, "show", run) for run in ("clnp", "forked")]
    assert [forked["run"][key] for key in ("state", "forked_from", "forked_after_task")] == ["completed", "clnp", 1]
    assert forked["commits"][0]["digest"] == recorded["commits"][0]["digest"]
    assert clnp(copy, "verify", "forked").returncode == 0


@pytest.mark.whole
@pytest.mark.usefixtures("ray_with_logical_gpus")
def test_a_run_under_way_resumes_where_the_change_of_code_is_accepted(copy: Path) -> None:
    refused = clnp(copy, "resume", "underway")
    assert refused.returncode == EnvironmentChangedError.exit_code, refused.stderr
    before = [trial for trial in answered(copy, "trials", "underway") if trial["state"] == "finished"]
    done = clnp(copy, "resume", "underway", "--accept-environment")
    assert done.returncode == 0, done.stderr
    assert answered(copy, "show", "underway")["run"]["state"] == "completed"
    after = {(trial["task"], trial["number"]): trial for trial in answered(copy, "trials", "underway")}
    for trial in before:
        assert after[trial["task"], trial["number"]]["val_correct"] == trial["val_correct"]
