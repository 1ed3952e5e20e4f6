"""launch, resume, fork, stop: real runs from the real command line, and the words around them."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from clnp_core.selection import TrialVerdict, Verdict
from db.states import FailureKind
from orchestrator.cli.launch_commands import tell_what_is_found
from orchestrator.cli.options import GlobalOptions
from tests.db.builders import selection, verdicts
from tests.orchestrator.cli.conftest import TINY, Outcome, Recorded, environment, run, start, written

Clnp = Callable[..., Outcome]


def test_a_launch_shows_progress_on_stderr_and_ends_with_the_results(recorded: Recorded) -> None:
    launch = recorded.launch
    assert launch.code == 0, launch
    assert launch.err.startswith("reading tiny.yaml …\nstarting Ray on this machine …\n"), "before what takes a while"
    for step in ("starting a worker to determine its environment", "loading task 1", "  starting 2 workers", "loading task 2"):
        assert f"\n{step} …\n" in launch.err
    assert "run tiny: 2 tasks, 4 trials, 4 of them still to run" in launch.err
    assert "committed task 2" in launch.err and "\x1b" not in launch.err + launch.out
    blocks = launch.out.rstrip("\n").split("\n\n")
    assert blocks[0] == "Run tiny is completed: 2 of 2 tasks committed."
    assert re.fullmatch(r"after +1 +2 +mean\n[- ]+\n +1 +(\d\d\.\d\d) +\1\n +2 +\1 +\d\d\.\d\d +\d\d\.\d\d", blocks[2])
    assert blocks[4].startswith("task  layer  neurons  used  used %  new  reused  free\n") and blocks[4].count("\n") == 5
    assert blocks[5] == (
        "Zero forgetting verified: after both commits the published networks gave bit-identical logits for every earlier "
        "task (359 test samples compared).\nEvery sample was tested with the head or mask of its own task: the network is "
        "told which task a sample belongs to.")


def _endless(tmp_path: Path) -> None:
    (tmp_path / "slow.yaml").write_text(yaml.safe_dump(
        {**TINY, "name": "slow", "benchmark": {"name": "permuted-digits", "tasks": 1},
         "training": {"batch_size": 64, "epochs": 100_000}}))


@pytest.mark.whole
def test_a_run_can_be_stopped_by_ctrl_c(tmp_path: Path, clnp: Clnp) -> None:
    _endless(tmp_path)
    launched = start(tmp_path, "launch", "slow.yaml")
    _wait_for(lambda: "1 running" in clnp("status", folder=tmp_path).out or "2 running" in clnp("status", folder=tmp_path).out)
    held = clnp("resume", "slow", folder=tmp_path).error
    assert held[0] == 8 and held[1].startswith(f"run 'slow' is driven by process {launched.pid} on ")
    launched.send_signal(signal.SIGINT)
    out, err = launched.communicate(timeout=300)
    assert launched.returncode == 130
    assert "stopping cleanly (Ctrl-C); once more to interrupt at once\n" in err
    assert out == ("Run slow is stopped: 0 of 1 task committed.\n\nNo task is committed yet.\n\n"
                   "Task 1 is sweeping, 0 of 2 trials recorded. `clnp resume slow` continues it.\n")


@pytest.mark.slow
def test_a_run_can_be_stopped_by_command_and_by_sigterm_and_resumed(tmp_path: Path, clnp: Clnp) -> None:
    _endless(tmp_path)
    launched = start(tmp_path, "launch", "slow.yaml")
    _wait_for(lambda: "1 running" in clnp("status", folder=tmp_path).out or "2 running" in clnp("status", folder=tmp_path).out)
    launched.send_signal(signal.SIGINT)
    launched.communicate(timeout=300)
    resumed = start(tmp_path, "resume", "slow")
    _wait_for(lambda: clnp("status", "slow", folder=tmp_path).out.startswith("Run slow is running"))
    asked = clnp("stop", "slow", folder=tmp_path)
    assert asked.code == 0 and asked.out.startswith(f"asked the driver of slow (process {resumed.pid} on ")
    out, err = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, "whoever asked for the stop was not at this keyboard"
    assert err.startswith("looking up slow …\nrun slow is stopped: 0 of 1 task committed, task 1 is sweeping\n"
                          "  trials 0, 1: still to train\n")
    assert "stopping cleanly (clnp stop)\n" in err
    assert out.startswith("Run slow is stopped")

    hook = f"{sys.executable} -c 'import sys; open(\"told.jsonl\", \"a\").write(sys.stdin.read())'"
    terminated = start(tmp_path, "resume", "slow", "--progress", "json", "--hook", hook)
    _wait_for(lambda: "1 running" in clnp("status", folder=tmp_path).out or "2 running" in clnp("status", folder=tmp_path).out)
    terminated.send_signal(signal.SIGTERM)
    out, err = terminated.communicate(timeout=300)
    assert terminated.returncode == 130, "Ray's own handler of SIGTERM must not have the last word"
    assert "`clnp resume slow` continues it" in out
    told = [json.loads(line) for line in err.splitlines()]
    assert {line["run"] for line in told[1:]} == {"slow"} and [line["event"] for line in told[:2]] == ["step", "notice"]
    assert [line["reason"] for line in told if line["event"] in ("stopping", "ended")] == ["Ctrl-C", "Ctrl-C"]
    [stop] = map(json.loads, (tmp_path / "told.jsonl").read_text().splitlines())
    assert (stop["event"], stop["run"], stop["state"], stop["reason"]) == ("stop", "slow", "stopped", "Ctrl-C")


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "the run did not get there in five minutes"
        time.sleep(0.5)


PROBE = """
import sys
from orchestrator.render import output
told = output.note_step
def stop(text, as_json):
    told(text, as_json)
    slow = {"sqlalchemy", "pydantic", "torch", "ray", "numpy", "pandas"} & {*sys.modules}
    raise SystemExit(f"slow: {sorted(slow)}")
