"""What a job needs at hand: its device, the task's data, the base it stands on, and what a trial measured."""

from functools import lru_cache

import torch

from clnp_core.errors import ArtifactError, DataError
from clnp_core.network import Network, empty_network
from clnp_core.partition import widen
from workers.data.loader import TaskData, load_task
from workers.spec import StageSpec
from workers.storage.artifacts import ArtifactStore, Contents, get_network


@lru_cache(maxsize=2)
def _network(storage: str, digest: str) -> Network:
    return get_network(ArtifactStore(storage), digest)[0]


def base_of(stage: StageSpec, storage: str) -> Network:
    """The base of the stage, widened where the stage's network is wider."""
    if stage.base_digest is None:
        return empty_network(stage.architecture)
    return widen(_network(storage, stage.base_digest), stage.architecture.hidden)


@lru_cache(maxsize=2)
def _resident(data: TaskData, device: str) -> TaskData:
    return data.to(device)


def task_on(stage: StageSpec, device: torch.device) -> TaskData:
    """The stage's task, resident on the device.

    Raises:
        DataError: its data is missing, damaged, or of another shape than the network reads.
    """
    data = load_task(stage.benchmark, stage.task)
    shape = tuple(data.train.inputs.shape[1:])
    if (shape, data.classes) != (stage.architecture.input_shape, stage.architecture.classes):
        raise DataError(f"task {stage.task} has samples of shape {list(shape)} and {data.classes} classes, the network reads "
                        f"{list(stage.architecture.input_shape)} and has {stage.architecture.classes}",
                        "all tasks of a benchmark must have the same shape")
    return data if device.type == "cpu" else _resident(data, str(device))


def recorded(stage: StageSpec, task: int, split_digest: str, data: TaskData) -> TaskData:
    """The data of a task, if it is still what was recorded.

    Raises:
        DataError: it is not.
    """
    if data.split_digest() != split_digest:
        raise DataError(f"the data of task {task} of {stage.benchmark.name!r} is not what it was when the task was swept",
                        "bring the old data or the old benchmark code back; results on other data cannot be compared")
    return data


def activities_of(contents: Contents) -> tuple[torch.Tensor, ...]:
    """Per hidden layer float64 [width], as the trial measured them.

    Raises:
        ArtifactError: the artifact holds something else.
    """
    depth = len(contents.metadata["architecture"]["layers"])
    names = [f"activity.{layer}" for layer in range(1, depth + 1)]
    if contents.metadata.get("kind") != "trial" or any(name not in contents.tensors for name in names):
        raise ArtifactError("the artifact holds no trained trial", "it belongs to another step; run `clnp doctor`")
    return tuple(contents.tensors[name] for name in names)


def this_device() -> torch.device:
    """The GPU that Ray left visible to this process, its convolutions set to repeat bit for bit; or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    return torch.device("cuda")
