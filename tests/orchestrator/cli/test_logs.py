"""logs: what happened to a run, and what a trial printed."""

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from db.states import FailureKind
from orchestrator.cli import logs
from tests.orchestrator.cli.conftest import Outcome, written
from tests.orchestrator.runs.test_trial_logs import write

Clnp = Callable[..., Outcome]


def store(folder: Path) -> Path:
    return folder / ".clnp" / "artifacts"


def test_a_run_tells_what_happened_to_it(on_tiny: Clnp) -> None:
    lines = on_tiny("logs", "tiny").out.splitlines()
    assert lines[0][19:] == " UTC  run          created with 2 tasks"
    steps = [line.partition("stage        ")[2] for line in lines if "stage  " in line]
    assert steps[0] == "task 1: pending → sweeping: 2 trials planned"
    assert steps[-1].startswith("task 2: committing → committed: ")
    assert len(steps) == 8 and lines[-1].split("  ", 2)[2].strip().startswith("released by process ")
    assert on_tiny("logs", "tiny", "--lines", "2").out.splitlines() == lines[-2:]
    assert on_tiny("logs", "tiny", "--follow").out.splitlines() == lines, "no driver is at work: nothing to wait for"


def test_one_task_alone_with_the_output_of_its_jobs(on_tiny: Clnp) -> None:
    lines = on_tiny("logs", "tiny", "--task", "2").out.splitlines()
    assert len(lines) >= 4, "the jobs of this run have printed nothing"
    of_task = r" task 2(:| |$)|  step  +starting "
    assert all(re.search(of_task, line) for line in lines), lines
    document = on_tiny("logs", "tiny", "--task", "2", "--lines", "1", "--json").document
    assert document["run"] == "tiny" and document["output_of_jobs"] == []
    [event] = document["events"]
    assert event["details"] == {"task": 2, "from": "committing", "to": "committed"}