output.note_step = stop
from orchestrator.cli.commands import cli
cli(sys.argv[1:], standalone_mode=False)
"""


@pytest.mark.parametrize("command", [["launch", "absent.yaml"], ["fork", "absent", "--task", "1"], ["resume", "absent"]])
@pytest.mark.parametrize("telling", ["auto", "plain", "live", "json"])
def test_the_first_step_is_told_before_anything_slow_is_imported(tmp_path: Path, command: list[str], telling: str) -> None:
    done = subprocess.run([sys.executable, "-P", "-c", PROBE, *command, "--progress", telling], cwd=tmp_path, text=True,
                          env=environment(), capture_output=True, timeout=60)
    first, loaded = done.stderr.splitlines()
    text = f"{'reading' if command[0] == 'launch' else 'looking up'} {command[1]}"
    if telling == "json":
        event = json.loads(first)
        assert (event.pop("at"), event) and event == {"run": None, "task": None, "trial": None, "event": "step", "text": text}
    else:
        assert first == f"{text} …"
    assert loaded == "slow: []"


@pytest.mark.whole
def test_a_fork_shows_what_it_takes_over_and_where_it_comes_from(tmp_path: Path, recorded: Recorded, clnp: Clnp) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(recorded.folder, folder)
    forked = run(folder, "fork", "tiny", "--task", "1", "--set", "selection.margin_points=9")
    assert forked.code == 0, forked
    assert forked.err.startswith("looking up tiny …\nrun tiny-fork continues from task 1 of run tiny\n")
    assert "  task 2: 2 trials reused from run tiny, none retrained\n" in forked.err
    assert forked.out.startswith("Run tiny-fork is completed: 2 of 2 tasks committed.\n")
    assert "\nforked      from task 1 of run tiny\n" in clnp("status", "tiny-fork", folder=folder).out
    assert clnp("show", "tiny-fork", "--json", folder=folder).document["run"]["forked_from"] == "tiny"
    trial = clnp("show", "tiny-fork", "--task", "2", "--trial", "0", folder=folder).out
    assert re.search(r"^trained on .+; reused from tiny/2/0$", trial, re.MULTILINE)
    assert clnp("rm", "tiny", "--yes", folder=folder).code == 0
    assert "\nforked      from task 1 of a run that has been removed\n" in clnp("status", "tiny-fork", folder=folder).out
    assert clnp("verify", "tiny-fork", folder=folder).code == 0


def test_forks_that_are_refused(on_tiny: Clnp) -> None:
    assert on_tiny("fork", "tiny", "--task", "2").refuses(9, 2, "task 2", "--set benchmark.tasks=3")
    assert on_tiny("fork", "tiny").error[0] == 2
    assert on_tiny("fork", "tine", "--task", "1").refuses(4, "tine")


def test_resuming_a_complete_run_says_so(on_tiny: Clnp) -> None:
    resumed = on_tiny("resume", "tiny")
    assert resumed.code == 0
    assert resumed.err == "looking up tiny …\nrun tiny is complete: there is nothing left to do\n"
    assert resumed.out.startswith("Run tiny is completed: 2 of 2 tasks committed.\n")
    assert on_tiny("resume", "tiny", "--json").document["run"]["state"] == "completed"


def test_a_name_is_taken_once(on_tiny: Clnp) -> None:
    assert on_tiny("launch", "tiny.yaml", "--name", "tiny").refuses(9, "tiny", "--name", "clnp resume tiny")


def test_stopping_what_nobody_drives(on_tiny: Clnp) -> None:
    assert on_tiny("stop", "tiny").refuses(9, "tiny", "clnp status tiny")


def test_a_hook_or_a_screen_that_cannot_be_is_refused_before_anything_starts(
        tmp_path: Path, clnp: Clnp, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    assert clnp("launch", "tiny.yaml", "--hook", "no-such-program", folder=tmp_path).refuses(2, "no-such-program")
    assert clnp("launch", "tiny.yaml", "--progress", "live", folder=tmp_path).refuses(2, "TERM")
    monkeypatch.setenv("CLNP_HOOK", "https://")
    assert clnp("launch", "tiny.yaml", folder=tmp_path).refuses(2)
    assert not (tmp_path / ".clnp").exists()


def test_stop_is_a_request_that_the_driver_finds(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        asked = clnp("stop", "demo", "--json", folder=tmp_path)
        assert asked.document["requested"] == "stop" and asked.document["driver"]["pid"] > 0
        assert [request.kind.value for request in run.store.open_requests(run.lease.run_id)] == ["stop"]


def test_resume_tells_what_a_stage_that_has_selected_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with written(tmp_path) as run:
        run.begin(trials=3)
        run.finish(0)
        run.finish(1)
        run.fail(2, FailureKind.DIVERGED, "the loss is nan")
        run.store.end_sweep(run.lease, 1)
        run.store.record_selection(run.lease, 1, selection(), [
            *verdicts()[:2], TrialVerdict(2, Verdict.FAILED, "the loss is nan")])
        run.let_go()
    tell_what_is_found(GlobalOptions(f"sqlite:///{tmp_path}/.clnp/clnp.db"), "demo", True)
    assert capsys.readouterr().err == (
        "run demo is stopped: 0 of 2 tasks committed, task 1 is committing\n"
        "  trials 0, 1: recorded, not retrained\n"
        "  trial 2: not part of the recorded selection\n")


def test_a_run_that_nobody_has_driven_yet_is_not_called_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the driver of a group's run, or of one that was launched over HTTP, finds it."""
    with written(tmp_path) as run:
        run.let_go()
    tell_what_is_found(GlobalOptions(f"sqlite:///{tmp_path}/.clnp/clnp.db"), "demo", False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("flags", "fate"), [
    ((), "  trial 1: diverged, skipped (--retry-failed retrains it)\n"),
    (("--retry-failed",), "  trial 1: failed (diverged), retraining\n"),
    ((), "  trial 2: failed (lost), retraining\n"),
])
def test_resume_tells_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...],
                                    fate: str) -> None:
    with written(tmp_path) as run:
        run.begin(trials=5)
        run.finish(0)
        run.fail(1, FailureKind.DIVERGED, "the loss is nan")
        run.fail(2, FailureKind.LOST, "its worker died")
        run.store.fail_stage(run.lease, 1, "task 1: 1 of 5 trials failed\nmend it")
        run.let_go()
    tell_what_is_found(GlobalOptions(f"sqlite:///{tmp_path}/.clnp/clnp.db"), "demo", bool(flags))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "run demo is failed: 0 of 2 tasks committed, task 1 is failed\n  it failed: task 1: 1 of 5 trials failed\n")
    assert "  trial 0: recorded, not retrained\n" in err
    assert "  trials 3, 4: still to train\n" in err
    assert fate in err
