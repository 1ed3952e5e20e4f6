"""Checkpoints of a training: when one is written, and which are not used."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import workers.jobs.commit_job
import workers.training.loop
import workers.training.resume
from tests.workers.training.interrupting import MARGIN, Trials, attempt, gone_on_with, nothing_left, trained_epochs
from tests.workers.training.test_loop import finish
from workers.jobs import pack_job, trial_job
from workers.spec import TrialSpec
from workers.storage.checkpoints import Checkpoints

__all__ = ["trained_epochs"]


class TestCheckpointsThatAreNotUsed:
    """Each trains from the start, says why, and ends in the same artifact."""

    def restarted(self, spec: TrialSpec, storage: str, undisturbed: str, why: str) -> None:
        epochs, result, news = gone_on_with(spec, storage)
        assert len(news) == 1 and news[0].startswith("trains from the start: checkpoint ") and news[0].endswith(why)
        assert result.artifact.digest == undisturbed and len(epochs) == spec.stage.training.epochs
        assert nothing_left(storage)

    @pytest.fixture
    def undisturbed(self, trial: Trials, tmp_path: Path) -> str:
        return finish(trial_job.run_trial(trial(), str(tmp_path / "undisturbed"), MARGIN))[1].artifact.digest

    @pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
    @pytest.mark.parametrize("cut", [False, True])
    def test_damaged(self, trial: Trials, storage: str, undisturbed: str, part: float, cut: bool,
                     trained_epochs: list[int]) -> None:
        trained_epochs.clear()
        attempt(trial(), storage, 2)
        path = Path(Checkpoints(storage).files.shown(Checkpoints.name(trial().key())))
        content = bytearray(path.read_bytes())
        place = int(part * len(content))
        content[place] ^= 16
        path.write_bytes(content[:place] if cut else content)
        self.restarted(trial(), storage, undisturbed, "is damaged")
        assert len(trained_epochs) == 2 + 3

    def test_from_another_environment(self, trial: Trials, storage: str, undisturbed: str,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as elsewhere:
            here = workers.training.resume.fingerprint
            elsewhere.setattr(workers.training.resume, "fingerprint", lambda threads: {**here(threads), "device": "H100"})
            attempt(trial(), storage, 2)
        self.restarted(trial(), storage, undisturbed, "was written in another environment")

    def test_of_another_trial(self, trial: Trials, storage: str, undisturbed: str) -> None:
        attempt(trial(seed=8), storage, 2)
        files = Checkpoints(storage).files
        files.write(Checkpoints.name(trial().key()), files.read(Checkpoints.name(trial(seed=8).key())))
        Checkpoints(storage).remove(trial(seed=8).key())
        self.restarted(trial(), storage, undisturbed, "belongs to another training")

    def test_where_none_are_wanted(self, trial: Trials, storage: str, trained_epochs: list[int]) -> None:
        attempt(trial(), storage, 2)
        checkpoint = pack_job.checkpoint_of([trial()], storage, None)
        finish(trial_job.run_trial(trial(), storage, MARGIN, checkpoint))
        assert len(trained_epochs) == 2 + 3 and checkpoint.news() == ()


class TestWhatACheckpointCosts:
    def test_a_trial_shorter_than_the_interval_writes_none(self, trial: Trials, storage: str,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
        written: list[str] = []
        monkeypatch.setattr(Checkpoints, "write", lambda self, key, *others: written.append(key))
        finish(trial_job.run_trial(trial(), storage, MARGIN, pack_job.checkpoint_of([trial()], storage, 300.0)))
        assert written == [] and not (Path(storage) / "checkpoints").exists()

    def test_the_interval_is_counted_from_the_last_one(self, trial: Trials, storage: str,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
        now = [0.0]
        monkeypatch.setattr(workers.training.resume, "time", SimpleNamespace(monotonic=lambda: now[0]))
        checkpoint, written = pack_job.checkpoint_of([trial(epochs=12)], storage, 25.0), []
        for epoch in trial_job.run_trial(trial(epochs=12), storage, MARGIN, checkpoint):
            written.append((epoch.epoch, Checkpoints(storage).files.size(Checkpoints.name(trial(epochs=12).key())) is not None))
            Checkpoints(storage).remove(trial(epochs=12).key())
            now[0] += 10.0
        assert [epoch for epoch, there in written if there] == [4, 7, 10]
