"""Whole runs of convolutional networks and of the variants of the method, on a real Ray: digits as images."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError
from db.states import RunState
from orchestrator import api
from orchestrator.cli.show_command import task_text
from orchestrator.config.config import Config
from orchestrator.what_if.what_if import ask
from tests.messages import naming
from tests.orchestrator.laboratory import Heard, Laboratory

SPLIT: dict[str, Any] = {
    "name": "images",
    "benchmark": {"name": "split-digits", "tasks": 2},
    "network": {"name": "digits-small", "head": "multi"},
    "training": {"batch_size": 32, "epochs": 4},
    "sweep": {"alpha": [[1e-4, 1e-4, 2e-4, 1e-4]], "learning_rate": [0.003]},
    "selection": {"margin_points": 4, "threshold": "per-layer", "curve_points": 10},
}


def config(**sections: Any) -> Config:
    return Config.parse({**SPLIT, **sections})


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


@pytest.mark.slow
def test_a_convolutional_sequence_with_fine_tuning(lab: Laboratory) -> None:
    """Channels as neurons, BatchNorm, pooling, flattening, dropout; α and θ per layer; two prune + fine-tune rounds."""
    heard = Heard()
    tuned = {"rounds": 2, "epochs": 3, "learning_rate": 0.001, "alpha": [1e-5, 1e-5, 1e-5, 1e-5]}
    run = lab.launch(config(fine_tuning=tuned), heard)
    assert run.state is RunState.COMPLETED
    for task in (1, 2):
        selection = lab.read(lambda reads, task=task: reads.selections(run.name, task))[0]
        commit = lab.read(lambda reads, task=task: reads.commits(run.name, task))[0]
        rounds = commit.fine_tuning
        assert 1 <= len(rounds) <= 2
        assert len(selection.thresholds) == 3 == len(rounds[0].thresholds)
        assert rounds[0].pruned_val_correct == selection.pruned_val_correct
        assert rounds[0].free_neurons == selection.free_neurons
        assert commit.val_correct == rounds[-1].val_correct >= rounds[-1].pruned_val_correct
        assert commit.val_total == selection.val_total
        assert commit.verification["tasks_compared"] == list(range(1, task))
    assert sum("fine-tuning, round 1: validation" in text for text in heard.of("notice")) == 2
    matrix = {(cell.after_task, cell.on_task): cell for cell in lab.read(lambda reads: reads.accuracy_matrix(run.name))}
    assert matrix[1, 1].logits_digest == matrix[2, 1].logits_digest
    assert min(cell.test_accuracy for cell in matrix.values()) > 0.9
    layers = [row for row in lab.read(lambda reads: reads.capacity(run.name)) if row.task == 2]
    assert [row.total_neurons for row in layers] == [16, 24, 64]
    assert 0 < sum(row.new_neurons for row in layers) < 104
    verified = api.verify(run.name, url=lab.url, storage=lab.storage)
    assert [commit.task for commit in verified] == [1, 2]


@pytest.mark.slow
def test_a_fully_convolutional_single_head_and_a_widened_layer(lab: Laboratory) -> None:
    """Table 3 in small; the last layer is too narrow for a second task and is widened under a bound."""
    layers = [{"kind": "conv", "neurons": 12, "kernel": 3, "padding": 1, "batch_norm": True},
              {"kind": "conv", "neurons": 10, "kernel": 3, "stride": 2, "batch_norm": True}]
    run = lab.launch(config(
        network={"layers": layers, "output": {"kernel": 2}, "head": "single"},
        sweep={"alpha": [1e-4], "learning_rate": [0.003]}, selection={"margin_points": 0, "curve_points": 10},
        capacity={"on_depletion": "widen", "widen_by": 6, "widen_below": 0.9}))
    assert run.state is RunState.COMPLETED
    capacity = lab.read(lambda reads: reads.capacity(run.name))
    totals = {(row.task, row.layer): row.total_neurons for row in capacity}
    assert (totals[1, 1], totals[1, 2]) == (12, 10)
    assert totals[2, 2] == 16
    assert lab.read(lambda reads: reads.commits(run.name, 2))[0].verification["widened"]


@pytest.mark.slow
def test_an_interrupted_convolutional_run_ends_in_the_same_bits(lab: Laboratory, tmp_path: Path) -> None:
    """Dropout and BatchNorm included: everything random is derived from the run's seed."""
    whole = config(benchmark={"name": "split-digits", "tasks": 1},
                   sweep={"alpha": [1e-4], "learning_rate": [0.003, 0.005]})
    expected = lab.digests(lab.launch(whole).name)
    other = Laboratory(tmp_path / "other")
    other.folder.mkdir()
    stopping = Heard()
    stopping.when = lambda step, detail: api.request_stop("images", url=other.url) if step == "finished" else None
    run = other.launch(whole, stopping)
    for _ in range(3):
        if run.state is RunState.COMPLETED:
            break
        run = other.resume(run.name)
    assert run.state is RunState.COMPLETED
    assert other.digests(run.name) == expected


