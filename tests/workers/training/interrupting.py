"""Trainings that are interrupted, and what their tests compare."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import torch

import workers.jobs.commit_job
import workers.training.loop
import workers.training.resume
from clnp_core.values import Epoch, TrialResult
from tests.workers.training.test_loop import finish
from workers.jobs import pack_job, trial_job
from workers.spec import TrialSpec
from workers.storage.checkpoints import Checkpoints

Trials = Callable[..., TrialSpec]

MARGIN = Decimal(3)
ALWAYS = 1e-9
"""Seconds between checkpoints: one after every epoch."""



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


@contextmanager
def asking_to_stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every training of this process finds that its driver has asked for a stop."""
    monkeypatch.setattr(workers.training.resume, "ASK_EVERY_SECONDS", 0.001)
    workers.training.resume.listen(lambda: True)
    assert workers.training.resume._current is not None and workers.training.resume._current.asked.wait(60)
    yield
    workers.training.resume.listen(None)


class Interrupted(Exception):
    """What ends a commit in a test."""


def killed(*arguments: object) -> None:
    raise Interrupted
