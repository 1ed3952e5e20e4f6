"""After a commit: weights of trials that were not chosen go as the config says, and nothing that is needed does."""

from pathlib import Path

import pytest

from db.states import RunState
from orchestrator import api
from tests.orchestrator.laboratory import Heard, Laboratory, small

FOUR = {"learning_rate": [0.003, 0.01, 0.02, 0.03]}


def kept(laboratory: Laboratory, run: str, task: int) -> set[int]:
    return {trial.number for trial in laboratory.trials(run, task) if laboratory.artifact(trial.artifact_digest).exists()}


@pytest.mark.parametrize(("keep", "others"), [
    pytest.param("none", 0, marks=pytest.mark.slow), (1, 1), pytest.param("all", 3, marks=pytest.mark.slow)])
def test_what_the_config_keeps(tmp_path: Path, keep: str | int, others: int) -> None:
    laboratory = Laboratory(tmp_path)
    run = laboratory.launch(small(benchmark={"tasks": 1}, sweep=FOUR, storage={"keep_trials": keep}))
    assert run.state is RunState.COMPLETED
    chosen = laboratory.read(lambda reads: reads.selections("small", 1))[0].chosen
    best = sorted(laboratory.trials("small", 1), key=lambda trial: (-(trial.val_correct or 0), trial.number))
    expected = {chosen, *[trial.number for trial in best if trial.number != chosen][:others]}
    assert kept(laboratory, "small", 1) == expected
    removed = {artifact.digest for artifact in laboratory.read(lambda reads: reads.artifacts()) if artifact.removed_at}
    assert removed == {trial.artifact_digest for trial in laboratory.trials("small") if trial.number not in expected}
    assert len(api.verify("small", url=laboratory.url, storage=laboratory.storage)) == 1


@pytest.mark.slow
def test_a_run_with_another_margin_trains_again_only_what_it_picks_and_lacks(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    one_task = {"benchmark": {"tasks": 1}, "storage": {"keep_trials": "none"}}
    laboratory.launch(small(**one_task, sweep=FOUR, selection={"margin_points": 0}), name="strict")
    alone = Laboratory(tmp_path / "alone")
    alone.launch(small(**one_task, sweep=FOUR, selection={"margin_points": 3}), name="alone")
    heard = Heard()
    laboratory.launch(small(**one_task, sweep={**FOUR, "reuse_trials": True}, selection={"margin_points": 3}), heard, "loose")
    assert heard.of("finished") == [], "results are taken over although their weights are gone"
    assert laboratory.digests("loose") == alone.digests("alone")
    assert kept(laboratory, "loose", 1) == {laboratory.read(lambda reads: reads.selections("loose", 1))[0].chosen} | kept(
        laboratory, "strict", 1)


@pytest.mark.whole
def test_weights_that_another_run_refers_to_stay(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    one_task = {"benchmark": {"tasks": 1}, "sweep": {**FOUR, "reuse_trials": True}}
    laboratory.launch(small(**one_task, storage={"keep_trials": "all"}), name="keeps")
    laboratory.launch(small(**one_task, storage={"keep_trials": "none"}), name="shares")
    assert kept(laboratory, "keeps", 1) == {0, 1, 2, 3}
