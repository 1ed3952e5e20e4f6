"""Whole runs whose thresholds are on another score, on a real Ray: recorded, named wherever it is shown, exact, repeatable."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError
from clnp_core.selection import Score
from db.reads.reads import Reads
from db.states import RunState
from orchestrator import api
from orchestrator.cli.show_command import task_text
from orchestrator.config.config import Config
from orchestrator.figures.registry import CURVE, trial_figure
from orchestrator.render.run_summary import overview_text
from orchestrator.what_if.rescan import KeptWeights
from orchestrator.what_if.what_if import WhatIf, ask
from tests.orchestrator.laboratory import Heard, Laboratory, small
from workers.storage.artifacts import ArtifactStore, get_network


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def named(name: str, **sections: Any) -> Config:
    return Config.parse({**small(**sections).resolved(), "name": name})


def test_the_score_of_the_paper_is_in_no_key_and_no_record() -> None:
    assert small().digest() == small(selection={"score": "activity"}).digest()
    assert "score" not in small(selection={"score": "activity"}).resolved()["selection"]
    assert small(selection={"score": "taylor"}).resolved()["selection"]["score"] == "taylor"


def test_a_method_that_prunes_nothing_has_no_score() -> None:
    with pytest.raises(ConfigError, match="score cannot be used with method scratch, which prunes nothing"):
        Config.parse({**small(selection={"score": "taylor"}).resolved(), "method": "scratch"})


@pytest.mark.parametrize(("score", "sections"), [
    (Score.OUTGOING, {"selection": {"threshold": "per-layer"}}),
    (Score.TAYLOR, {"fine_tuning": {"rounds": 2, "epochs": 2, "learning_rate": 0.003},
                    "resources": {"max_concurrent_trials": 1, "trials_per_pack": 2}, "selection": {"rule": "trade-off"}})])
def test_a_run_under_another_score(laboratory: Laboratory, score: Score, sections: dict[str, dict[str, Any]]) -> None:
    chosen = {**sections, "selection": {**sections["selection"], "score": score.value, "margin_points": 4}}
    run = laboratory.launch(named("scored", **chosen))
    assert run.state is RunState.COMPLETED
    assert [commit.task for commit in api.verify(run.name, url=laboratory.url, storage=laboratory.storage)] == [1, 2]
    store = ArtifactStore(laboratory.storage)
    for trial in laboratory.trials(run.name, 1):
        contents = get_network(store, trial.artifact_digest or "")[1]
        assert contents.metadata["score"] == score.value
        assert {"activity.1", "activity.2", "score.1", "score.2"} <= set(contents.tensors)
    if score is Score.OUTGOING:
        selection = laboratory.read(lambda reads: reads.selections(run.name, 1))[0]
        network, contents = get_network(store, laboratory.trials(run.name, 1)[selection.chosen].artifact_digest or "")
        above = sum(int((contents.tensors[f"score.{layer}"] > (theta if theta is not None else -1)).sum())
                    for layer, theta in enumerate(selection.thresholds, start=1))
        assert selection.free_neurons == network.architecture.hidden_total - above
    on = f"on the score {score}"
    assert on in " ".join(laboratory.read(lambda reads: task_text(reads, run.name, 1)).split())
    assert on in laboratory.read(lambda reads: overview_text(reads, reads.run(run.name)))
    assert on in str(laboratory.read(lambda reads: trial_figure(reads, run.name, 1, 0, CURVE)).to_dict())

    def answered(reads: Reads) -> WhatIf:
        return ask(reads, run.name, [Decimal(4)], 1, KeptWeights(reads, run.name, laboratory.storage, lambda _: None))

    answer = laboratory.read(answered)
    assert not answer.answers[0].changed and answer.answers[0].exact
    assert any(on in caution and "--set selection.score" in caution for caution in answer.cautions)


def test_trials_of_another_score_are_trained_again(laboratory: Laboratory) -> None:
    one_task: dict[str, dict[str, Any]] = {"benchmark": {"tasks": 1}}
    laboratory.launch(named("activity", **one_task))
    for name, score, trained in (("other", "outgoing", [0, 1]), ("same", "activity", [])):
        heard = Heard()
        laboratory.launch(named(name, **one_task, sweep={"reuse_trials": True}, selection={"score": score}), heard)
        assert sorted(heard.of("finished")) == trained
    shown = laboratory.read(lambda reads: task_text(reads, "activity", 1))
    assert "on the score" not in shown
