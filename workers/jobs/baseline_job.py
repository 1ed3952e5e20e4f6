"""The jobs of methods that do not divide the network: a trial, the facts about all tasks, a commit. No Ray here."""

import time
from collections.abc import Generator, Mapping, Sequence

import torch

from clnp_core.errors import DataError, StateError
from clnp_core.network import Network
from clnp_core.values import Epoch, LayerCapacity, TaskFacts, TrialResult
from workers.baselines.joint import train_jointly
from workers.baselines.penalty import Anchor
from workers.baselines.whole_network import train_whole
from workers.data.loader import check_alike, load_task
from workers.environment import host_name
from workers.jobs.commit_job import BuiltCommit, on_task
from workers.jobs.inputs import base_of, recorded, task_on, this_device
from workers.jobs.trial_job import prepare
from workers.methods import Method, MethodSpec
from workers.spec import BenchmarkSpec, StageSpec, TrialSpec, digest_of
from workers.storage.artifacts import ArtifactStore, get_network, put_network
from workers.training.resume import NEVER, Checkpoint


def run_whole_trial(trial: TrialSpec, storage: str, checkpoint: Checkpoint = NEVER) -> Generator[Epoch, None, TrialResult]:
    """Train one grid point and store its network with the anchor for the next task; yield every epoch.

    Raises:
        DivergedError: the loss is no longer finite.
        DataError, ArtifactError, ConfigError: see their docstrings.
    """
    began, stage, store = time.perf_counter(), trial.stage, ArtifactStore(storage)
    method = _method(stage)
    torch.set_num_threads(stage.threads)
    device = this_device()
    if method.kind is Method.JOINT:
        tasks = [load_task(stage.benchmark, task).to(device) for task in range(1, method.tasks + 1)]
        trained, anchor = (yield from train_jointly(trial, tasks, checkpoint)), Anchor.none()
        val_total = sum(len(task.val) for task in tasks)
    else:
        data = task_on(stage, device)
        base, anchor = base_of(stage, storage).to(device), _anchor_of(stage, store, device)
        trained, anchor = yield from train_whole(trial, base, anchor, data, checkpoint)
        val_total = len(data.val)
    artifact = put_network(store, trained.network, "trial", anchor.to_tensors(), key=trial.key(), task=stage.task,
                           base=stage.base_digest)
    checkpoint.remove()
    seconds = time.perf_counter() - began + checkpoint.seconds_before
    return TrialResult(trained.val_correct, val_total, trained.best_epoch, trained.epochs_run, trained.train_seconds, seconds,
                       artifact, (), stage.architecture.hidden_total, 0, host_name(), str(device))


def prepare_all(benchmark: BenchmarkSpec, tasks: int, threads: int) -> TaskFacts:
    """Return facts about all tasks of joint training together, with the sums of their samples.

    Raises:
        DataError, ConfigError: as :func:`workers.jobs.trial_job.prepare`.
    """
    facts = [prepare(benchmark, task, threads) for task in range(1, tasks + 1)]
    last = facts[-1]
    for task, each in enumerate(facts, start=1):
        check_alike(benchmark.name, task, (each.input_shape, each.classes), (facts[0].input_shape, facts[0].classes))
    return TaskFacts(sum(each.train_total for each in facts), sum(each.val_total for each in facts),
                     sum(each.test_total for each in facts), last.input_shape, last.classes,
                     digest_of([each.split_digest for each in facts]), digest_of([each.task_fingerprint for each in facts]),
                     last.environment, last.tasks)


def build_whole_commit(stage: StageSpec, artifact_digest: str, storage: str, earlier: Sequence[tuple[int, str]],
                       splits: Mapping[int, str]) -> BuiltCommit:
    """Publish the chosen trial and evaluate every task so far, without pruning and without a proof.

    Args:
        stage: of the task to commit.
        artifact_digest: the chosen trial's.
        storage: root of the artifact store.
        earlier: (task, digest) of every earlier commit.
        splits: task → recorded digest of its data.

    Raises:
        ArtifactError: an artifact is missing or damaged.
        DataError: the data of a task has changed since it was recorded.
    """
    began, store, method = time.perf_counter(), ArtifactStore(storage), _method(stage)
    torch.set_num_threads(stage.threads)
    device, batch = this_device(), stage.evaluation_batch_size
    network, contents = get_network(store, artifact_digest)
    anchor = Anchor.from_tensors(contents.tensors, torch.device("cpu"))
    artifact = put_network(store, network, "commit", anchor.to_tensors(), task=stage.task, parent=stage.base_digest,
                           benchmark=stage.benchmark.fingerprint(stage.task))
    committed = get_network(store, artifact.digest)[0].to(device)
    networks: dict[int, Network] = dict.fromkeys(range(1, stage.task + 1), committed)
    if method.kind is Method.SCRATCH:
        networks |= {task: get_network(store, digest)[0].to(device) for task, digest in earlier}
    evaluations = []
    if method.kind is Method.JOINT:
        splits = _splits_of_all(stage, splits[stage.task])
    for task, own in networks.items():
        data = recorded(stage, task, splits[task], load_task(stage.benchmark, task))
        evaluations.append(on_task(own, task, data.val.to(device), data.test.to(device), batch))
    own_cells = [cell for cell in evaluations if cell.task == stage.task or method.kind is Method.JOINT]
    own_val = sum(cell.val_correct for cell in own_cells), sum(cell.val_total for cell in own_cells)
    first = not method.kind.goes_on or stage.task == 1
    layers = tuple(LayerCapacity(stage.task, number, width, width, width if first else 0, 0 if first else width, 0)
                   for number, width in enumerate(stage.architecture.hidden, start=1))
    return BuiltCommit(artifact, *own_val, None, layers, tuple(evaluations), None, time.perf_counter() - began, ())


def _method(stage: StageSpec) -> MethodSpec:
    if stage.method is None:
        raise StateError("this stage divides the network", "workers.jobs.commit_job and workers.jobs.trial_job have its jobs")
    return stage.method


def _splits_of_all(stage: StageSpec, together: str) -> dict[int, str]:
    """Return the digest of every task's data, after checking that all of them together are the recorded data."""
    splits = {task: load_task(stage.benchmark, task).split_digest() for task in range(1, stage.task + 1)}
    if digest_of(list(splits.values())) != together:
        raise DataError(f"the data of {stage.benchmark.name!r} has changed since it was trained on",
                        "restore the old data or the old benchmark code; results on other data cannot be compared")
    return splits


def _anchor_of(stage: StageSpec, store: ArtifactStore, device: torch.device) -> Anchor:
    if stage.base_digest is None:
        return Anchor.none()
    return Anchor.from_tensors(get_network(store, stage.base_digest)[1].tensors, device)
