"""The jobs that a stage submits to a worker. Plain functions of plain data; no Ray here.

``prepare`` → facts about the task · ``run_trial`` → a trained trial · ``scan`` → its exact θ* · ``weigh`` → its best
trade-off · packs of trials are in :mod:`workers.jobs.pack_job`, the commit in :mod:`workers.jobs.commit_job`.
"""

import time
from collections.abc import Generator, Sequence
from decimal import Decimal

import torch

from clnp_core.capacity import free_neurons
from clnp_core.errors import ArtifactError
from clnp_core.evaluation import evaluate
from clnp_core.pruning import prune
from clnp_core.scores import ScoredTask, scores_of
from clnp_core.selection import PrunedTrial, ThresholdMode, required_correct
from clnp_core.threshold import ThresholdResult, find_thresholds, threshold_curve
from clnp_core.tradeoff import TradeOff, best_candidate, curve_candidates
from clnp_core.values import CurvePoint, Epoch, TaskFacts, TrialResult
from workers.data.loader import TaskData, inputs_are_floats, load_task, task_count
from workers.environment import fingerprint, host_name
from workers.jobs.inputs import base_of, stored_scores, task_on, this_device
from workers.spec import BenchmarkSpec, StageSpec, TrialSpec
from workers.storage.artifacts import ArtifactStore, get_network, put_network
from workers.training.loop import train
from workers.training.resume import NEVER, Checkpoint
from workers.training.state import Trained


def prepare(benchmark: BenchmarkSpec, task: int, threads: int) -> TaskFacts:
    """Load a task (counted from 1) once and return facts about it; ``threads`` is part of the environment's fingerprint.

    Raises:
        DataError: its files are missing or damaged.
        ConfigError: the benchmark cannot be found or has fewer tasks.
    """
    data = load_task(benchmark, task)
    return TaskFacts(len(data.train), len(data.val), len(data.test), tuple(data.train.inputs.shape[1:]), data.classes,
                     data.split_digest(), benchmark.fingerprint(task), fingerprint(threads), task_count(benchmark),
                     inputs_are_floats(benchmark, task))


def run_trial(trial: TrialSpec, storage: str, margin_points: Decimal,
              checkpoint: Checkpoint = NEVER) -> Generator[Epoch, None, TrialResult]:
    """Train one grid point, measure its activities and threshold curve, and store the network; yield every epoch.

    With a checkpoint, an interrupted attempt is resumed, its epochs are yielded again, and its seconds are included.

    Raises:
        DivergedError: the loss is no longer finite.
        DepletedError, DataError, ArtifactError: see their docstrings.
    """
    began = time.perf_counter()
    stage = trial.stage
    torch.set_num_threads(stage.threads)
    device = this_device()
    data = task_on(stage, device)
    trained = yield from train(trial, base_of(stage, storage).to(device), data, checkpoint)
    result = measured(trial, trained, data, storage, margin_points, began - checkpoint.seconds_before)
    checkpoint.remove()
    return result


def measured(trial: TrialSpec, trained: Trained, data: TaskData, storage: str, margin_points: Decimal,
             began: float) -> TrialResult:
    """Measure the scores and threshold curve of a trained trial, and store its network with its activities and scores. A
    network that is never pruned (``curve_points`` of 0) is stored alone.

    Args:
        trial: the trial.
        trained: the network, on the device of ``data``.
        data: the task.
        storage: root of the artifact store.
        margin_points: m, for the second objective of samplers.
        began: ``time.perf_counter()`` from which the trial's seconds count.
    """
    stage, device = trial.stage, data.train.inputs.device
    tensors: dict[str, torch.Tensor] = {}
    named: dict[str, str] = {}
    curve: tuple[CurvePoint, ...] = ()
    if stage.curve_points:
        subject = ScoredTask(trained.network, stage.task, data.train.inputs, data.train.labels, stage.evaluation_batch_size)
        scores = scores_of(stage.score, subject)
        curve = threshold_curve(trained.network, stage.task, scores, data.val.inputs, data.val.labels, stage.curve_points)
        tensors |= {f"activity.{layer}": values for layer, values in enumerate(subject.activities, start=1)}
        if not stage.score.is_activity:
            tensors |= {f"score.{layer}": values for layer, values in enumerate(scores, start=1)}
            named = {"score": stage.score.value}
    artifact = put_network(ArtifactStore(storage), trained.network, "trial", tensors, key=trial.key(), task=stage.task,
                           base=stage.base_digest, **named)
    required = required_correct(trained.val_correct, len(data.val), margin_points)
    within = [point.free_neurons for point in curve if point.val_correct >= required]
    return TrialResult(trained.val_correct, len(data.val), trained.best_epoch, trained.epochs_run,
                       trained.train_seconds, time.perf_counter() - began, artifact, curve,
                       stage.architecture.hidden_total, max(within, default=0), host_name(), str(device))


def scan(stage: StageSpec, artifact_digest: str, storage: str, required: int, mode: ThresholdMode) -> ThresholdResult:
    """Find the exact θ* of one picked trial (:func:`clnp_core.threshold.find_thresholds`).

    Raises:
        ArtifactError: its weights are missing or damaged.
    """
    torch.set_num_threads(stage.threads)
    device = this_device()
    network, contents = get_network(ArtifactStore(storage), artifact_digest)
    val = task_on(stage, device).val
    return find_thresholds(network.to(device), stage.task, stored_scores(contents, stage.score), val.inputs, val.labels,
                           required, mode, stage.evaluation_batch_size)


def weigh(stage: StageSpec, trial: int, artifact_digest: str, storage: str, required: int, mode: ThresholdMode,
          curve: Sequence[tuple[float, int, int]], judged_by: TradeOff) -> PrunedTrial:
    """Find the best trade-off of one picked trial among the points of its recorded curve and its exact θ*; with canonical
    count.

    Args:
        stage: of the trial.
        trial: its number.
        artifact_digest: its trained network.
        storage: root of the artifact store.
        required: the lowest count that is within the margin.
        mode: of θ*.
        curve: (shared θ, correct validation samples, free neurons) of every recorded point.
        judged_by: the criterion for the candidates (:mod:`clnp_core.tradeoff`).

    Raises:
        ArtifactError: its weights are missing or damaged.
    """
    found = scan(stage, artifact_digest, storage, required, mode)
    exact = PrunedTrial(trial, found.thresholds, found.val_correct, found.free_neurons)
    network, contents = get_network(ArtifactStore(storage), artifact_digest)
    device = this_device()
    network, val, scores = network.to(device), task_on(stage, device).val, stored_scores(contents, stage.score)

    def confirm(candidate: PrunedTrial) -> PrunedTrial:
        pruned = prune(network, stage.task, scores, candidate.thresholds)
        correct = evaluate(pruned, val.inputs, val.labels, stage.task, stage.evaluation_batch_size).correct
        return PrunedTrial(trial, candidate.thresholds, correct, free_neurons(pruned))

    recorded = curve_candidates(trial, len(exact.thresholds), curve)
    return best_candidate(exact, recorded, judged_by, required, confirm)


def lost_artifacts(digests: Sequence[str], storage: str) -> frozenset[str]:
    """Return the artifacts that are missing or damaged; reads every byte of all of them."""
    store, lost = ArtifactStore(storage), set()
    for digest in digests:
        try:
            store.get(digest)
        except ArtifactError:
            lost.add(digest)
    return frozenset(lost)
