"""The job that commits a task: prune, fine-tune, publish, re-read, prove, evaluate. No Ray here."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.activity import mean_activity
from clnp_core.capacity import capacity, free_neurons
from clnp_core.evaluation import evaluate
from clnp_core.forgetting import Proof, prove_zero_forgetting
from clnp_core.heads import neurons_read_by
from clnp_core.network import Network
from clnp_core.pruning import prune
from clnp_core.scores import ScoredTask, scores_of
from clnp_core.selection import Thresholds
from clnp_core.threshold import find_thresholds
from clnp_core.values import FineTuningRound, LayerCapacity, StoredArtifact, TaskResult
from workers.data.loader import Samples, TaskData, load_task
from workers.jobs.inputs import activities_of, recorded, stored_scores, task_on, this_device
from workers.spec import FineTuningSpec, StageSpec, derive_seed, digest_of
from workers.storage.artifacts import ArtifactStore, get_network, put_network
from workers.training.loop import fine_tune, result_of
from workers.training.losses import CrossEntropy, DistillationLoss, Loss
from workers.training.resume import Checkpoint
from workers.training.stop_request import StoppedError


@dataclass(frozen=True, slots=True)
class BuiltCommit:
    """A published, re-read and proven network; ``rounds`` is None without fine-tuning. ``news`` is what happened to the
    checkpoints of its rounds. Only CLNP has a ``proof``."""

    artifact: StoredArtifact
    val_correct: int
    val_total: int
    rounds: tuple[FineTuningRound, ...] | None
    capacity: tuple[LayerCapacity, ...]
    evaluations: tuple[TaskResult, ...]
    proof: Proof | None
    seconds: float
    news: tuple[str, ...]


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
    activities, scores, rounds = activities_of(contents), stored_scores(contents, stage.score), None
    network = prune(unpruned.to(device), stage.task, scores, thresholds)
    data = recorded(stage, stage.task, splits[stage.task], task_on(stage, device))
    checkpoints: list[Checkpoint] = []
    if tuning is not None:
        checkpoints = _checkpoints(storage, artifact_digest, thresholds, tuning, stage.threads, checkpoint_every_seconds)
        try:
            network, activities, thresholds, rounds = _tune(network, activities, thresholds, data, stage, tuning, checkpoints,
                                                            store)
        except StoppedError:
            raise StoppedError(_news(checkpoints)) from None
    artifact = put_network(store, network, "commit", task=stage.task, parent=stage.base_digest,
                           benchmark=stage.benchmark.fingerprint(stage.task))
    proof, evaluations = verify_commit(stage, artifact.digest, storage, earlier, splits)
    committed = get_network(store, artifact.digest)[0].to(device)
    for checkpoint in checkpoints:
        checkpoint.remove()
    seconds = time.perf_counter() - began + sum(checkpoint.seconds_before for checkpoint in checkpoints)
    own = next(cell for cell in evaluations if cell.task == stage.task)
    return BuiltCommit(artifact, own.val_correct, own.val_total, rounds,
                       capacity(committed, stage.task, activities, thresholds if stage.score.is_activity else
                                (None,) * len(thresholds)), evaluations, proof, seconds, _news(checkpoints))


def _checkpoints(storage: str, artifact_digest: str, thresholds: Thresholds, tuning: FineTuningSpec, threads: int,
                 every_seconds: float | None) -> list[Checkpoint]:
    """Return one checkpoint per round. A round that has ended keeps its checkpoint until the commit is published, because the
    next round depends on it."""
    what = [artifact_digest, thresholds, tuning.to_json()]
    return [Checkpoint(storage, digest_of([*what, number]), threads, every_seconds, at_end=number < tuning.rounds)
            for number in range(1, tuning.rounds + 1)]


def _news(checkpoints: Sequence[Checkpoint]) -> tuple[str, ...]:
    """Return what happened to the checkpoints of the rounds, in order."""
    return tuple(f"fine-tuning, round {number}, {what}" for number, checkpoint in enumerate(checkpoints, start=1)
                 for what in checkpoint.news())


def _tune(network: Network, activities: tuple[Tensor, ...], thresholds: Thresholds, data: TaskData, stage: StageSpec,
          tuning: FineTuningSpec, checkpoints: Sequence[Checkpoint], store: ArtifactStore
          ) -> tuple[Network, tuple[Tensor, ...], Thresholds, tuple[FineTuningRound, ...]]:
    """Prune + fine-tune rounds (paper §2.2: "one can iterate"), until one prunes nothing more. The first one's seconds are also
    those of its teachers' logits.

    Returns:
        The network, its activities, the thresholds of the last pruning, and what every round did.
    """
    rounds: list[FineTuningRound] = []
    task, val, batch, loss, began = stage.task, data.val, stage.evaluation_batch_size, None, time.perf_counter()
    teachers = None if tuning.distillation is None else len(tuning.distillation.teachers)
    while len(rounds) < tuning.rounds and _has_something_to_train(network, task):
        number, loss = len(rounds) + 1, loss or loss_of(stage, tuning, data, store)
        if rounds:
            measured = ScoredTask(network, task, data.train.inputs, data.train.labels, batch)
            scores = scores_of(stage.score, measured)
            found = find_thresholds(network, task, scores, val.inputs, val.labels, tuning.required, tuning.mode, batch)
            if found.free_neurons == free_neurons(network):
                break
            thresholds = found.thresholds
            network = prune(network, task, scores, thresholds)
        before = evaluate(network, val.inputs, val.labels, task, batch).correct
        checkpoint = checkpoints[number - 1]
        seed = derive_seed(tuning.seed, "fine-tuning", number)
        tuned = result_of(fine_tune(network, data, stage, tuning, seed, checkpoint, loss))
        network = tuned.network
        rounds.append(FineTuningRound(number, thresholds, before, free_neurons(network), tuned.best_epoch, tuned.epochs_run,
                                      tuned.val_correct, checkpoint.seconds_before + time.perf_counter() - began, teachers))
        activities, began = mean_activity(network, data.train.inputs, batch), time.perf_counter()
    return network, activities, thresholds, tuple(rounds)


def loss_of(stage: StageSpec, tuning: FineTuningSpec, data: TaskData, store: ArtifactStore) -> Loss:
    """What fine-tuning minimises: the distance to the teachers that there are, or else the cross-entropy.

    Args:
        stage: of the task.
        tuning: with its distillation and the digests of the teachers.
        data: the task, on the device that trains.
        store: holds the teachers.

    Raises:
        ArtifactError: a teacher is missing or damaged.
        DataError: the inputs are to be mixed, and are no floating-point numbers.
    """
    spec = tuning.distillation
    if spec is None or not spec.teachers:
        return CrossEntropy(data.train)
    teachers = [get_network(store, digest)[0].to(data.train.inputs.device) for digest in spec.teachers]
    return DistillationLoss(data.train, spec, teachers, stage.task, tuning.seed, stage.evaluation_batch_size)


def _has_something_to_train(network: Network, task: int) -> bool:
    """Return whether the output of the task reads any neuron; otherwise it is a constant, and training is pointless."""
    return bool(neurons_read_by(network.architecture, network.activated_by[-1], task).any())


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
