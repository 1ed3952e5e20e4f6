"""An interrupted training goes on and ends in the bits of one that was never interrupted."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

import workers.jobs.commit_job
import workers.training.loop
import workers.training.resume
from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.values import FreeWindow
from tests.workers.image_trials import images
from tests.workers.jobs.test_commit_job import commit
from tests.workers.training.interrupting import (
    ALWAYS,
    MARGIN,
    Trials,
    attempt,
    gone_on_with,
    nothing_left,
    same,
    told,
    trained_epochs,
)
from tests.workers.training.test_loop import finish
from workers.jobs import pack_job, trial_job
from workers.spec import Schedule, TrialSpec
from workers.storage.checkpoints import Checkpoints
from workers.training import resume
from workers.training.loop import DivergedError

__all__ = ["trained_epochs"]


def dropping_inputs(spec: TrialSpec) -> TrialSpec:
    """The same trial with dropout of its inputs."""
    architecture = dataclasses.replace(spec.stage.architecture, input_dropout=0.2)
    return dataclasses.replace(spec, stage=dataclasses.replace(spec.stage, architecture=architecture))


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
    "dropped inputs": lambda trial: dropping_inputs(trial(epochs=4)),
}


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
from clnp_core.architecture import HeadKind
from tests.workers.image_trials import images
from tests.workers.training.interrupting import ALWAYS, MARGIN
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


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(resume, "ASK_EVERY_SECONDS", 0.001)
    yield
    resume.listen(None)


def heard() -> bool:
    assert resume._current is not None
    return resume._current.asked.wait(60)


def test_nothing_is_asked_where_nobody_listens() -> None:
    assert not resume.is_asked()


def test_a_request_is_seen_once_it_is_there_and_belongs_to_one_training() -> None:
    request = threading.Event()
    resume.listen(request.is_set)
    assert not resume.is_asked()
    request.set()
    assert heard() and resume.is_asked()
    resume.listen(lambda: False)
    assert not resume.is_asked()


def test_an_answer_that_fails_is_asked_for_again() -> None:
    answers: list[int] = []

    def ask() -> bool:
        answers.append(len(answers))
        if len(answers) < 3:
            raise ConnectionError("the head does not answer")
        return True

    resume.listen(ask)
    assert heard() and len(answers) == 3


def test_a_training_that_has_ended_asks_no_more() -> None:
    asked, ended = threading.Event(), threading.Event()

    def ask() -> bool:
        asked.set()
        ended.wait(60)
        return True

    resume.listen(ask)
    assert asked.wait(60)
    resume.listen(None)
    ended.set()
    assert not resume.is_asked()
