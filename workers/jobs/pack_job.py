"""The job of a sweep: train a pack of trials (usually of one) from the plan to stored networks. No Ray here."""

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from decimal import Decimal

import torch

from clnp_core.errors import ArtifactError
from clnp_core.values import Epoch, TrialResult
from workers.jobs.baseline_job import run_whole_trial
from workers.jobs.inputs import base_of, task_on, this_device
from workers.jobs.trial_job import measured, run_trial
from workers.spec import TrialSpec
from workers.storage.artifacts import ArtifactStore
from workers.training.loop import DivergedError
from workers.training.packs.pack_loop import train_pack
from workers.training.packs.pack_plan import pack_key
from workers.training.resume import NEVER, Checkpoint

PackReport = Epoch | TrialResult | DivergedError


def checkpoint_of(pack: Sequence[TrialSpec], storage: str, every_seconds: float | None) -> Checkpoint:
    """Return the checkpoint from which an interrupted pack resumes."""
    return Checkpoint(storage, pack_key([trial.key() for trial in pack]), pack[0].stage.threads, every_seconds)


def run_pack(pack: Sequence[TrialSpec], storage: str, margin_points: Decimal,
             checkpoint: Checkpoint = NEVER,
             wanted: Collection[int] | None = None) -> Generator[tuple[int, PackReport], None, None]:
    """Train the grid points of a pack, measure activity and curve of each, store the networks.

    A pack of one uses the plain loop (:func:`workers.jobs.trial_job.run_trial`). Seconds are a member's share of the pack's.

    Args:
        pack: all of its trials, in order.
        storage: root of the artifact store.
        margin_points: as in :func:`workers.jobs.trial_job.run_trial`.
        checkpoint: of the pack.
        wanted: numbers of the trials to report and store; None for all. The others are only trained with them.

    Yields:
        The number of a trial with each of its epochs, and finally with its result or its divergence.

    Raises:
        DepletedError, DataError, ArtifactError: for the whole pack.
    """
    if len(pack) == 1:
        yield from _alone(pack[0], storage, margin_points, checkpoint)
        return
    began, stage = time.perf_counter(), pack[0].stage
    torch.set_num_threads(stage.threads)
    device = this_device()
    data = task_on(stage, device)
    steps, wanted = train_pack(pack, base_of(stage, storage).to(device), data, checkpoint), wanted or [t.number for t in pack]
    while True:
        try:
            number, epoch = next(steps)
        except StopIteration as ended:
            outcomes = ended.value
            break
        if number in wanted:
            yield number, epoch
    share = (checkpoint.seconds_before + time.perf_counter() - began) / len(pack)
    for trial in pack:
        if trial.number not in wanted:
            continue
        outcome = outcomes[trial.number]
        if isinstance(outcome, DivergedError):
            yield trial.number, outcome
        else:
            yield trial.number, measured(trial, outcome, data, storage, margin_points, time.perf_counter() - share)
    checkpoint.remove()


def _alone(trial: TrialSpec, storage: str, margin_points: Decimal,
           checkpoint: Checkpoint) -> Generator[tuple[int, PackReport], None, None]:
    steps = (run_trial(trial, storage, margin_points, checkpoint) if trial.stage.method is None
             else run_whole_trial(trial, storage, checkpoint))
    while True:
        try:
            yield trial.number, next(steps)
        except StopIteration as ended:
            yield trial.number, ended.value
            return
        except DivergedError as diverged:
            yield trial.number, diverged
            return


def restore_pack(pack: Sequence[TrialSpec], digests: Mapping[int, str], storage: str,
                 checkpoint_every_seconds: float | None = None) -> None:
    """Train a pack again whose stored networks are missing or damaged; the same keys give the same bits.

    Args:
        pack: all of its trials.
        digests: by number the recorded artifact of those that are wanted.
        storage: root of the artifact store.
        checkpoint_every_seconds: how often to write a checkpoint; None for never.

    Raises:
        ArtifactError: a new network differs from the old one, which is therefore lost.
    """
    told = run_pack(pack, storage, Decimal(0), checkpoint_of(pack, storage, checkpoint_every_seconds), digests)
    found = {number: news.artifact.digest for number, news in told if isinstance(news, TrialResult)}
    for number, digest in digests.items():
        if found.get(number) != digest:
            again = f"gave {found[number][:12]}…" if number in found else "diverged"
            raise ArtifactError(f"the network of trial {number} is lost: artifact {ArtifactStore(storage).shown(digest)} is "
                                f"missing or damaged, and training it again {again}",
                                "restore it from a backup; another environment gives other bits")
