"""A user's own benchmark that prints, loses a worker and ends its process, beside files with the names of other modules."""

import json
from pathlib import Path

import pytest
import yaml

from tests.orchestrator.cli.conftest import run

SOURCE = """
import ctypes, os, pathlib, queue, signal, sys
import torch
from helper import CLASSES
from workers.data.loader import Samples, TaskData

print("printed as it is imported")

class Make:
    tasks = 2

    def __init__(self, seed, fails=2, killed=""):
        self.fails, self.killed = fails, killed

    def task(self, number):
        print("loading task", number)
        os.write(1, b"written\\n")
        ctypes.CDLL(None).puts(b"from C")
        assert sys.path[-1] == os.getcwd() and queue.Queue
        if self.killed and not pathlib.Path(self.killed).exists():
            pathlib.Path(self.killed).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.fails:
            sys.exit("licence of the \\x1b[31mdata\\x1b[0m not accepted")
        y = torch.arange(60) % CLASSES
        samples = Samples(torch.nn.functional.one_hot(y, 8).float(), y)
        return TaskData(samples, samples, samples, classes=CLASSES)
"""

CONFIG = {
    "name": "own",
    "benchmark": {"name": "mine:Make", "tasks": 2, "params": {"fails": 2}},
    "network": {"hidden": [8]},
    "training": {"batch_size": 32, "epochs": 1},
    "sweep": {"alpha": [1e-4], "learning_rate": [0.01]},
    "selection": {"margin_points": 5},
}
TAKEN = ("queue", "yaml", "json", "colorsys", "workers", "db", "orchestrator", "clnp_core")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a benchmark, and with files that must not be imported."""
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "helper.py").write_text("CLASSES = 3\n")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(CONFIG))
    for name in TAKEN:
        (tmp_path / f"{name}.py").write_text(f"open('imported-{name}', 'w')\nraise SystemError('{name}')\n")
    return tmp_path


def _nothing_foreign(folder: Path) -> bool:
    return not list(folder.glob("imported-*"))


def test_a_dry_run_gives_one_document_whatever_is_printed(lab: Path) -> None:
    ended = run(lab, "launch", "own.yaml", "--dry-run", "--json", "--set", "benchmark.params={fails: 0}")
    assert ended.code == 0 and ended.document["name"] == "own"
    assert {"from C", "loading task 1", "printed as it is imported", "written"} <= set(ended.err.splitlines())
    assert _nothing_foreign(lab)


def test_a_dry_run_of_a_built_in_benchmark_imports_nothing_of_the_folder(lab: Path) -> None:
    ended = run(lab, "launch", "own.yaml", "--dry-run", "--set", "benchmark={name: permuted-digits, tasks: 2}")
    assert (ended.code, ended.err) == (0, "") and _nothing_foreign(lab) and not (lab / "__pycache__").exists()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_end_of_the_process_is_told_in_its_own_words(lab: Path, form: tuple[str, ...]) -> None:
    command = ("launch", "own.yaml", "--dry-run", "--set", "benchmark.params={fails: 1}", *form)
    ended = run(lab, *command)
    message = "benchmark 'mine:Make' failed at task 1: SystemExit: licence of the \\x1b[31mdata\\x1b[0m not accepted"
    hint = "call its task() by hand with that number, and fix what it says; -v shows the traceback"
    assert ended.code == 3 and "\x1b" not in ended.err and "Traceback" not in ended.err
    if form:
        assert ended.document["error"] == {"message": message.encode().decode("unicode_escape"), "hint": hint, "exit_code": 3}
    else:
        assert ended.err.splitlines()[-2:] == [f"error: {message}", f"hint: {hint}"] and ended.out == ""
    verbose = run(lab, *command, "-v")
    assert verbose.code == 3 and f'File "{lab}/mine.py", line ' in verbose.err


@pytest.mark.whole
def test_a_launch_whose_worker_is_killed_and_whose_benchmark_ends_its_process(lab: Path) -> None:
    ended = run(lab, "launch", "own.yaml", "--json", "--progress", "json", "--set",
                f"benchmark.params={{fails: 2, killed: {lab / 'killed'}}}")
    message = "benchmark 'mine:Make' failed at task 2: SystemExit: licence of the \x1b[31mdata\x1b[0m not accepted"
    error = ended.document["error"]
    assert (ended.code, error["exit_code"], error["message"]) == (3, 3, message)
    events = [json.loads(line) for line in ended.err.splitlines()]
    assert (lab / "killed").exists() and _nothing_foreign(lab)
    assert any("worker died" in event["text"] for event in events if event["event"] == "notice"), "Ray's own line"
    assert sum(event["event"] == "committed" for event in events) == 1
    [log] = (lab / ".clnp" / "artifacts" / "logs" / "own" / "task-2").glob("prepare-*.log")  # no second attempt
    assert f"the traceback is in {log}" in error["hint"]
    assert "licence of the" in run(lab, "status", "own").out
    logs = run(lab, "logs", "own", "--task", "2")
    assert f'File "{lab}/mine.py", line ' in logs.out and logs.out.count("Traceback") == 1 and "\x1b" not in logs.out
    for command in (("verify", "own"), ("what-if", "own", "--margin", "2"), ("report", "own"), ("show", "own"), ("doctor",),
                    ("export", "own", "--task", "1", "--format", "torch")):
        read = run(lab, *command, "--json")
        assert read.code == 0 and isinstance(read.document, dict), (command, read)
    assert _nothing_foreign(lab)