def test_the_output_of_jobs_is_shown(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.begin()
    size = len(write(store(tmp_path), "scan-1", 1, "\x1b[31mTraceback"))
    write(store(tmp_path), "scan-2", 1, "")  # its process was ended before it could remove the file
    shown = clnp("logs", "demo", "--task", "1", folder=tmp_path).out.splitlines()
    assert sum("printed by a job" in line for line in shown) == 1
    file = f"{tmp_path}/.clnp/artifacts/logs/demo/task-1/scan-1.log"
    assert shown[-3] == f"printed by a job: {file} ({size} B)" and shown[-2].startswith("==== ")
    assert shown[-1] == r"\x1b[31mTraceback", "nothing foreign commands a terminal"
    assert clnp("logs", "demo", "--task", "1", "--lines", "1", folder=tmp_path).out.splitlines()[-2:] == [shown[-3], shown[-1]]
    [job] = clnp("logs", "demo", "--task", "1", "--json", folder=tmp_path).document["output_of_jobs"]
    assert (job["file"], job["size_bytes"]) == (file, size) and job["output"].endswith("\n\x1b[31mTraceback")


def test_a_trial_with_its_attempts_its_epochs_and_what_it_printed(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.begin()
        run.finish(0)
        run.store.event(run.lease, "trial", "task 1, trial 0: its worker on host died, retraining it",
                        {"task": 1, "number": 0})
        run.store.event(run.lease, "trial", "of a pack", {"task": 1, "number": 4, "numbers": [4, 0]})
        run.store.event(run.lease, "trial", "of another trial", {"task": 1, "number": 2})
    text = write(store(tmp_path), "ray-0", 1, "loading\n 10%|#\r 99%|##\r100%|###\n\x1b[31mred\x1b[0m\ttab\n")
    shown = clnp("logs", "demo", "--task", "1", "--trial", "0", folder=tmp_path).out.splitlines()
    assert shown[0].startswith("Trial 0 of task 1 of run demo is finished: α 0.0001 0.0001 1e-6, rate 0.01; 1 attempt on ")
    assert [line.partition("UTC  ")[2] for line in shown[1:3]] == [
        "trial        task 1, trial 0: its worker on host died, retraining it", "trial        of a pack"]
    assert shown[3].startswith("attempt 1  epoch   1  training loss ") and shown[3].endswith(" s")
    assert shown[4:] == [text.splitlines()[0], "loading", "100%|###", "\\x1b[31mred\\x1b[0m\ttab"]
    last = clnp("logs", "demo", "--task", "1", "--trial", "0", "--lines", "1", folder=tmp_path)
    assert last.out.splitlines()[4:] == shown[-1:]
    document = clnp("logs", "demo", "--task", "1", "--trial", "0", "--json", folder=tmp_path).document
    assert document.keys() == {"trial", "events", "epochs", "output", "output_missing"}
    assert document["trial"]["ray_trial_id"] == "ray-0" and [epoch["epoch"] for epoch in document["epochs"]] == [1]
    assert "\x1b[31mred" in document["output"] and document["output_missing"] is None


def test_a_trial_that_printed_nothing_says_why(on_tiny: Clnp) -> None:
    shown = on_tiny("logs", "tiny", "--task", "1", "--trial", "0").out.splitlines()
    assert shown[-1].startswith("no output of the trial is kept: it printed nothing, ")
    assert sum(line.startswith("attempt 1  epoch ") for line in shown) == 3
    document = on_tiny("logs", "tiny", "--task", "1", "--trial", "0", "--json").document
    assert document["output"] is None and document["output_missing"].startswith("no output of the trial is kept")


def test_a_run_is_followed_until_its_driver_ends(tmp_path: Path, clnp: Clnp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FOLLOW_SECONDS", 0.05)
    with written(tmp_path) as run:
        run.begin()

        def drive() -> None:
            time.sleep(0.3)
            run.store.event(run.lease, "trial", "something new", {"task": 1})
            run.store.event(run.lease, "trial", "of another task", {"task": 2})
            time.sleep(0.3)
            run.let_go()

        driver = threading.Thread(target=drive)
        driver.start()
        lines = clnp("logs", "demo", "--task", "1", "--follow", "--json", "--lines", "0", folder=tmp_path).out.splitlines()
        driver.join()
    assert [json.loads(line)["event"]["message"] for line in lines] == ["something new"]


def test_a_trial_is_followed_until_it_has_ended(tmp_path: Path, clnp: Clnp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FOLLOW_SECONDS", 0.05)
    with written(tmp_path) as run:
        run.begin()
        run.store.trial_started(run.lease, 1, 0, "ray-0", "host", "cpu")
        write(store(tmp_path), "ray-0", 1, "first\nhalf a")
        path = store(tmp_path) / "logs/demo/task-1/ray-0.log"

        def train() -> None:
            time.sleep(0.3)
            with path.open("a") as file:
                file.write(" line\nlast")
            time.sleep(0.3)
            run.fail(0, FailureKind.DIVERGED, "the loss is nan")

        worker = threading.Thread(target=train)
        worker.start()
        shown = clnp("logs", "demo", "--task", "1", "--trial", "0", "--follow", folder=tmp_path).out.splitlines()
        worker.join()
    assert shown[0].startswith("Trial 0 of task 1 of run demo is running: ")
    assert shown[2:4] == ["first", "half a line"], "a line is shown when it is whole"
    assert any(line.endswith("task 1, trial 0 diverged: the loss is nan") for line in shown) and "last" in shown
    assert shown[-1].startswith("Trial 0 of task 1 of run demo is failed: ")


def test_mistakes(on_tiny: Clnp) -> None:
    assert on_tiny("logs", "tiny", "--trial", "1").refuses(2, "--trial", "--task", "clnp logs tiny --task 1 --trial 1")
    assert on_tiny("logs", "tine").refuses(4, "tine")
    assert on_tiny("logs", "tiny", "--task", "9").refuses(4, "tiny", "task 9")
    assert on_tiny("logs", "tiny", "--task", "1", "--trial", "9").refuses(4, "task 1", "tiny", "trial 9")
