"""The four jobs that a stage gives to a worker. Plain functions from plain data to plain data; no Ray in them.

``prepare`` → facts of the task · ``run_trial`` → a trained trial · ``scan`` → its exact θ* · ``build_commit`` → the network
that the next task stands on, with the proof that earlier tasks are untouched.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import torch

from clnp_core.activity import mean_activity
from clnp_core.capacity import LayerCapacity, capacity
from clnp_core.errors import ArtifactError, DataError
from clnp_core.evaluation import evaluate
from clnp_core.forgetting import Proof, prove_zero_forgetting
from clnp_core.network import Network, empty_network
from clnp_core.partition import widen
from clnp_core.pruning import prune
from clnp_core.selection import ThresholdMode, Thresholds, required_correct
from clnp_core.threshold import CurvePoint, ThresholdResult, find_thresholds, threshold_curve
from workers.artifacts import Artifact, ArtifactStore, Contents, get_network, put_network
from workers.environment import fingerprint, host_name
from workers.spec import BenchmarkSpec, StageSpec, TrialSpec
from workers.tasks import Samples, TaskData, load_task, task_count
from workers.training import Epoch, train


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What the driver must know of a task without holding its data; ``tasks`` is how many the benchmark has, or None."""

    train_total: int
    val_total: int
    test_total: int
    inputs: int
    classes: int
    split_digest: str
    task_fingerprint: str
    environment: dict[str, Any]
    tasks: int | None


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trained trial, its network and activities stored as an artifact.

    ``free_within_margin`` is the largest number of free neurons on the curve whose accuracy is within the margin of the
    trial's own unpruned accuracy: the second objective of samplers that look for accuracy and sparsity.
    """

    val_correct: int
    val_total: int
    best_epoch: int
    epochs_run: int
    train_seconds: float
    total_seconds: float
    artifact: Artifact
    curve: tuple[CurvePoint, ...]
    hidden_total: int
    free_within_margin: int
    host: str
    device: str


@dataclass(frozen=True, slots=True)
class OnTask:
    """Test result on one task after a commit."""

    task: int
    test_correct: int
    test_total: int
    logits_digest: str


@dataclass(frozen=True, slots=True)
class BuiltCommit:
    """A published, re-read and proven network."""

    artifact: Artifact
    capacity: tuple[LayerCapacity, ...]
    evaluations: tuple[OnTask, ...]
    proof: Proof
    seconds: float


def prepare(benchmark: BenchmarkSpec, task: int, threads: int) -> TaskFacts:
    """Load a task (counted from 1) once and report what it is; ``threads`` goes into the environment's fingerprint.

    Raises:
        DataError: its files are missing or damaged.
        ConfigError: the benchmark cannot be found or has fewer tasks.
    """
    data = load_task(benchmark, task)
    return TaskFacts(len(data.train), len(data.val), len(data.test), data.train.inputs.shape[1], data.classes,
                     data.split_digest(), benchmark.fingerprint(task), fingerprint(threads), task_count(benchmark))


def run_trial(trial: TrialSpec, storage: str, margin_points: Decimal) -> Generator[Epoch, None, TrialResult]:
    """Train one grid point, measure activity and curve, store the network; yields every epoch.

    Raises:
        DivergedError: the loss is no longer finite.
        DepletedError, DataError, ArtifactError: as their docstrings say.
    """
    began = time.perf_counter()
    stage = trial.stage
    torch.set_num_threads(stage.threads)
    device = _device()
    store = ArtifactStore(storage)
    data = _task_on(stage, device)
    trained = yield from train(trial, _base(stage, storage).to(device), data)
    activities = mean_activity(trained.network, data.train.inputs, stage.evaluation_batch_size)
    curve = threshold_curve(trained.network, stage.task, activities, data.val.inputs, data.val.labels,
                            stage.curve_points)
    artifact = put_network(store, trained.network, "trial",
                           {f"activity.{layer}": values for layer, values in enumerate(activities, start=1)},
                           key=trial.key(), task=stage.task, base=stage.base_digest)
    required = required_correct(trained.val_correct, len(data.val), margin_points)
    within = [point.free_neurons for point in curve if point.val_correct >= required]
    return TrialResult(trained.val_correct, len(data.val), trained.best_epoch, trained.epochs_run,
                       trained.train_seconds, time.perf_counter() - began, artifact, curve,
                       stage.architecture.hidden_total, max(within, default=0), host_name(), str(device))


def scan(stage: StageSpec, artifact_digest: str, storage: str, required: int, mode: ThresholdMode) -> ThresholdResult:
    """The exact θ* of one picked trial (:func:`clnp_core.threshold.find_thresholds`).

    Raises:
        ArtifactError: its weights are missing or damaged.
    """
    torch.set_num_threads(stage.threads)
    device = _device()
    network, contents = get_network(ArtifactStore(storage), artifact_digest)
    val = _task_on(stage, device).val
    return find_thresholds(network.to(device), stage.task, _activities(contents), val.inputs, val.labels, required,
                           mode, stage.evaluation_batch_size)


def restore_trials(trials: Sequence[tuple[TrialSpec, str]], storage: str) -> tuple[int, ...]:
    """Train those trials again whose stored networks are missing or damaged; the same key gives the same bits.

    Args:
        trials: each with the artifact digest that was recorded for it.
        storage: root of the artifact store.

    Returns:
        The numbers of the restored ones.

    Raises:
        ArtifactError: the new network is another one, so the old one is lost.
    """
    restored = []
    store = ArtifactStore(storage)
    for trial, digest in trials:
        try:
            store.get(digest)
        except ArtifactError as lost:
            steps = run_trial(trial, storage, Decimal(0))
            while True:
                try:
                    next(steps)
                except StopIteration as ended:
                    found = ended.value.artifact.digest
                    break
            if found != digest:
                raise ArtifactError(f"{lost.message}, and training trial {trial.number} again gave {found[:12]}…",
                                    f"{lost.hint}; another environment trains other bits") from lost
            restored.append(trial.number)
    return tuple(restored)


def build_commit(stage: StageSpec, artifact_digest: str, thresholds: Thresholds, storage: str,
                 earlier: Sequence[tuple[int, str]], splits: Mapping[int, str]) -> BuiltCommit:
    """Prune the chosen trial, publish it, re-read everything from storage, prove zero forgetting, measure test accuracy.

    Args:
        stage: of the task to commit.
        artifact_digest: the chosen trial's.
        thresholds: its θ* per hidden layer.
        storage: root of the artifact store.
        earlier: (task, artifact digest) of every earlier commit of the run.
        splits: for every task so far the digest of its data as it was recorded before its sweep.

    Raises:
        DataError: some task's data is no longer what was recorded.
        ForgettingError: the published network would change an earlier task.
        ArtifactError: an artifact is missing or damaged.
    """
    began = time.perf_counter()
    torch.set_num_threads(stage.threads)
    device = _device()
    store = ArtifactStore(storage)
    unpruned, contents = get_network(store, artifact_digest)
    activities = _activities(contents)
    pruned = prune(unpruned, stage.task, activities, thresholds)
    artifact = put_network(store, pruned, "commit", task=stage.task, parent=stage.base_digest,
                           benchmark=stage.benchmark.fingerprint(stage.task))
    proof, evaluations = verify_commit(stage, artifact.digest, storage, earlier, splits)
    committed = get_network(store, artifact.digest)[0].to(device)
    return BuiltCommit(artifact, capacity(committed, stage.task, activities, thresholds), evaluations, proof,
                       time.perf_counter() - began)


def verify_commit(stage: StageSpec, digest: str, storage: str, earlier: Sequence[tuple[int, str]],
                  splits: Mapping[int, str]) -> tuple[Proof, tuple[OnTask, ...]]:
    """Prove zero forgetting from the published artifacts alone, and evaluate every task so far on its test set.

    Arguments as in :func:`build_commit`.

    Raises:
        DataError: some task's data is no longer what was recorded.
        ForgettingError: some earlier task would compute something else.
        ArtifactError: an artifact is missing or damaged.
    """
    torch.set_num_threads(stage.threads)
    device = _device()
    store = ArtifactStore(storage)
    new = get_network(store, digest)[0].to(device)
    networks = {task: get_network(store, old)[0].to(device) for task, old in earlier}
    tests = {task: _recorded_test(stage, task, splits[task]).to(device) for task in [*networks, stage.task]}
    proof = prove_zero_forgetting(new, stage.task, networks, {task: tests[task].inputs for task in networks},
                                  stage.evaluation_batch_size)
    evaluations = []
    for task, test in tests.items():
        result = evaluate(new, test.inputs, test.labels, task, stage.evaluation_batch_size)
        evaluations.append(OnTask(task, result.correct, result.total, result.logits_digest))
    return proof, tuple(evaluations)


def _recorded_test(stage: StageSpec, task: int, split_digest: str) -> Samples:
    """The test samples of a task, if the task is still the one that was recorded."""
    data = load_task(stage.benchmark, task)
    if data.split_digest() != split_digest:
        raise DataError(f"the data of task {task} of {stage.benchmark.name!r} is not what it was when the task was swept",
                        "bring the old data or the old benchmark code back; results on other data cannot be compared")
    return data.test


@lru_cache(maxsize=2)
def _network(storage: str, digest: str) -> Network:
    return get_network(ArtifactStore(storage), digest)[0]


def _base(stage: StageSpec, storage: str) -> Network:
    """The base of the stage, widened where the stage's network is wider."""
    if stage.base_digest is None:
        return empty_network(stage.architecture)
    return widen(_network(storage, stage.base_digest), stage.architecture.hidden)


@lru_cache(maxsize=2)
def _resident(data: TaskData, device: str) -> TaskData:
    return data.to(device)


def _task_on(stage: StageSpec, device: torch.device) -> TaskData:
    data = load_task(stage.benchmark, stage.task)
    if (data.train.inputs.shape[1], data.classes) != (stage.architecture.inputs, stage.architecture.classes):
        raise DataError(f"task {stage.task} has {data.train.inputs.shape[1]} inputs and {data.classes} classes, the network "
                        f"{stage.architecture.inputs} and {stage.architecture.classes}",
                        "all tasks of a benchmark must have the same shape")
    return data if device.type == "cpu" else _resident(data, str(device))


def _activities(contents: Contents) -> tuple[torch.Tensor, ...]:
    depth = len(contents.metadata["architecture"]["hidden"])
    names = [f"activity.{layer}" for layer in range(1, depth + 1)]
    if contents.metadata.get("kind") != "trial" or any(name not in contents.tensors for name in names):
        raise ArtifactError("the artifact holds no trained trial", "it belongs to another step; run `clnp doctor`")
    return tuple(contents.tensors[name] for name in names)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
