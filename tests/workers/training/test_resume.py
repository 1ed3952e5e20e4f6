"""An interrupted training goes on and ends in the bits of one that was never interrupted."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import torch

import workers.jobs.commit_job
import workers.training.loop
import workers.training.resume
import workers.training.stop_request
from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.selection import ThresholdMode
from clnp_core.values import Epoch, FineTuningRound, FreeWindow, TrialResult
from tests.workers.image_trials import images
from tests.workers.jobs.test_commit_job import TUNING, commit, splits, teacher
from tests.workers.training.test_loop import finish
from workers.jobs import pack_job, trial_job
from workers.jobs.commit_job import build_commit
from workers.methods import Method, MethodSpec
from workers.spec import DistillationSpec, Schedule, TrialSpec
from workers.storage.checkpoints import Checkpoints
from workers.training.loop import DivergedError
from workers.training.resume import NEVER, Checkpoint, Interruptible
from workers.training.stop_request import StoppedError

Trials = Callable[..., TrialSpec]

MARGIN = Decimal(3)
ALWAYS = 1e-9
"""Seconds between checkpoints: one after every epoch."""

VARIANTS: dict[str, Callable[[Trials], TrialSpec]] = {
    "adam": lambda trial: trial(epochs=5),
    "adamw": lambda trial: trial(epochs=5, optimizer="adamw"),
    "sgd with momentum": lambda trial: trial(epochs=5, optimizer="sgd"),
    "milestones": lambda trial: trial(epochs=6, milestones=(1, 2, 4)),
    "milestones of sgd": lambda trial: trial(epochs=5, optimizer="sgd", milestones=(2, 3), learning_rate=0.1),
    "cosine": lambda trial: trial(epochs=6, schedule=Schedule.COSINE),
    "cosine of sgd, early stopping": lambda trial: trial(epochs=12, optimizer="sgd", learning_rate=0.3, patience=2,
                                                         schedule=Schedule.COSINE),
    "early stopping": lambda trial: trial(epochs=40, learning_rate=0.05, patience=2),
    "window": lambda trial: trial(epochs=4, free_window=FreeWindow((9, 6), 3)),
    "multi-head": lambda trial: trial(epochs=4, head=HeadKind.MULTI),
    "images, single-head": lambda trial: images(trial(epochs=4), HeadKind.SINGLE),
    "images, multi-head": lambda trial: images(trial(epochs=4, optimizer="sgd"), HeadKind.MULTI),
}


@pytest.fixture
def trained_epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry for every epoch that is really trained."""
    counted: list[int] = []
    batches = workers.training.loop.batches

    def count(order: torch.Tensor, size: int, has_batch_norm: bool) -> list[torch.Tensor]:
        counted.append(len(order))
        return batches(order, size, has_batch_norm)

    monkeypatch.setattr(workers.training.loop, "batches", count)
    return counted


def attempt(spec: TrialSpec, storage: str, epochs: int) -> tuple[list[Epoch], list[str]]:
    """Begin a trial, and end it after so many epochs; its epochs and news."""
    checkpoint = pack_job.checkpoint_of([spec], storage, ALWAYS)
    steps = trial_job.run_trial(spec, storage, MARGIN, checkpoint)
    seen = [next(steps) for _ in range(epochs)]
    steps.close()
    return seen, list(checkpoint.news())


def gone_on_with(spec: TrialSpec, storage: str) -> tuple[list[Epoch], TrialResult, list[str]]:
    """Run a trial to its end from where its checkpoint stands."""
    checkpoint = pack_job.checkpoint_of([spec], storage, ALWAYS)
    epochs, result = finish(trial_job.run_trial(spec, storage, MARGIN, checkpoint))
    return epochs, result, list(checkpoint.news())


def told(epochs: list[Epoch]) -> list[Epoch]:
    """Epochs without their seconds, which no two attempts share."""
    return [dataclasses.replace(epoch, seconds=0.0) for epoch in epochs]


def same(one: TrialResult, other: TrialResult) -> bool:
    """Whether two results are equal in all that the key determines."""
    unmeasured = {"train_seconds": 0.0, "total_seconds": 0.0}
    return dataclasses.replace(one, **unmeasured) == dataclasses.replace(other, **unmeasured)


def nothing_left(storage: str) -> bool:
    return list(Checkpoints(storage).stored()) == []


