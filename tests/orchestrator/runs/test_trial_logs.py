"""Finding what a trial printed, or the reason why there is nothing."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ArtifactError, NotFoundError
from db.reads.reads import Reads
from db.rows import TrialRow
from orchestrator.runs.trial_logs import (
    JobOutput,
    job_outputs,
    output_of,
    output_of_trial,
    read_output,
    remove_output,
    stored_output,
)
from tests.messages import naming, tells
from tests.orchestrator.cli.conftest import written
from workers.capture import HEADING, file_of
from workers.storage.schemes import open_files


def write(root: Path, name: str, attempt: int, text: str, numbers: str = "0", run: str = "demo") -> str:
    """An attempt's output, as a worker leaves it; returns it."""
    whole = (f"{HEADING}2026-11-26T08:00:0{attempt}.000Z host=lab1 pid=1 run={run} task=1 trials={numbers} "
             f"attempt={attempt}\n{text}")
    path = root / file_of(run, 1, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(whole)
    return whole


def row(**changes: Any) -> TrialRow:
    """A trial of task 1 that ran once, as ``ray-0``."""
    values: dict[str, Any] = dict.fromkeys((field.name for field in dataclasses.fields(TrialRow)), None)
    return TrialRow(**{**values, "run": "demo", "task": 1, "number": 0, "attempts": 1, "ray_trial_id": "ray-0", **changes})


def test_the_attempts_of_one_driver_are_one_file(tmp_path: Path) -> None:
    text = write(tmp_path, "ray-0", 1, "first\n") + write(tmp_path, "ray-0", 2, "second\n")
    assert read_output(str(tmp_path), "demo", 1, "ray-0") == text
    assert read_output(str(tmp_path), "demo", 1, "ray-0.2") == text, "the database records the attempt behind a dot"
    assert output_of(row(attempts=2, ray_trial_id="ray-0.2"), str(tmp_path)) == text


def test_those_under_earlier_drivers_are_found_by_their_headings(tmp_path: Path) -> None:
    write(tmp_path, "other", 1, "of another trial\n", numbers="10,2")
    later = write(tmp_path, "ray-0", 3, "later\n")
    earlier = write(tmp_path, "zzz", 1, "earlier\n", numbers="3,0")
    assert output_of(row(attempts=2), str(tmp_path)) == earlier + later
    assert output_of(row(attempts=1), str(tmp_path)) == later, "nobody looks for attempts that there are not"
    assert output_of(row(attempts=2, ray_trial_id="silent"), str(tmp_path)) == earlier + later


def test_why_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        output_of(row(attempts=0, ray_trial_id=None), str(tmp_path))
    assert tells(caught.value, "clnp status demo")
    with pytest.raises(NotFoundError) as caught:
        output_of(row(), str(tmp_path))
    assert tells(caught.value, "CLNP_STORAGE")
    with pytest.raises(NotFoundError, match=naming("demo")) as caught:
        output_of(row(reused_from="m4/1/7"), str(tmp_path))
    assert tells(caught.value, "clnp logs m4 --task 1 --trial 7")
    with pytest.raises(NotFoundError) as caught:
        output_of(row(reused_from="../x"), str(tmp_path))
    assert tells(caught.value, "../x", "run/task/trial")


def test_bytes_that_are_no_text_are_no_error(tmp_path: Path) -> None:
    write(tmp_path, "ray-0", 1, "")
    with (tmp_path / file_of("demo", 1, "ray-0")).open("ab") as file:
        file.write(b"\xff\xfe\n")
    assert read_output(str(tmp_path), "demo", 1, "ray-0").endswith("\n\ufffd\ufffd\n")


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / file_of("demo", 1, "ray-0")).mkdir(parents=True)
    with pytest.raises(ArtifactError, match=naming("Is a directory")):
        read_output(str(tmp_path), "demo", 1, "ray-0")


def test_a_recorded_trial(tmp_path: Path) -> None:
    with written(tmp_path) as run:
        run.begin()
        run.finish(0)
        text = write(tmp_path, "ray-0", 1, "said\n")
        assert output_of_trial(Reads(run.store.engine), str(tmp_path), "demo", 1, 0) == text
        with pytest.raises(NotFoundError, match=naming("trial 9")):
            output_of_trial(Reads(run.store.engine), str(tmp_path), "demo", 1, 9)


def test_jobs_have_files_beside_the_trials(tmp_path: Path) -> None:
    write(tmp_path, "ray0", 1, "x")
    size = len(write(tmp_path, "scan-12", 1, "ä".encode().decode("latin-1")).encode())
    assert job_outputs(str(tmp_path), "demo", 1) == [JobOutput("scan-12", size)]
    assert job_outputs(str(tmp_path), "demo", 2) == [] == job_outputs(str(tmp_path), "demo", None)


def test_it_is_removed_with_its_run_and_with_no_other(tmp_path: Path) -> None:
    size = len(write(tmp_path, "a", 1, "x")) + len(write(tmp_path, "b", 1, "y"))
    write(tmp_path, "a", 1, "x", run="demo-2")
    assert remove_output(str(tmp_path), "demo") == size
    assert not (tmp_path / "logs/demo").exists()
    assert [(run, file.name) for run, file in stored_output(open_files(tmp_path))] == [("demo-2", "logs/demo-2/task-1/a.log")]
    assert remove_output(str(tmp_path), "demo") == 0
