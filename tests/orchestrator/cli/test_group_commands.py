"""Commands that are given a group in place of a run."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.orchestrator.cli.conftest import TINY, Outcome
from tests.orchestrator.groups.conftest import place_in, write_group

Clnp = Callable[..., Outcome]


@pytest.fixture
def on_group(tmp_path: Path, clnp: Clnp) -> Clnp:
    """Run a command where the group ``tiny`` is recorded: two runs completed, one stopped."""
    write_group(place_in(tmp_path), {0: 2, 1: 2, 2: 1})
    return lambda *arguments: clnp(*arguments, folder=tmp_path)


def test_status_has_a_line_for_every_run_and_the_mean_of_the_completed_ones(on_group: Clnp) -> None:
    assert on_group("status", "tiny").out == """\
Group tiny: 2 of 3 runs completed.

run          seed  state      tasks  mean test %
-----------  ----  ---------  -----  -----------
tiny-seed-0     0  completed    2/2        80.00
tiny-seed-1     1  completed    2/2        90.00
tiny-seed-2     2  stopped      1/2            -

Mean test accuracy: 85.00 ± 7.07 % (mean ± standard deviation over 2 completed runs, n = 2).

`clnp resume tiny` continues 1 run.
"""
    document = on_group("status", "tiny", "--json").document
    assert [each["mean_test_accuracy"] for each in document["runs"]] == [0.8, 0.9, None]
    assert (document["group"], document["completed"], document["runs"][2]["run"]["state"]) == ("tiny", 2, "stopped")
    assert document["mean_test_accuracy"] == pytest.approx(0.85)
    assert document["standard_deviation"] == pytest.approx(0.0707, abs=1e-4)


def test_stop_and_cancel(on_group: Clnp) -> None:
    assert on_group("stop", "tiny").refuses(9, "tiny", "clnp status tiny")
    assert on_group("cancel", "tiny").out == ("1 run of group tiny cancelled: tiny-seed-2; running drivers stop within "
                                              "seconds, and what is recorded stays\n")
    assert on_group("cancel", "tiny", "--json").document["error"]["message"] == (
        "every run of group 'tiny' has ended: there is nothing to cancel")
    resumed = on_group("resume", "tiny")
    assert resumed.code == 0 and resumed.out.startswith("Group tiny: 2 of 3 runs completed.\n")
    assert resumed.err == ("looking up tiny …\nrun tiny-seed-2 is cancelled and cannot be resumed; "
                           "`clnp show tiny-seed-2` says why\n")


def test_commands_for_a_single_run_name_those_of_the_group(on_group: Clnp) -> None:
    for command in (["show"], ["trials"], ["fork", "--task", "1"], ["rm", "--yes"]):
        assert on_group(command[0], "tiny", *command[1:]).refuses(4, "tiny", 0, 1, 2)


def test_a_dry_run_names_the_runs_and_their_seeds(tmp_path: Path, clnp: Clnp) -> None:
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({**TINY, "seeds": [0, 1, 2, 9]}))
    plan = clnp("launch", "plan.yaml", "--dry-run", "--name", "lab", folder=tmp_path)
    assert plan.out.splitlines()[:2] == [
        "group lab: 4 runs side by side, each 2 tasks of permuted-digits, 4 trials, seeds 0 to 2, 9",
        "runs      lab-seed-0, lab-seed-1, lab-seed-2, lab-seed-9"]
    document = clnp("launch", "plan.yaml", "--dry-run", "--json", folder=tmp_path).document
    assert document["runs_of_group"][3] == {"name": "tiny-seed-9", "seed": "9"}
    assert document["config"]["seeds"] == ["0", "1", "2", "9"]
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_what_is_refused_before_anything_is_recorded(tmp_path: Path, clnp: Clnp) -> None:
    (tmp_path / "lab.yaml").write_text(yaml.safe_dump({**TINY, "seeds": [0, 1]}))
    assert clnp("launch", "lab.yaml", "--progress", "live", folder=tmp_path).refuses(2, "--progress")
    assert clnp("launch", "lab.yaml", "--hook", "no-such-program", folder=tmp_path).refuses(2, "no-such-program")
    assert clnp("launch", "lab.yaml", "--executor", "inline", folder=tmp_path).refuses(2, "--executor", "inline")
    assert clnp("launch", "lab.yaml", "--set", "seed=1", folder=tmp_path).refuses(2, "lab.yaml")
    assert not (tmp_path / ".clnp").exists()
