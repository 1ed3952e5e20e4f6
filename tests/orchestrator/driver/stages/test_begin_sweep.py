"""Recorded trials taken over by their key, in real runs: several margins share what they have in common."""

from pathlib import Path

import pytest

from db.states import RunState
from orchestrator import api
from tests.orchestrator.laboratory import Heard, Laboratory, small

SHARED = {"learning_rate": [0.01, 0.02], "reuse_trials": True}


@pytest.mark.slow
def test_three_margins_train_the_first_task_once(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    laboratory.launch(small(sweep=SHARED, selection={"margin_points": 1}), name="m1")
    alone = Laboratory(tmp_path / "alone")
    alone.launch(small(selection={"margin_points": 4}), name="m4")
    for margin in (2, 4):
        heard, name = Heard(), f"m{margin}"
        run = laboratory.launch(small(sweep=SHARED, selection={"margin_points": margin}), heard, name)
        assert run.state is RunState.COMPLETED
        assert "  task 1: 2 trials reused from run m1, none retrained" in heard.of("notice")
        assert heard.of("stage")[0] == (1, 2, 2), "both are there before the sweep begins"
        first = laboratory.trials(name, 1)
        assert [trial.reused_from for trial in first] == ["m1/1/0", "m1/1/1"]
        assert [trial.attempts for trial in first] == [0, 0]
    assert laboratory.digests("m4") == alone.digests("m4"), "as if it had trained them itself"
    before = laboratory.digests("m2")
    api.remove("m1", url=laboratory.url, storage=laboratory.storage)
    assert [commit.digest for commit in api.verify("m2", url=laboratory.url, storage=laboratory.storage)] == before
    heard = Heard()
    laboratory.launch(small(benchmark={"tasks": 1}, sweep=SHARED, selection={"margin_points": 9}), heard, "m9")
    assert heard.of("finished") == [], "the weights of a run that was removed live on with those that took them over"
    assert [trial.reused_from for trial in laboratory.trials("m9")] == ["m2/1/0", "m2/1/1"]


@pytest.mark.slow
def test_what_cannot_be_taken_over_is_trained(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    one_task = {"benchmark": {"tasks": 1}}
    laboratory.launch(small(**one_task), name="first")
    lost = laboratory.trials("first")[0].artifact_digest
    assert lost is not None
    (Path(laboratory.storage) / lost[:2] / f"{lost}.safetensors").unlink()
    heard = Heard()
    laboratory.launch(small(**one_task, sweep=SHARED), heard, "second")
    assert "  task 1: 1 of 2 trials reused from run first, none retrained" in heard.of("notice")
    assert heard.of("finished") == [0]
    assert [trial.reused_from for trial in laboratory.trials("second")] == [None, "first/1/1"]
    heard = Heard()
    laboratory.launch(small(**one_task, sweep={"learning_rate": [0.01, 0.02]}), heard, "alone")
    assert sorted(heard.of("finished")) == [0, 1], "nothing is taken over unasked"
    heard = Heard()
    laboratory.launch(small(**one_task, sweep={**SHARED, "reuse_trials": True}, training={"epochs": 3}), heard, "longer")
    assert sorted(heard.of("finished")) == [0, 1], "other epochs are other trials"
