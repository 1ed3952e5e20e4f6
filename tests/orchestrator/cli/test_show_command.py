"""show: a run, a task, a trial."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clnp_core.values import TrialRole
from db.records import NewRun, PlannedTrial
from db.states import FailureKind
from orchestrator.cli import show_command
from tests.db.builders import ARCHITECTURE, Driver, facts, grid, new_run, selection, verdicts
from tests.orchestrator.cli.conftest import Outcome, written
from workers.methods import Method

Clnp = Callable[..., Outcome]


def test_a_run(on_tiny: Clnp) -> None:
    blocks = on_tiny("show", "tiny").out.rstrip("\n").split("\n\n")
    assert blocks[0] == "Run tiny is completed: 2 of 2 tasks committed."
    facts = dict(line.split("  ", 1) for line in blocks[1].splitlines())
    assert facts["network"].strip() == "64-24-16-10, relu, one head for all tasks"
    assert facts["training"].strip() == "adam, batches of 64, 3 epochs"
    assert facts["pruning"].strip() == "margin 2 percentage points"
    assert blocks[2].startswith("task  state      trials")
    assert blocks[-1].startswith("Zero forgetting verified: after both commits")


def test_a_run_as_json_has_the_counts_that_the_claim_is_made_of(on_tiny: Clnp) -> None:
    document = on_tiny("show", "tiny", "--json").document
    assert [(cell["after_task"], cell["on_task"], cell["test_total"]) for cell in document["accuracy_matrix"]] == [
        (1, 1, 359), (2, 1, 359), (2, 2, 359)]
    first, again, _ = document["accuracy_matrix"]
    assert first["logits_digest"] == again["logits_digest"], "task 1 computes the same bits after task 2"
    assert document["zero_forgetting"]["verified"] is True
    assert document["zero_forgetting"]["samples_compared"] == 359
    assert document["commits"][1]["verification"]["tasks_compared"] == [1]
    for row in document["capacity"]:
        assert row["used_neurons"] + row["free_neurons"] == row["total_neurons"] == {1: 24, 2: 16}[row["layer"]]


def test_a_task_with_a_verdict_for_every_trial(on_tiny: Clnp) -> None:
    document = on_tiny("show", "tiny", "--task", "1", "--json").document
    chosen = document["selection"]["chosen"]
    text = on_tiny("show", "tiny", "--task", "1").out
    assert text.startswith("Task 1 of run tiny is committed.\n\ndata     1,079 training, 359 validation, 359 test samples; "
                           "10 classes\n")
    assert f"\nTrial {chosen} was chosen: sparsest within the margin: " in text
    assert f"commit   {document['commit']['digest'][:12]}\n" in text
    verdicts = text.split("\n\n")[-1].splitlines()
    assert verdicts[0].split() == ["trial", "verdict", "why"]
    assert [line.split()[0] for line in verdicts[2:]] == ["0", "1"]
    assert document["selection"]["reason"] in verdicts[2 + chosen]


def test_teachers_are_shown_with_their_role_and_their_seconds(tmp_path: Path, clnp: Clnp) -> None:
    """And count among the trials, but not among those that a selection chose from."""
    with written(tmp_path) as run:
        driver = Driver(run.store, run.lease)
        teacher = PlannedTrial(3, "teacher-key", (0.0,) * 3, 0.001, 11, TrialRole.TEACHER)
        run.store.begin_sweep(run.lease, 1, facts(), ARCHITECTURE, None, [*grid(3), teacher])
        for number in range(4):
            driver.finish(number)
        run.store.end_sweep(run.lease, 1)
        run.store.record_selection(run.lease, 1, selection(), verdicts())
        run.let_go()
    text = clnp("show", "demo", "--task", "1", folder=tmp_path).out
    assert "\nteachers  trial 3, 5.5 s\n" in text and "The best of 3 trials reached" in text
    assert [line.split()[:2] for line in text.splitlines() if line.split()[:1] == ["3"]][-1] == ["3", "teacher"]
    alone = clnp("show", "demo", "--task", "1", "--trial", "3", folder=tmp_path).out
    assert "teacher of the fine-tuning, never chosen" in alone
    rows = clnp("trials", "demo", "--json", folder=tmp_path).document
    assert [row["role"] for row in rows] == ["candidate", "candidate", "candidate", "teacher"]
    assert rows[3]["verdict"] is None
    found = clnp("sql", "SELECT number FROM clnp_v_trials WHERE role = 'teacher'", "--json", folder=tmp_path).document
    assert found == [{"number": 3}]


def test_a_method_that_prunes_nothing_has_no_margin(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path, method=Method.SEQUENTIAL) as run:
        Driver(run.store, run.lease).select()
    text = clnp("show", "demo", "--task", "1", folder=tmp_path).out
    assert "Method sequential prunes nothing, so there is no margin: it takes the most accurate of 3 trials." in text
    assert "Within the margin" not in text and "Pruned at" not in text
    assert "margin" not in clnp("show", "demo", folder=tmp_path).out


def test_a_task_of_many_trials_shows_the_first_ones_and_where_the_others_are(
        on_tiny: Clnp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_command, "TRIAL_LINES", 1)
    text = on_tiny("show", "tiny", "--task", "1").out
    assert "The best of 2 trials reached" in text
    *_, verdicts, last = text.rstrip("\n").split("\n\n")
    assert [line.split()[0] for line in verdicts.splitlines()[2:]] == ["0"]
    assert last == ("The first 1 trial of 2: `clnp trials tiny --task 1` lists all of them, and --json has their verdicts.")
    assert len(on_tiny("show", "tiny", "--task", "1", "--json").document["trials"]) == 2


def test_a_trial_with_its_epochs_and_curve(on_tiny: Clnp) -> None:
    document = on_tiny("show", "tiny", "--task", "1", "--trial", "1", "--json").document
    assert [epoch["epoch"] for epoch in document["epochs"]] == [1, 2, 3]
    text = on_tiny("show", "tiny", "--task", "1", "--trial", "1").out
    assert text.startswith("Trial 1 of task 1 of run tiny is finished.\n\nalpha          0.0001\nlearning rate  0.01\n")
    assert f"verdict        {document['trial']['verdict']}: {document['trial']['verdict_reason']}\n" in text
    own, shared = document["trial"]["thresholds"], "The curve prunes every layer at the same threshold. The trial is pruned"
    assert (shared in " ".join(text.split())) is (own is not None and len(set(own)) > 1)
    curve = text.split("\n\n")[3].splitlines()
    points = len(document["threshold_curve"])
    assert curve[0].split() == ["threshold", "val", "%", "free", "free", "%"]
    assert points > 20 and curve[-1] == f"{points - 20} of {points} points between these are left out; --json has them all."
    assert len(curve) == 2 + 20 + 1


def test_a_trial_that_failed(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as driver:
        driver.begin()
        driver.fail(0, FailureKind.ERROR, "ValueError: a\nb\x1b[31m")
        text = clnp("show", "demo", "--task", "1", "--trial", "0", folder=tmp_path).out
        assert "verdict        failed: error: ValueError: a b\\x1b[31m\n" in text, "one line, and no colour from a message"
        assert "alpha          1e-4 1e-4 1e-6\n" in text or "alpha          0.0001 0.0001 1e-6\n" in text
        table = clnp("show", "demo", "--task", "1", folder=tmp_path).out
        assert "    0  failed: error  ValueError: a b\\x1b[31m\n" in table and "    1  pending        -\n" in table
        assert clnp("show", "demo", "--task", "2", folder=tmp_path).out == "Task 2 of run demo is pending.\n"


def test_a_run_of_a_version_with_other_keys_is_shown_all_the_same(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as driver:
        driver.store.create_run(_of_another_version())
    assert ("training   recorded by another version of clnp; `--json` shows the config as it is\n"
            in clnp("show", "old", folder=tmp_path).out)


def _of_another_version() -> NewRun:
    return new_run("old", config={"network": {"hidden": [3]}, "epochs_of_old": 1})


def test_what_is_not_there(on_tiny: Clnp) -> None:
    assert on_tiny("show", "tiny", "--trial", "1").refuses(2, "--trial", "--task", "clnp show tiny --task 1 --trial 1")
    assert on_tiny("show", "tiny", "--task", "9").refuses(4, "tiny", "task 9", 1, 2)
    assert on_tiny("show", "tiny", "--task", "1", "--trial", "7").refuses(4, "task 1", "tiny", "trial 7",
                                                                          "clnp trials tiny --task 1")
