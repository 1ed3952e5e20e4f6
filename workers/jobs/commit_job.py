"""The job that commits a task: prune, fine-tune, publish, re-read, prove, evaluate. No Ray here."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from clnp_core.capacity import capacity
from clnp_core.evaluation import evaluate
from clnp_core.forgetting import Proof, prove_zero_forgetting
from clnp_core.network import Network
from clnp_core.pruning import prune
from clnp_core.selection import Thresholds
from clnp_core.values import CutSearch, FineTuningRound, LayerCapacity, StoredArtifact, TaskResult
from workers.data.loader import Samples, load_task
from workers.jobs.fine_tuning import FineTuned, PartCheckpoints, fine_tuned
from workers.jobs.inputs import activities_of, recorded, stored_scores, task_on, this_device
from workers.spec import FineTuningSpec, StageSpec
from workers.storage.artifacts import ArtifactStore, get_network, put_network
from workers.training.resume import StoppedError


@dataclass(frozen=True, slots=True)
class BuiltCommit:
    """A published, re-read and proven network; ``rounds`` is None without fine-tuning, ``search`` without a search. ``news`` is
    what happened to the checkpoints of the fine-tuning. Only CLNP has a ``proof``."""

    artifact: StoredArtifact
    val_correct: int
    val_total: int
    rounds: tuple[FineTuningRound, ...] | None
    capacity: tuple[LayerCapacity, ...]
    evaluations: tuple[TaskResult, ...]
    proof: Proof | None
    seconds: float
    news: tuple[str, ...]
    search: CutSearch | None = None


def build_commit(stage: StageSpec, artifact_digest: str, thresholds: Thresholds, storage: str,
                 earlier: Sequence[tuple[int, str]], splits: Mapping[int, str],
                 tuning: FineTuningSpec | None = None, checkpoint_every_seconds: float | None = None) -> BuiltCommit:
    """Prune the chosen trial, fine-tune it if requested, publish it, re-read everything from storage, prove zero forgetting,
    measure validation and test accuracy.

    Args:
        stage: of the task to commit.
        artifact_digest: the chosen trial's.
        thresholds: its θ* per hidden layer.
        storage: root of the artifact store.
        earlier: (task, artifact digest) of every earlier commit of the run.
        splits: for every task so far the digest of its data, recorded before its sweep.
        tuning: how to fine-tune; None for no fine-tuning, the paper's default.
        checkpoint_every_seconds: how often a round writes a checkpoint; None for never.

    Raises:
        DataError: some task's data is no longer what was recorded.
        DivergedError: fine-tuning diverged.
        ForgettingError: the published network would change an earlier task.
        ArtifactError: an artifact is missing or damaged.
        StoppedError: the driver requested a stop during the fine-tuning, which has written a checkpoint.
    """
    began = time.perf_counter()
    torch.set_num_threads(stage.threads)
    device = this_device()
    store = ArtifactStore(storage)
    unpruned, contents = get_network(store, artifact_digest)
    pruned = prune(unpruned.to(device), stage.task, stored_scores(contents, stage.score), thresholds)
    tuned = FineTuned(pruned, activities_of(contents), thresholds)
    data = recorded(stage, stage.task, splits[stage.task], task_on(stage, device))
    checkpoints = PartCheckpoints(storage, [artifact_digest, thresholds, {} if tuning is None else tuning.to_json()],
                                  stage.threads, checkpoint_every_seconds)
    if tuning is not None:
        try:
            tuned = fine_tuned(tuned, data, stage, tuning, store, checkpoints)
        except StoppedError:
            raise StoppedError(checkpoints.news()) from None
    artifact = put_network(store, tuned.network, "commit", task=stage.task, parent=stage.base_digest,
                           benchmark=stage.benchmark.fingerprint(stage.task))
    proof, evaluations = verify_commit(stage, artifact.digest, storage, earlier, splits)
    committed = get_network(store, artifact.digest)[0].to(device)
    checkpoints.remove()
    seconds = time.perf_counter() - began + checkpoints.seconds_before
    own = next(cell for cell in evaluations if cell.task == stage.task)
    return BuiltCommit(artifact, own.val_correct, own.val_total, tuned.rounds,
                       capacity(committed, stage.task, tuned.activities, tuned.thresholds if stage.score.is_activity else
                                (None,) * len(thresholds)), evaluations, proof, seconds, checkpoints.news(), tuned.search)


def verify_commit(stage: StageSpec, digest: str, storage: str, earlier: Sequence[tuple[int, str]],
                  splits: Mapping[int, str]) -> tuple[Proof, tuple[TaskResult, ...]]:
    """Prove zero forgetting from the published artifacts alone, and evaluate every task so far.

    Arguments as in :func:`build_commit`.

    Raises:
        DataError: some task's data is no longer what was recorded.
        ForgettingError: the output of an earlier task would change.
        ArtifactError: an artifact is missing or damaged.
    """
    torch.set_num_threads(stage.threads)
    device = this_device()
    store = ArtifactStore(storage)
    new = get_network(store, digest)[0].to(device)
    networks = {task: get_network(store, old)[0].to(device) for task, old in earlier}
    samples = {task: _recorded_samples(stage, task, splits[task], device) for task in [*networks, stage.task]}
    proof = prove_zero_forgetting(new, stage.task, networks, {task: samples[task][1].inputs for task in networks},
                                  stage.evaluation_batch_size)
    return proof, tuple(on_task(new, task, val, test, stage.evaluation_batch_size) for task, (val, test) in samples.items())


def on_task(network: Network, task: int, val: Samples, test: Samples, batch_size: int) -> TaskResult:
    """The canonical evaluation of a commit on one task; samples and network on one device."""
    on_val = evaluate(network, val.inputs, val.labels, task, batch_size)
    on_test = evaluate(network, test.inputs, test.labels, task, batch_size)
    return TaskResult(task, on_test.correct, on_test.total, on_test.logits_digest, on_val.correct, on_val.total)


def _recorded_samples(stage: StageSpec, task: int, split_digest: str, device: torch.device) -> tuple[Samples, Samples]:
    """Return the validation and test samples of a task, after checking that its data is the recorded data."""
    data = recorded(stage, task, split_digest, load_task(stage.benchmark, task))
    return data.val.to(device), data.test.to(device)
