"""What the store has lost: recomputed on resume where it comes out bit for bit, and never replaced by something else."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clnp_core.errors import ArtifactError
from db.states import RunState, TrialState
from orchestrator import api
from tests.messages import naming
from tests.orchestrator.laboratory import Heard, Laboratory, beat_now, small

ONE_TRIAL = {"learning_rate": [0.01]}


def flip_a_bit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_a_damaged_base_is_named_by_verify_and_built_again_by_resume(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    laboratory.commit_one_task(small(sweep=ONE_TRIAL))
    (digest,) = laboratory.digests("small")
    content = laboratory.artifact(digest).read_bytes()
    flip_a_bit(laboratory.artifact(digest))
    with pytest.raises(ArtifactError, match=str(laboratory.artifact(digest))):
        api.verify("small", url=laboratory.url, storage=laboratory.storage)
    heard = Heard()
    assert laboratory.resume("small", heard).state is RunState.COMPLETED
    assert heard.of("notice")[0] == "task 1: its committed network is missing or damaged, rebuilding it"
    assert laboratory.artifact(digest).read_bytes() == content
    assert any(event.kind == "restored" for event in laboratory.read(lambda reads: reads.events("small")))


@pytest.mark.slow
def test_a_completed_run_that_lost_everything_is_whole_again_after_a_resume(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    assert laboratory.launch(small(sweep=ONE_TRIAL)).state is RunState.COMPLETED
    digests = laboratory.digests("small")
    for digest in [*digests, *(trial.artifact_digest for trial in laboratory.trials("small"))]:
        laboratory.artifact(digest).unlink()
    heard = Heard()
    assert laboratory.resume("small", heard).state is RunState.COMPLETED
    assert [text for text in heard.of("notice") if "built again" in text] == [
        f"task {task}: its committed network is missing or damaged, rebuilding it" for task in (1, 2)]
    assert heard.of("finished") == [], "nothing is recorded a second time"
    assert laboratory.digests("small") == digests
    assert all(commit.logits_compared for commit in api.verify("small", url=laboratory.url, storage=laboratory.storage))


@pytest.mark.whole
def test_a_commit_that_comes_out_otherwise_halts_the_run(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    laboratory.commit_one_task(small(sweep=ONE_TRIAL))
    (digest,) = laboratory.digests("small")
    laboratory.artifact(digest).unlink()
    engine = laboratory.engine()
    with engine.begin() as connection:  # as if another environment pruned at another threshold
        connection.execute(text("UPDATE clnp_selections SET thresholds = '[null, null]'"))
    engine.dispose()
    with pytest.raises(ArtifactError, match=naming("task 1", digest[:12])):
        laboratory.resume("small")
    assert laboratory.digests("small") == [digest]
    assert laboratory.read(lambda reads: reads.run_state("small")) is RunState.STOPPED


@pytest.mark.slow
def test_lost_networks_of_picked_trials_are_trained_again_side_by_side(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)

    def stop_after_two(step: str, detail: Any) -> None:
        if step == "finished" and len(heard.of("finished")) == 2:
            api.request_stop("small", url=laboratory.url)
            beat_now("small", laboratory)

    heard = Heard(when=stop_after_two)
    config = small(benchmark={"tasks": 1}, resources={"max_concurrent_trials": 1}, selection={"margin_points": 100},
                   sweep={"learning_rate": [0.01, 0.02, 0.03]})
    assert laboratory.launch(config, heard).state is RunState.STOPPED
    finished = [trial for trial in laboratory.trials("small") if trial.state is TrialState.FINISHED]
    laboratory.artifact(finished[0].artifact_digest).unlink()
    flip_a_bit(laboratory.artifact(finished[1].artifact_digest))
    heard = Heard()
    assert laboratory.resume("small", heard).state is RunState.COMPLETED
    assert heard.of("notice") == ["  task 1: stored networks are missing, retraining trial 0, 1"]
