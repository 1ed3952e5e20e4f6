"""The inputs of a job: its device, the task's data, its base network, and what a trial measured."""

from functools import lru_cache

import torch

from clnp_core.errors import ArtifactError, DataError
from clnp_core.network import Network, empty_network
from clnp_core.partition import widen
from clnp_core.selection import Score
from workers.data.loader import TaskData, load_task
from workers.spec import StageSpec
from workers.storage.artifacts import ArtifactStore, Contents, get_network


@lru_cache(maxsize=2)
def _network(storage: str, digest: str) -> Network:
    return get_network(ArtifactStore(storage), digest)[0]


def base_of(stage: StageSpec, storage: str) -> Network:
    """Return the base network of the stage, widened if the stage's network is wider."""
    if stage.base_digest is None:
        return empty_network(stage.architecture)
    return widen(_network(storage, stage.base_digest), stage.architecture.hidden)


@lru_cache(maxsize=2)
def _resident(data: TaskData, device: str) -> TaskData:
    return data.to(device)


def task_on(stage: StageSpec, device: torch.device) -> TaskData:
    """Return the stage's task in the memory of the device.

    Raises:
        DataError: its data is missing, damaged, or does not have the shape that the network reads.
    """
    data = load_task(stage.benchmark, stage.task)
    shape = tuple(data.train.inputs.shape[1:])
    if (shape, data.classes) != (stage.architecture.input_shape, stage.architecture.classes):
        raise DataError(f"task {stage.task} has samples of shape {list(shape)} and {data.classes} classes, but the network "
                        f"reads {list(stage.architecture.input_shape)} and has {stage.architecture.classes}",
                        "all tasks of a benchmark must have the same shape")
    return data if device.type == "cpu" else _resident(data, str(device))


def recorded(stage: StageSpec, task: int, split_digest: str, data: TaskData) -> TaskData:
    """Return the data of a task, after checking that it is the recorded data.

    Raises:
        DataError: it is not.
    """
    if data.split_digest() != split_digest:
        raise DataError(f"the data of task {task} of {stage.benchmark.name!r} has changed since the task was swept",
                        "restore the old data or the old benchmark code; results on other data cannot be compared")
    return data


def activities_of(contents: Contents) -> tuple[torch.Tensor, ...]:
    """Return the activities that the trial measured, per hidden layer float64 [width].

    Raises:
        ArtifactError: the artifact holds something else.
    """
    depth = len(contents.metadata["architecture"]["layers"])
    names = [f"activity.{layer}" for layer in range(1, depth + 1)]
    if contents.metadata.get("kind") != "trial" or any(name not in contents.tensors for name in names):
        raise ArtifactError("the artifact is not a trained trial", "it belongs to another step; run `clnp doctor`")
    return tuple(contents.tensors[name] for name in names)


def stored_scores(contents: Contents, score: Score) -> tuple[torch.Tensor, ...]:
    """Per hidden layer float64 [width], what the trial's thresholds are compared with, as the trial measured it.

    Raises:
        ArtifactError: the artifact holds something else, or another score.
    """
    activities = activities_of(contents)
    if score.is_activity:
        return activities
    if contents.metadata.get("score") != score:
        raise ArtifactError(f"the artifact holds other scores than {score}", "it belongs to another run; run `clnp doctor`")
    return tuple(contents.tensors[f"score.{layer}"] for layer in range(1, len(activities) + 1))


def this_device() -> torch.device:
    """Return the GPU that Ray left visible to this process, with deterministic convolutions; or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    return torch.device("cuda")
