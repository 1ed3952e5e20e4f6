"""Whole runs under a window of free neurons, on a real Ray: it bounds what a task takes, and all else holds."""

from decimal import Decimal
from pathlib import Path

import pytest

from clnp_core.network import FREE
from db.reads.reads import Reads
from db.states import RunState
from orchestrator import api
from orchestrator.config.config import Config
from orchestrator.what_if.rescan import KeptWeights
from orchestrator.what_if.what_if import WhatIf, ask
from tests.orchestrator.laboratory import Heard, Laboratory, small
from workers.storage.artifacts import ArtifactStore, get_network

WINDOW = {"free_window": [9, 7], "epochs": 3}


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def named(name: str, config: Config) -> Config:
    return Config.parse({**config.resolved(), "name": name})


def test_a_run_takes_no_more_than_its_window_and_its_trials_are_reused(laboratory: Laboratory) -> None:
    config = small(benchmark={"tasks": 3}, training=WINDOW, selection={"margin_points": 0})
    run = laboratory.launch(named("windowed", config))
    assert run.state is RunState.COMPLETED
    rows = laboratory.read(lambda reads: reads.capacity(run.name))
    bound = {1: 9, 2: 7}
    assert all(0 < row.new_neurons <= bound[row.layer] for row in rows)
    assert all(row.used_neurons + row.free_neurons == row.total_neurons for row in rows)
    for task in (1, 2):
        trials = laboratory.trials(run.name, task)
        store = ArtifactStore(laboratory.storage)
        trained = [get_network(store, trial.artifact_digest or "")[0].activated_by for trial in trials]
        for one, other in zip(*trained, strict=True):
            assert (one == other).all(), "all trials of a task share a window"
        assert [int((owner == task).sum()) for owner in trained[0]] == [9, 7]
        before = sum(row.used_neurons for row in rows if row.task == task - 1)
        curve = laboratory.read(lambda reads, task=task: reads.threshold_curve(run.name, task, 0))
        assert all(56 - before - 16 <= point.free_neurons <= 56 - before for point in curve)
    assert [commit.task for commit in api.verify(run.name, url=laboratory.url, storage=laboratory.storage)] == [1, 2, 3]
    said: list[str] = []

    def answered(reads: Reads) -> WhatIf:
        kept = KeptWeights(reads, run.name, laboratory.storage, said.append)
        return ask(reads, run.name, [Decimal(0), Decimal(100)], 1, kept)

    as_recorded, deepest = laboratory.read(answered).answers
    assert not as_recorded.changed and as_recorded.exact
    assert deepest.free_neurons == deepest.hidden_total == 56, "what is outside the window is free whatever the margin"

    heard = Heard()
    again = named("again", small(benchmark={"tasks": 1}, training=WINDOW, sweep={"reuse_trials": True},
                                 selection={"margin_points": 5}))
    assert laboratory.launch(again, heard).state is RunState.COMPLETED
    assert heard.of("finished") == [], "the margin is in no key, and the window is the same"
    wider = named("wider", small(benchmark={"tasks": 1}, training={**WINDOW, "free_window": 9}, sweep={"reuse_trials": True}))
    trained_anew = Heard()
    laboratory.launch(wider, trained_anew)
    assert sorted(trained_anew.of("finished")) == [0, 1], "another window gives other weights"


@pytest.mark.whole
def test_a_full_layer_is_widened_and_the_window_falls_on_what_is_new(laboratory: Laboratory) -> None:
    config = small(network={"hidden": [20, 9], "head": "single"}, training={"free_window": 9, "epochs": 2},
                   selection={"margin_points": 0},
                   capacity={"on_depletion": "widen", "widen_by": 15, "widen_below": 0.9})
    run = laboratory.launch(named("widened", config))
    assert run.state is RunState.COMPLETED
    totals = {(row.task, row.layer): row.total_neurons for row in laboratory.read(lambda reads: reads.capacity(run.name))}
    assert totals[2, 2] == 24
    assert laboratory.read(lambda reads: reads.commits(run.name, 2))[0].verification["widened"]
    digest = laboratory.trials(run.name, 2)[0].artifact_digest or ""
    owners = get_network(ArtifactStore(laboratory.storage), digest)[0].activated_by
    assert [int((owner == 2).sum()) for owner in owners] == [9, 9] and int((owners[1] == FREE).sum()) > 0


@pytest.mark.slow
def test_packs_and_fine_tuning_repeat_what_an_interruption_cut_short(laboratory: Laboratory, tmp_path: Path) -> None:
    config = named("packed", small(training=WINDOW, fine_tuning={"epochs": 2, "schedule": "cosine", "learning_rate": 0.003},
                                   resources={"max_concurrent_trials": 1, "trials_per_pack": 2}))
    expected = laboratory.digests(laboratory.launch(config).name)
    other = Laboratory(tmp_path / "other")
    other.folder.mkdir()
    stopping = Heard()
    stopping.when = lambda step, detail: api.request_stop("packed", url=other.url) if step == "epoch" else None
    run = other.launch(config, stopping)
    for _ in range(4):
        if run.state is RunState.COMPLETED:
            break
        run = other.resume(run.name)
    assert run.state is RunState.COMPLETED and other.digests(run.name) == expected