def test_a_network_that_cannot_read_the_samples_is_refused_before_anything_runs(lab: Laboratory) -> None:
    with pytest.raises(ConfigError, match=naming("a map")):
        lab.launch(config(benchmark={"name": "permuted-digits", "tasks": 1}))
    assert not (lab.folder / "artifacts").exists()


@pytest.mark.slow
def test_every_margin_is_chosen_from_the_same_trials(lab: Laboratory) -> None:
    """m = 1, 2 and 4 share the trials of task 1: their keys do not hold the margin."""
    one = config(benchmark={"name": "split-digits", "tasks": 1}, sweep={"alpha": [1e-4, 3e-4], "learning_rate": [0.003]},
                 selection={"margin_points": 4, "threshold": "shared", "curve_points": 10})  # sparser with every margin
    lab.launch(one, name="m4")
    trained = lab.trials("m4", 1)
    free = []
    for margin in ("0", "1", "30"):
        fork = lab.fork("m4", 0, name=f"m{margin}", overrides=[f"selection.margin_points={margin}"])
        rows = lab.trials(fork.name, 1)
        assert [row.artifact_digest for row in rows] == [row.artifact_digest for row in trained]
        assert all(row.reused_from and row.reused_from.startswith("m4/1/") for row in rows)
        free.append(lab.read(lambda reads, name=fork.name: reads.selections(name, 1))[0].free_neurons)
    assert free == sorted(free) and free[0] < free[-1]


@pytest.mark.slow
def test_a_search_is_recorded_shown_and_copied_by_a_fork(lab: Laboratory) -> None:
    """Cuts beyond θ*, the reference being the trials."""
    heard = Heard()
    tuned = {"epochs": 3, "learning_rate": 0.003, "alpha": 0,
             "search": {"step": 0.2, "epochs_per_cut": 2, "extra_epochs": 2, "patience": 1}}
    run = lab.launch(config(fine_tuning=tuned), heard)
    assert run.state is RunState.COMPLETED
    for task in (1, 2):
        commit = lab.read(lambda reads, task=task: reads.commits(run.name, task))[0]
        selection = lab.read(lambda reads, task=task: reads.selections(run.name, task))[0]
        search, (first,) = commit.search, commit.fine_tuning
        assert search is not None and search.reference == "trials"
        assert search.reference_val_correct == selection.best_val_correct
        assert (first.pruned_val_correct, first.free_neurons) == (selection.pruned_val_correct, selection.free_neurons)
        new = [row.new_neurons for row in lab.read(lambda reads: reads.capacity(run.name)) if row.task == task]
        assert tuple(new) == search.candidates[search.chosen].neurons
    assert sum("search, " in text for text in heard.of("notice")) == 2
    shown = lab.read(lambda reads: task_text(reads, run.name, 1))
    assert "Search, " in shown and "chosen" in shown
    answers = lab.read(lambda reads: ask(reads, run.name, [Decimal(4), Decimal(0)])).searches
    assert [(answer.task, answer.cut == answer.recorded_cut) for answer in answers[:2]] == [(1, True), (2, True)]
    forked = lab.fork(run.name, 1, name="forked", overrides=["benchmark.tasks=2"])
    commits = [lab.read(lambda reads, name=name: reads.commits(name, 1))[0] for name in (run.name, forked.name)]
    assert commits[0].search == commits[1].search
    assert [commit.task for commit in api.verify(run.name, url=lab.url, storage=lab.storage)] == [1, 2]
