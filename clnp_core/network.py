"""A dense network and the task that activated each of its neurons.

One immutable value describes the whole state between two tasks. ``activated_by`` is all the bookkeeping there is: which
neurons are frozen, which are free, what a head reads and how full the network is are read off it (``clnp_core.heads``,
``clnp_core.capacity``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.errors import ArtifactError

FREE = 0
"""The entry of ``activated_by`` for a neuron that no task uses. Tasks count from 1."""

SHARED_HEAD = 0
"""The key of the one head of a single-head network."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What flows into one hidden layer.

    Attributes:
        weight: float [neurons, fan_in].
        bias: float [neurons].
    """

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class Head:
    """What flows into one output layer.

    Attributes:
        weight: float [classes, width of the last hidden layer].
        bias: float [classes], or None.
    """

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True, slots=True)
class Network:
    """Weights and owners of a whole network. Never modified in place.

    Attributes:
        architecture: the description that the tensors follow.
        hidden: one :class:`Rows` per hidden layer, first to last.
        heads: multi-head: task → its head; single-head: :data:`SHARED_HEAD` → the head.
        activated_by: per hidden layer int16 [width]: the task that activated the neuron, or :data:`FREE`.
    """

    architecture: Architecture
    hidden: tuple[Rows, ...]
    heads: Mapping[int, Head]
    activated_by: tuple[Tensor, ...]

    def head(self, task: int) -> Head:
        """The output layer that serves ``task``."""
        return self.heads[head_key(self.architecture, task)]

    def to(self, device: torch.device | str) -> "Network":
        """The same network on another device."""
        return Network(self.architecture,
                       tuple(Rows(rows.weight.to(device), rows.bias.to(device)) for rows in self.hidden),
                       {key: Head(head.weight.to(device), None if head.bias is None else head.bias.to(device))
                        for key, head in self.heads.items()},
                       tuple(owner.to(device) for owner in self.activated_by))

    def to_tensors(self) -> dict[str, Tensor]:
        """Named tensors for storage, layers counted from 1. :meth:`from_tensors` is the inverse."""
        tensors: dict[str, Tensor] = {}
        for layer, (rows, owner) in enumerate(zip(self.hidden, self.activated_by, strict=True), start=1):
            tensors[f"hidden.{layer}.weight"] = rows.weight
            tensors[f"hidden.{layer}.bias"] = rows.bias
            tensors[f"hidden.{layer}.activated_by"] = owner
        for key, head in self.heads.items():
            tensors[f"head.{key}.weight"] = head.weight
            if head.bias is not None:
                tensors[f"head.{key}.bias"] = head.bias
        return tensors

    @classmethod
    def from_tensors(cls, architecture: Architecture, tensors: Mapping[str, Tensor]) -> "Network":
        """Rebuild a network from :meth:`to_tensors`.

        Raises:
            ArtifactError: when a tensor is missing or its shape is not the architecture's.
        """
        hidden: list[Rows] = []
        owners: list[Tensor] = []
        for layer, width in enumerate(architecture.hidden, start=1):
            hidden.append(Rows(_take(tensors, f"hidden.{layer}.weight", (width, architecture.fan_in(layer - 1))),
                               _take(tensors, f"hidden.{layer}.bias", (width,))))
            owners.append(_take(tensors, f"hidden.{layer}.activated_by", (width,)))
        heads: dict[int, Head] = {}
        needed = {f"head.{SHARED_HEAD}.weight"} if architecture.head is HeadKind.SINGLE else set()
        for name in sorted(needed | tensors.keys()):
            if name.startswith("head.") and name.endswith(".weight"):
                key = name.split(".")[1]
                weight = _take(tensors, name, (architecture.classes, architecture.hidden[-1]))
                bias = _take(tensors, f"head.{key}.bias", (architecture.classes,)) if architecture.head_bias else None
                heads[int(key)] = Head(weight, bias)
        return cls(architecture, tuple(hidden), dict(sorted(heads.items())), tuple(owners))


def empty_network(architecture: Architecture, dtype: torch.dtype = torch.float32) -> Network:
    """The base of the first task: every neuron free, every weight zero."""
    hidden = tuple(Rows(torch.zeros(width, architecture.fan_in(layer), dtype=dtype), torch.zeros(width, dtype=dtype))
                   for layer, width in enumerate(architecture.hidden))
    heads: dict[int, Head] = {}
    if architecture.head is HeadKind.SINGLE:
        heads[SHARED_HEAD] = Head(torch.zeros(architecture.classes, architecture.hidden[-1], dtype=dtype), None)
    owners = tuple(torch.full((width,), FREE, dtype=torch.int16) for width in architecture.hidden)
    return Network(architecture, hidden, heads, owners)


def head_key(architecture: Architecture, task: int) -> int:
    """Which entry of ``Network.heads`` serves ``task``."""
    return SHARED_HEAD if architecture.head is HeadKind.SINGLE else task


def activate(values: Tensor, activation: Activation) -> Tensor:
    """The nonlinearity, elementwise."""
    return _FUNCTIONS[activation](values)


_FUNCTIONS = {
    Activation.RELU: torch.relu,
    Activation.LEAKY_RELU: torch.nn.functional.leaky_relu,
    Activation.TANH: torch.tanh,
    Activation.SIGMOID: torch.sigmoid,
    Activation.GELU: torch.nn.functional.gelu,
    Activation.ELU: torch.nn.functional.elu,
    Activation.SILU: torch.nn.functional.silu,
}


def _take(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    if name not in tensors:
        raise ArtifactError(f"tensor {name} is missing from the stored network",
                            "the artifact was not written by this project, or by another version of it")
    if tuple(tensors[name].shape) != shape:
        raise ArtifactError(f"tensor {name} has shape {list(tensors[name].shape)}, the network needs {list(shape)}",
                            "the artifact belongs to another network")
    return tensors[name]
