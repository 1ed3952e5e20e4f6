"""Predictions of a committed network: validation of inputs, and logits by the canonical evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import isfinite, prod
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from clnp_core.errors import DataError
from clnp_core.evaluation import canonical_logits
from clnp_core.network import Network
from workers.data.conversion import strided
from workers.jobs.inputs import this_device
from workers.storage.artifacts import ArtifactStore, get_network

Values = TypeVar("Values", "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", Tensor)
"""A NumPy array or a torch tensor; results have the type of the inputs."""


def load(storage: str, digest: str) -> Network:
    """Return a committed network on the CPU, verified by its digest.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    return get_network(ArtifactStore(storage), digest)[0]


@lru_cache(maxsize=2)
def _resident(storage: str, digest: str) -> Network:
    """Return the same, cached for consecutive predictions; callers must not change it."""
    return load(storage, digest).to(this_device())


def logits_of(storage: str, digest: str, task: int, inputs: Values, batch_size: int, threads: int) -> Values:
    """Return the logits of a task, by the forward pass of the recorded evaluation.

    Args:
        storage: root of the artifact store.
        digest: digest of the committed network.
        task: the task whose output is returned.
        inputs: float [samples, *shape].
        batch_size: batch size of the run's canonical evaluation, which affects bits.
        threads: torch threads of the run, which affect bits, too.

    Returns:
        float32 [samples, classes], on the device of the inputs.

    Raises:
        DataError: the inputs are invalid.
        ArtifactError: the network is missing or damaged.
    """
    network = _resident(storage, digest)
    samples = checked(inputs, network.architecture.input_shape)
    if len(samples):
        with _threads(threads):
            found = canonical_logits(network, samples.to(this_device()), task, batch_size)
    else:
        found = samples.new_zeros(0, network.architecture.classes)
    return found.to(inputs.device) if isinstance(inputs, Tensor) else found.cpu().numpy()


def labels_of(logits: Values) -> Values:
    """Return the predicted classes, int64 [samples]: the first of the largest logits of each sample."""
    classes: Values = logits.argmax(1)
    return classes


def checked(inputs: object, shape: tuple[int, ...]) -> Tensor:
    """Return the inputs as float32 [samples, *shape].

    Args:
        inputs: the caller's samples.
        shape: shape of a sample of the network.

    Raises:
        DataError: they have another type or shape, or are not finite.
    """
    if isinstance(inputs, np.ndarray):
        if inputs.dtype.kind not in "fiub":
            raise DataError(f"inputs are an array of {inputs.dtype}, not of numbers", f"give {_wanted(shape)}")
        values = strided("predict", "inputs", inputs)
    elif isinstance(inputs, Tensor):
        values = inputs.detach()
        if type(values) is not Tensor or values.layout != torch.strided or values.is_meta or values.is_nested:
            values = strided("predict", "inputs", values)
    else:
        raise DataError(f"inputs are a {type(inputs).__name__}, neither a NumPy array nor a torch tensor",
                        "call .to_numpy() on a DataFrame, numpy.asarray on a list")
    if not values.is_floating_point():
        raise DataError(f"inputs are {str(values.dtype).removeprefix('torch.')}, the network was trained on float32",
                        f"raw bytes are on another scale; give {_wanted(shape)}")
    _check_shape(tuple(inputs.shape), shape)
    values = values.to(torch.float32)
    if values.numel() and not all(isfinite(end) for end in values.aminmax()):
        raise DataError("an input is NaN or infinite as float32", "check for missing values, or a division by 0")
    return values


def _check_shape(given: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if given[1:] == shape and given:
        return
    if given == shape:
        hint = "for a single sample, add a first dimension: inputs[None]"
    elif given and prod(given[1:]) == prod(shape):
        hint = f"the number of values matches: inputs.reshape(len(inputs), {', '.join(map(str, shape))}), if in that order"
    else:
        hint = f"give {_wanted(shape)}"
    raise DataError(f"inputs have the shape {list(given)}, the network reads [samples, {', '.join(map(str, shape))}]", hint)


def _wanted(shape: tuple[int, ...]) -> str:
    return (f"float32 [samples, {', '.join(map(str, shape))}], scaled and permuted as the benchmark does it: "
            "run.stage(K).data() has the samples of task K")


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Set the number of torch threads for a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