def assert_interruptions_change_nothing(spec: TrialSpec, folder: Path, trained_epochs: list[int]) -> None:
    """End a trial after every one of its epochs, each time with new objects; and train each of them once."""
    storage = str(folder / "artifacts")
    whole_epochs, whole = finish(trial_job.run_trial(spec, storage, MARGIN))
    trained_epochs.clear()
    for count in range(1, whole.epochs_run + 1):
        seen, news = attempt(spec, storage, count)
        assert told(seen) == told(whole_epochs[:count])
        assert news == ([] if count == 1 else [f"continues from epoch {count - 1}"])
        assert len(trained_epochs) == count
    epochs, result, news = gone_on_with(spec, storage)
    assert news == [f"continues from epoch {whole.epochs_run}"] and len(trained_epochs) == whole.epochs_run
    assert told(epochs) == told(whole_epochs)
    assert same(result, whole) and result.artifact == whole.artifact
    assert nothing_left(storage)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_trial_that_is_interrupted_after_every_epoch(variant: str, trial: Trials, tmp_path: Path,
                                                       trained_epochs: list[int]) -> None:
    assert_interruptions_change_nothing(VARIANTS[variant](trial), tmp_path, trained_epochs)


@pytest.mark.parametrize("head", DIVIDED_HEADS)
@pytest.mark.parametrize("kind", ["dense", "images"])
def test_on_a_base_with_frozen_rows(kind: str, head: HeadKind, trial: Trials, tmp_path: Path,
                                    trained_epochs: list[int]) -> None:
    def of(task: int, base: str | None) -> TrialSpec:
        spec = trial(task=task, base=base, head=head, epochs=4)
        return spec if kind == "dense" else images(spec, head)

    first = commit(of(1, None), str(tmp_path / "artifacts"), [], margin=Decimal(10))
    assert any(0 < layer.used_neurons < layer.total_neurons for layer in first.capacity)
    assert_interruptions_change_nothing(of(2, first.artifact.digest), tmp_path, trained_epochs)


def test_after_its_process_was_killed(trial: Trials, tmp_path: Path, storage: str) -> None:
    """A real death in the middle of an epoch: what lies in the store is all that is left."""
    spec = images(trial(epochs=5), HeadKind.SINGLE)
    _, whole = finish(trial_job.run_trial(spec, str(tmp_path / "undisturbed"), MARGIN))
    program = f"""
import os, signal, torch
from clnp_core.partition import FreeNetwork
from workers.jobs import trial_job
from tests.workers.training.test_resume import ALWAYS, MARGIN, HeadKind, images
from workers.jobs import pack_job
from workers.spec import StageSpec, TrialSpec
torch.set_num_threads(1)
spec = TrialSpec(StageSpec.from_json({spec.stage.to_json()!r}), 0, {spec.alpha!r}, {spec.learning_rate!r}, {spec.seed!r})
assert spec.key() == {spec.key()!r}
draw, steps = FreeNetwork.draw_dropout, [0]
def deadly(free, samples):
    steps[0] += 1
    if steps[0] == 12:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(free, samples)
FreeNetwork.draw_dropout = deadly
for _ in trial_job.run_trial(spec, {storage!r}, MARGIN, pack_job.checkpoint_of([spec], {storage!r}, ALWAYS)):
    pass
"""
    killed = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                            capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    _, result, news = gone_on_with(spec, storage)
    assert result.artifact == whole.artifact
    assert len(news) == 1 and news[0] in [f"continues from epoch {epoch}" for epoch in (1, 2, 3, 4)]


def test_seconds_count_over_all_attempts(trial: Trials, storage: str) -> None:
    seen, _ = attempt(trial(epochs=6), storage, 4)
    epochs, result, _ = gone_on_with(trial(epochs=6), storage)
    assert epochs[:4] == seen, "not measured again"
    assert result.train_seconds >= sum(epoch.seconds for epoch in epochs)
    assert result.total_seconds >= result.train_seconds


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
        monkeypatch.setattr(workers.training.resume.time, "monotonic", lambda: now[0])
        checkpoint, written = pack_job.checkpoint_of([trial(epochs=12)], storage, 25.0), []
        for epoch in trial_job.run_trial(trial(epochs=12), storage, MARGIN, checkpoint):
            written.append((epoch.epoch, Checkpoints(storage).files.size(Checkpoints.name(trial(epochs=12).key())) is not None))
            Checkpoints(storage).remove(trial(epochs=12).key())
            now[0] += 10.0
        assert [epoch for epoch, there in written if there] == [4, 7, 10]


