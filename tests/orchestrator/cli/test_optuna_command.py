"""`clnp mirror` on a real run, and the real optuna-dashboard on what it made."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.orchestrator.cli.conftest import Outcome, environment

Clnp = Callable[..., Outcome]


def test_a_real_run_is_mirrored_whole(tmp_path: Path, on_tiny: Clnp) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    mirrored = on_tiny("mirror", "tiny", "--to", url)
    assert mirrored.code == 0, mirrored
    assert [line.split() for line in mirrored.out.splitlines()[2:4]] == [["tiny", "task", "1", "2", "2"],
                                                                         ["tiny", "task", "2", "2", "2"]]
    assert mirrored.out.splitlines()[-1] == f"4 trials added; `optuna-dashboard {url}` shows them"
    for task in (1, 2):
        rows = on_tiny("trials", "tiny", "--task", str(task), "--json").document
        study = optuna.load_study(study_name=f"tiny task {task}", storage=url)
        assert study.user_attrs["chosen"] == next(row["number"] for row in rows if row["verdict"] == "chosen")
        for row, trial in zip(rows, study.trials, strict=True):
            assert trial.values[0] == row["val_accuracy"] and 0 <= trial.values[1] <= 1
            assert trial.params == {"alpha": row["alpha"][0], "learning_rate": row["learning_rate"]}
            assert trial.user_attrs["verdict"] == row["verdict"] and trial.user_attrs["key"] == row["key"]
            assert list(trial.intermediate_values) == [1, 2, 3]
            assert trial.intermediate_values[row["best_epoch"]] == row["val_accuracy"]


def test_mirroring_again_adds_nothing(tmp_path: Path, on_tiny: Clnp) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    first, again = (on_tiny("mirror", "tiny", "--to", url, *more, "--json").document for more in ((), ("--follow",)))
    assert [stage["trials_added"] for stage in first["stages"]] == [2, 2]
    assert again == {"run": "tiny", "mirror": url, "stages": [
        {"task": task, "study": f"tiny task {task}", "trials_added": 0, "trials": 2} for task in (1, 2)]}


def test_a_mistyped_name_makes_no_mirror(tmp_path: Path, on_tiny: Clnp) -> None:
    refused = on_tiny("mirror", "tine", "--to", f"sqlite:///{tmp_path / 'optuna.db'}")
    assert refused.refuses(4, "tine")
    assert not (tmp_path / "optuna.db").exists()


@pytest.mark.slow
def test_the_dashboard_shows_every_study(tmp_path: Path, on_tiny: Clnp) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    assert on_tiny("mirror", "tiny", "--to", url).code == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (tmp_path / "dashboard.log").open("w") as log:
        dashboard = subprocess.Popen([Path(sys.executable).with_name("optuna-dashboard"), url, "--host=127.0.0.1",
                                      f"--port={port}"], env=environment(), stdout=log, stderr=log)
    try:
        studies = _get(port, "/api/studies", dashboard)["study_summaries"]
        assert [study["study_name"] for study in studies] == ["tiny task 1", "tiny task 2"]
        shown = _get(port, f"/api/studies/{studies[0]['study_id']}?after=0", dashboard)
        assert shown["directions"] == ["maximize", "maximize"]
        assert [trial["state"] for trial in shown["trials"]] == ["Complete", "Complete"]
        assert on_tiny("mirror", "tiny", "--to", url).code == 0, "an open dashboard is in nobody's way"
    finally:
        dashboard.terminate()
        dashboard.wait(timeout=60)


def _get(port: int, path: str, server: "subprocess.Popen[bytes]") -> Any:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                return json.load(answer)
        except OSError:
            assert server.poll() is None, "the dashboard has ended"
            time.sleep(0.2)
    raise AssertionError("the dashboard did not answer in a minute")
