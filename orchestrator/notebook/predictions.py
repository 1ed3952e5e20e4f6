"""Predictions of a committed network: inputs checked in words, logits by the canonical evaluation."""

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
"""An array of NumPy or a tensor of torch: who brings one gets one back."""


def load(storage: str, digest: str) -> Network:
    """A committed network, read whole and compared with its digest; on the CPU.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    return get_network(ArtifactStore(storage), digest)[0]


@lru_cache(maxsize=2)
def _resident(storage: str, digest: str) -> Network:
    """The same, for predictions, which come one after the other; no one else holds a reference."""
    return load(storage, digest).to(this_device())


def logits_of(storage: str, digest: str, task: int, inputs: Values, batch_size: int, threads: int) -> Values:
    """Logits of a task, by the forward pass that its recorded accuracy was counted with.

    Args:
        storage: root of the artifact store.
        digest: of the committed network.
        task: whose output is asked.
        inputs: float [samples, *shape].
        batch_size: of the canonical evaluation, as the run has it: bits depend on it.
        threads: of torch, as the run has it, for the same reason.

    Returns:
        float32 [samples, classes], on the device of the inputs.

    Raises:
        DataError: the inputs do not fit.
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
    """The predicted classes, int64 [samples]: the first largest of each sample's logits, as everywhere here."""
    classes: Values = logits.argmax(1)
    return classes


def checked(inputs: object, shape: tuple[int, ...]) -> Tensor:
    """The inputs as float32 [samples, *shape].

    Args:
        inputs: the caller's samples.
        shape: of a sample, as the network reads it.

    Raises:
        DataError: what is wrong with them, and how to fix it.
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
        raise DataError(f"inputs are a {type(inputs).__name__}, neither an array of NumPy nor a tensor of torch",
                        "call .to_numpy() on a DataFrame, numpy.asarray on a list")
    if not values.is_floating_point():
        raise DataError(f"inputs are {str(values.dtype).removeprefix('torch.')}, the network was trained on float32",
                        f"raw bytes mean something else to it; give {_wanted(shape)}")
    _check_shape(tuple(inputs.shape), shape)
    values = values.to(torch.float32)
    if values.numel() and not all(isfinite(end) for end in values.aminmax()):
        raise DataError("some input is NaN or infinite as float32", "look for missing values, or for a division by 0")
    return values


def _check_shape(given: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if given[1:] == shape and given:
        return
    if given == shape:
        hint = "for a single sample, add a first dimension: inputs[None]"
    elif given and prod(given[1:]) == prod(shape):
        hint = f"the values are as many: inputs.reshape(len(inputs), {', '.join(map(str, shape))}), if they are in that order"
    else:
        hint = f"give {_wanted(shape)}"
    raise DataError(f"inputs have the shape {list(given)}, the network reads [samples, {', '.join(map(str, shape))}]", hint)


def _wanted(shape: tuple[int, ...]) -> str:
    return (f"float32 [samples, {', '.join(map(str, shape))}], scaled and permuted as the benchmark does it: "
            "run.stage(K).data() has the samples of task K")


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """So many threads of torch inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