@contextmanager
def asking_to_stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every training of this process finds that its driver has asked for a stop."""
    monkeypatch.setattr(workers.training.stop_request, "ASK_EVERY_SECONDS", 0.001)
    workers.training.stop_request.listen(lambda: True)
    assert workers.training.stop_request._current is not None and workers.training.stop_request._current.asked.wait(60)
    yield
    workers.training.stop_request.listen(None)


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
        workers.training.stop_request.listen(None)
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
            monkeypatch.setattr(trial_job, "measured", _killed)
            with pytest.raises(Interrupted):
                finish(steps)
        monkeypatch.undo()
        assert gone_on_with(trial(epochs=2), storage)[2] == ["continues from epoch 2"]


def _killed(*arguments: object) -> None:
    raise Interrupted


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


def test_a_full_disk_is_told_once_and_the_trial_goes_on(trial: Trials, storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Checkpoints, *arguments: object) -> int:
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(Checkpoints, "write", full)
    epochs, _, news = gone_on_with(trial(), storage)
    assert len(epochs) == 3
    assert news == ["continues without a checkpoint, which cannot be written: No space left on device"]


def test_a_diverged_trial_leaves_nothing(trial: Trials, storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = trial(epochs=5)
    attempt(spec, storage, 2)
    monkeypatch.setattr(workers.training.loop, "l1_penalty", lambda penalised, alpha: float("nan"))
    with pytest.raises(DivergedError):
        gone_on_with(spec, storage)
    assert nothing_left(storage)


def test_a_lost_network_is_trained_again_from_its_checkpoint(trial: Trials, storage: str, trained_epochs: list[int]) -> None:
    digest = finish(trial_job.run_trial(trial(), storage, MARGIN))[1].artifact.digest
    (Path(storage) / digest[:2] / f"{digest}.safetensors").unlink()
    attempt(trial(), storage, 2)
    pack_job.restore_pack([trial()], {0: digest}, storage, ALWAYS)
    assert len(trained_epochs) == 3 + 2 + 1 and nothing_left(storage)


class Interrupted(Exception):
    """What ends a commit in a test."""


class TestFineTuning:
    """A commit that is interrupted goes on with its rounds."""

    @pytest.mark.parametrize(("rounds", "schedule", "distilled"), [
        (1, Schedule.COSINE, False), (3, Schedule.CONSTANT, False), (3, Schedule.COSINE, False), (2, Schedule.COSINE, True)])
    def test_interrupted_after_every_epoch(self, trial: Trials, storage: str, rounds: int, schedule: Schedule, distilled: bool,
                                           trained_epochs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        spec = trial(hidden=(60, 50), epochs=6)
        _, result = finish(trial_job.run_trial(spec, storage, Decimal(8)))
        required = result.val_correct - 28
        found = trial_job.scan(spec.stage, result.artifact.digest, storage, required, ThresholdMode.SHARED)
        taught = DistillationSpec(2.0, 0.0, 0.5, 3, (teacher(spec, storage),)) if distilled else None
        tuning = dataclasses.replace(TUNING, rounds=rounds, epochs=3, required=required, schedule=schedule, distillation=taught)
        arguments = (spec.stage, result.artifact.digest, found.thresholds, storage, [], splits(spec.stage), tuning)
        whole = build_commit(*arguments)
        assert whole.rounds is not None and len(whole.rounds) == rounds and whole.news == ()
        save, saved = Checkpoint.maybe_save, [0]

        def die_afterwards(checkpoint: Checkpoint, standing: Interruptible) -> None:
            save(checkpoint, standing)
            saved[0] += 1
            raise Interrupted

        trained_epochs.clear()
        with monkeypatch.context() as dying:
            dying.setattr(Checkpoint, "maybe_save", die_afterwards)
            for _ in range(3 * rounds):
                with pytest.raises(Interrupted):
                    build_commit(*arguments, ALWAYS)
        built = build_commit(*arguments, ALWAYS)
        assert saved[0] == len(trained_epochs) == 3 * rounds, "every epoch once"
        assert built.artifact == whole.artifact and _told(built.rounds) == _told(whole.rounds)
        assert built.news == tuple(f"fine-tuning, round {number}, continues from epoch 3" for number in range(1, rounds + 1))
        assert built.seconds >= sum(tuned.seconds for tuned in built.rounds or ())
        assert nothing_left(storage)

    def test_another_threshold_or_rate_goes_on_from_no_other_ones_checkpoint(self) -> None:
        keys = [checkpoint._key for tuning in (TUNING, dataclasses.replace(TUNING, learning_rate=0.1, rounds=2),
                                                          dataclasses.replace(TUNING, schedule=Schedule.COSINE))
                for thresholds in ((0.1, 0.1), (0.1, 0.2), (None, None))
                for checkpoint in workers.jobs.commit_job._checkpoints("", "ab", thresholds, tuning, 1, None)]
        assert len(keys) == len(set(keys)) == 12


def _told(rounds: tuple[FineTuningRound, ...] | None) -> list[FineTuningRound]:
    return [dataclasses.replace(tuned, seconds=0.0) for tuned in rounds or ()]
