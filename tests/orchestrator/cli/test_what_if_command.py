"""`clnp what-if` on a real run: from its records, from kept weights, without them, and what it refuses."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.cli.conftest import Outcome, Recorded, environment


@pytest.fixture
def copied(recorded: Recorded, tmp_path: Path) -> Path:
    """A copy of the folder of the run ``tiny`` without its weights."""
    shutil.copytree(recorded.folder / ".clnp", tmp_path / ".clnp", ignore=shutil.ignore_patterns("artifacts"))
    return tmp_path


def selections(on_tiny: Callable[..., Outcome]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = on_tiny("show", "tiny", "--json").document["selections"]
    return found


def test_the_recorded_margin_gives_the_recorded_selection(on_tiny: Callable[..., Outcome]) -> None:
    answers = on_tiny("what-if", "tiny", "--margin", "2", "--json").document["answers"]
    assert [(each["chosen"], each["thresholds"], each["val_correct"], each["free_neurons"], each["picked"], each["exact"],
             each["changed"]) for each in answers] == [
        (each["chosen"], each["thresholds"], each["pruned_val_correct"], each["free_neurons"], each["picked"], True, False)
        for each in selections(on_tiny)]


def test_what_is_said_to_people(on_tiny: Callable[..., Outcome]) -> None:
    outcome = on_tiny("what-if", "tiny", "--margin", "2.0")
    assert outcome.code == 0 and outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["task", "margin", "within", "trial", "threshold", "pruned", "%", "known", "free", "free", "%",
                                "recorded"]
    assert [line.split()[:2] for line in lines[2:4]] == [["1", "2"], ["2", "2"]]
    assert all(line.endswith("the same") for line in lines[2:4])
    assert lines[5] == "With a margin of 2 percentage points all 2 tasks that are selected would not change."


def test_another_margin_warns_and_names_the_command(on_tiny: Callable[..., Outcome]) -> None:
    out = on_tiny("what-if", "tiny", "--margin", "30").out
    assert "Warning: with a margin of 30 percentage points task 1 changes." in out
    assert "`clnp fork tiny --task 0 --set selection.margin_points=30` applies it." in out
    assert "`--exact` scans the trained networks that are kept." in out


def test_one_task_has_a_verdict_for_every_trial(on_tiny: Callable[..., Outcome]) -> None:
    out = on_tiny("what-if", "tiny", "--margin", "2", "--margin", "30", "--task", "1").out
    assert "With a margin of 2:\n\ntrial  verdict" in out and "With a margin of 30:\n\ntrial  verdict" in out
    verdicts = on_tiny("what-if", "tiny", "--margin", "2", "--task", "1", "--json").document["answers"][0]["verdicts"]
    assert [(each["number"], each["verdict"], each["reason"]) for each in verdicts] == [
        (each["number"], each["verdict"], each["verdict_reason"])
        for each in on_tiny("trials", "tiny", "--task", "1", "--json").document]


def test_kept_weights_make_it_exact(on_tiny: Callable[..., Outcome]) -> None:
    bounds = on_tiny("what-if", "tiny", "--margin", "30", "--json").document
    exact = on_tiny("what-if", "tiny", "--margin", "30", "--exact", "--json").document
    assert bounds["scans"] is None and not any(each["exact"] for each in bounds["answers"])
    assert all(each["exact"] for each in exact["answers"]) and exact["scans"]["weights_gone"] == {}
    assert exact["scans"]["trials_scanned"] == sum(len(each["picked"]) for each in exact["answers"])
    for bound, found in zip(bounds["answers"], exact["answers"], strict=True):
        assert bound["free_neurons"] <= found["free_neurons"] and bound["picked"] == found["picked"]


def test_weights_that_are_gone_are_said_and_not_trained_again(copied: Path, clnp: Callable[..., Outcome]) -> None:
    outcome = clnp("what-if", "tiny", "--margin", "30", "--exact", "--task", "1", folder=copied)
    assert outcome.code == 0 and "at least" in outcome.out
    assert "Task 1: the weights of trials 0, 1 are not in the store." in " ".join(outcome.out.split())
    assert outcome.err == "task 1: 2 of 2 trials within the margin of 30 to scan\n"
    assert not (copied / ".clnp" / "artifacts").exists() or not list((copied / ".clnp" / "artifacts").rglob("*.safetensors"))


def test_a_curve_in_every_format(on_tiny: Callable[..., Outcome], tmp_path: Path) -> None:
    points = on_tiny("what-if", "tiny", "--curve", "--json").document
    assert json.loads(on_tiny("what-if", "tiny", "--curve", "--format", "json").out) == points
    assert [point["margin_points"] for point in points if point["recorded"]] == ["2", "2"]
    assert [(each["chosen"], each["free_neurons"]) for each in points if each["recorded"]] == [
        (each["chosen"], each["free_neurons"]) for each in selections(on_tiny)]
    table = list(csv.DictReader(io.StringIO(on_tiny("what-if", "tiny", "--curve", "--format", "csv").out)))
    assert [(row["task"], row["margin_points"]) for row in table] == [(str(p["task"]), p["margin_points"]) for p in points]
    assert on_tiny("what-if", "tiny", "--curve", "--format", "parquet", "--output", str(tmp_path / "c.parquet")).code == 0
    text = on_tiny("what-if", "tiny", "--curve", "--task", "1").out
    assert text.splitlines()[0].split()[:3] == ["task", "from", "margin"] and "recorded" in text


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["--margin", "-1"], 2, ("-1", "0", "100")),
    (["--margin", "101"], 2, ("101", "0", "100")),
    (["--margin", "nan"], 2, ("nan", "0", "100")),
    ([], 2, ("clnp what-if", "--margin", "--curve")),
    (["--margin", "1", "--curve"], 2, ("clnp what-if", "--margin", "--curve")),
    (["--curve", "--exact"], 2, ("--curve", "--exact")),
    (["--margin", "1", "--format", "csv"], 2, ("--format", "--output", "--curve")),
    (["--margin", "1", "--task", "9"], 4, ("tiny", "task 9"))])
def test_what_it_refuses(on_tiny: Callable[..., Outcome], arguments: list[str], code: int,
                         message: tuple[str, ...]) -> None:
    assert on_tiny("what-if", "tiny", *arguments).refuses(code, *message)


def test_an_unknown_run(on_tiny: Callable[..., Outcome]) -> None:
    assert on_tiny("what-if", "tine", "--margin", "1").refuses(4, "tine")


def test_from_the_records_it_imports_neither_torch_nor_ray_nor_pandas(recorded: Recorded) -> None:
    code = ("import sys; from orchestrator.cli.main import main; assert main(['what-if', 'tiny', '--curve']) == 0; "
            "sys.exit(' '.join({'torch', 'ray', 'pandas', 'pydantic'} & set(sys.modules)) or 0)")
    ended = subprocess.run([sys.executable, "-c", code], cwd=recorded.folder, capture_output=True, text=True, check=False,
                           env=environment())
    assert (ended.returncode, ended.stderr) == (0, "")
