"""A training that is asked to stop, and what a resume makes of it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import workers.jobs.commit_job
import workers.training.loop
import workers.training.resume
from clnp_core.architecture import HeadKind
from clnp_core.values import TrialResult
from tests.workers.image_trials import images
from tests.workers.training.interrupting import (
    MARGIN,
    Interrupted,
    Trials,
    asking_to_stop,
    gone_on_with,
    killed,
    nothing_left,
    trained_epochs,
)
from tests.workers.training.test_loop import finish
from workers.jobs import pack_job, trial_job
from workers.methods import Method, MethodSpec
from workers.spec import Schedule, TrialSpec
from workers.training.resume import NEVER, Checkpoint, StoppedError

__all__ = ["trained_epochs"]


@pytest.fixture
def asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with asking_to_stop(monkeypatch):
        yield


class TestAskedToStop:
    """A training that is asked to stop writes a checkpoint at the end of its epoch, however long ago the last one was."""

    @pytest.mark.usefixtures("asked_to_stop")
    @pytest.mark.parametrize("what", ["dense", "images", "sgd", "pack", "si", "joint"])
    def test_it_stops_after_every_step_and_continues_to_the_same_bits(self, what: str, trial: Trials, tmp_path: Path) -> None:
        """After the last step of an epoch it stops when the epoch is validated."""
        pack = _pack(what, trial)
        storage, news = str(tmp_path / "artifacts"), list[str]()
        while True:
            checkpoint = pack_job.checkpoint_of(pack, storage, 300.0)
            try:
                results = dict(_results(pack, storage, checkpoint))
                break
            except StoppedError:
                *continued, stopped = checkpoint.news()
                assert continued == [text.replace("is stopped", "continues").replace("after", "from")
                                     for text in news[-1:]]
                news.append(stopped.removesuffix(", and leaves a checkpoint"))
        workers.training.resume.listen(None)
        undisturbed = dict(_results(pack, str(tmp_path / "undisturbed"), NEVER))
        within = [news.count(f"is stopped in epoch {epoch}") for epoch in (1, 2)]
        assert within[0] == within[1] > 1
        assert news == [stopped for epoch in (1, 2)
                        for stopped in [*[f"is stopped in epoch {epoch}"] * within[0], f"is stopped after epoch {epoch}"]]
        assert results == undisturbed and len(results) == len(pack)
        assert nothing_left(storage)

    @pytest.mark.usefixtures("asked_to_stop")
    def test_where_no_checkpoints_are_wanted_it_stops_without_one(self, trial: Trials, storage: str) -> None:
        checkpoint = pack_job.checkpoint_of([trial()], storage, None)
        with pytest.raises(StoppedError):
            finish(trial_job.run_trial(trial(), storage, MARGIN, checkpoint))
        assert checkpoint.news() == () and nothing_left(storage)

    @pytest.mark.usefixtures("asked_to_stop")
    def test_a_checkpoint_that_cannot_be_written_is_said(self, trial: Trials, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        storage = str(tmp_path / "file" / "artifacts")
        checkpoint = pack_job.checkpoint_of([trial()], storage, 300.0)
        with pytest.raises(StoppedError):
            finish(trial_job.run_trial(trial(), storage, MARGIN, checkpoint))
        assert checkpoint.news()[-1].startswith("is stopped without a checkpoint, which cannot be written: ")

    def test_a_request_during_the_last_epoch_keeps_what_was_trained(self, trial: Trials, storage: str,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever happens between the end of the training and its result, which may take longer than there is time for."""
        steps = trial_job.run_trial(trial(epochs=2), storage, MARGIN, pack_job.checkpoint_of([trial(epochs=2)], storage, 300.0))
        assert [next(steps).epoch for _ in range(2)] == [1, 2]
        with asking_to_stop(monkeypatch):
            monkeypatch.setattr(trial_job, "measured", killed)
            with pytest.raises(Interrupted):
                finish(steps)
        monkeypatch.undo()
        assert gone_on_with(trial(epochs=2), storage)[2] == ["continues from epoch 2"]


def _pack(what: str, trial: Trials) -> list[TrialSpec]:
    """Grid points that train side by side, most often one: two epochs of a few steps."""
    if what == "pack":
        return [dataclasses.replace(trial(epochs=2, milestones=(1,)), number=place, seed=7 + place, pack=(2, place))
                for place in range(2)]
    if what == "images":
        return [images(trial(epochs=2), HeadKind.MULTI)]
    if what in ("dense", "sgd"):
        return [trial(epochs=2, optimizer="sgd" if what == "sgd" else "adam")]
    spec = trial(task=2 if what == "joint" else 1, epochs=2, head=HeadKind.MULTI, schedule=Schedule.COSINE)
    method = MethodSpec(Method.JOINT, tasks=2) if what == "joint" else MethodSpec(Method.SI, strength=1.0)
    return [dataclasses.replace(spec, stage=dataclasses.replace(spec.stage, method=method))]


def _results(pack: list[TrialSpec], storage: str, checkpoint: Checkpoint) -> Iterator[tuple[int, str]]:
    """The digest of every trial's network."""
    for number, news in pack_job.run_pack(pack, storage, MARGIN, checkpoint):
        if isinstance(news, TrialResult):
            yield number, news.artifact.digest
