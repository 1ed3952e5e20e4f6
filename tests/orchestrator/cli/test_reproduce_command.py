"""`clnp reproduce`, typed by the real command on a real Ray: a table of two methods and two seeds, and again."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.orchestrator.cli.conftest import Outcome, run
from tests.orchestrator.laboratory import SMALL

TABLE = {
    "title": "Two methods", "config": "small.yaml", "seeds": [1, 2],
    "rows": [{"name": "clnp", "paper": {"accuracy": "98.42 ± 0.04", "used": "18 / 40"}},
             {"name": "plain", "set": ["method=sequential"]}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(TABLE, allow_unicode=True))
    return tmp_path


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.slow
def test_a_table_is_made_once_and_written_again(folder: Path) -> None:
    first = run(folder, "reproduce", "two.yaml", "--progress", "plain")
    assert first.code == 0, first.err
    assert "98.42 ± 0.04" in first.out and "18 / 40" in first.out
    assert "two seeds can never reach p < 0.05" in first.out
    results = folder / "results" / "two"
    assert {path.name for path in results.iterdir()} == {
        "report.json", "table.md", "table.csv", "table.tex", "runs.csv", "trials.csv", "accuracy.csv", "capacity.csv",
        "selections.csv", "commits.csv", "events.csv", "configs",
        "two-clnp-accuracy.svg", "two-clnp-accuracy.png", "two-clnp-capacity.svg", "two-clnp-capacity.png",
        "methods.svg", "methods.png", "usage.svg", "usage.png"}
    quoted = rows_of(results / "runs.csv")
    assert [(row["run"], row["method"], row["seed"], row["state"]) for row in quoted] == [
        ("two-clnp-seed-1", "clnp", "1", "completed"), ("two-clnp-seed-2", "clnp", "2", "completed"),
        ("two-plain-seed-1", "sequential", "1", "completed"), ("two-plain-seed-2", "sequential", "2", "completed")]
    cells = [row for row in rows_of(results / "accuracy.csv") if row["run"] == "two-clnp-seed-1"]
    last = [float(row["test_accuracy"]) for row in cells if row["after_task"] == "2"]
    assert float(quoted[0]["average_accuracy_percent"]) == pytest.approx(100 * sum(last) / 2)
    before = (results / "table.csv").read_bytes()
    again = run(folder, "reproduce", "two.yaml", "--progress", "plain", "--json")
    assert again.code == 0 and "sweeping" not in again.err
    assert (results / "table.csv").read_bytes() == before
    assert [side["name"] for side in json.loads(again.out)["sides"]] == ["two-clnp", "two-plain"]
    more = run(folder, "reproduce", "two.yaml", "--seeds", "1,3", "--max-concurrent-runs", "1")
    assert more.code == 0, more.err
    assert "Group two-clnp has further seeds, which are included: 2." in more.out
    assert "2 runs, 1 at once, on this machine" in more.err
    assert more.err.index("run two-clnp-seed-3 is completed; 1 run left") < more.err.index("two-plain-seed-3 |")
    assert [row["seed"] for row in rows_of(results / "runs.csv")] == ["1", "2", "3"] * 2
    changed = run(folder, "reproduce", "two.yaml", "--set", "training.epochs=1")
    assert changed.code == 2 and "was launched with other settings" in changed.err


def test_a_dry_run_says_what_is_missing(folder: Path, clnp: Callable[..., Outcome]) -> None:
    outcome = clnp("reproduce", "two.yaml", "--dry-run", folder=folder)
    assert outcome.code == 0, outcome.err
    assert "4 runs to drive; nothing has been written or started." in outcome.out
    assert not (folder / ".clnp").exists() and not (folder / "results").exists()
    asked = json.loads(clnp("reproduce", "two.yaml", "--dry-run", "--json", "--seeds", "5", folder=folder).out)
    assert [(row["row"], row["missing"], row["tasks"]) for row in asked["rows"]] == [("clnp", ["5"], 2), ("plain", ["5"], 2)]


@pytest.mark.parametrize(("arguments", "expected"), [
    (("nothing.yaml",), "there is no config file nothing.yaml"),
    (("table1",), "there is no table 'table1' in experiments/tables"),
    (("two.yaml", "--rows", "clnp,ewc"), "table two.yaml has no row 'ewc'"),
    (("two.yaml", "--seeds", "9" * 5000), "9' is not a list of distinct whole numbers"),
    (("two.yaml", "--output", "/proc/here"), "/proc/here cannot be written"),
    (("two.yaml", "--seeds", "1,1"), "--seeds '1,1' is not a list of distinct whole numbers"),
    (("two.yaml", "--no-launch"), "there is no database"),
    (("two.yaml", "--set", "seeds=[1]"), "--set seeds=[1] cannot be used for a table"),
    (("two.yaml", "--width", "nan"), "--width nan is not a factor"),
    (("two.yaml", "--output", "small.yaml"), "small.yaml is not a folder"),
    (("two.yaml", "--dry-run", "--no-launch"), "--dry-run writes nothing, and --no-launch does"),
    (("two.yaml", "--after-task", "1"), "--after-task needs --no-launch"),
    (("two.yaml", "--prefix", ""), "--prefix '' is not a name"),
])
def test_what_is_asked_wrongly_starts_nothing(folder: Path, clnp: Callable[..., Outcome], arguments: tuple[str, ...],
                                              expected: str) -> None:
    outcome = clnp("reproduce", *arguments, folder=folder)
    assert outcome.code != 0
    assert expected in outcome.err and "hint: " in outcome.err
    assert not (folder / ".clnp").exists() and not (folder / "results").exists()
