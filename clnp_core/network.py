"""A dense network and the task that activated each of its neurons.

One immutable value describes the whole state between two tasks. ``activated_by`` is the only bookkeeping: the frozen and free
neurons, what a head reads and how full the network is are derived from it (``clnp_core.heads``, ``clnp_core.capacity``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import ArtifactError

FREE = 0
"""The value of ``activated_by`` for a neuron that no task uses. Tasks count from 1."""

SHARED_HEAD = 0
"""The key of the only head of a single-head network."""


VECTORS = ("bias", "scale", "shift", "mean", "variance")
"""The values of a neuron besides its row of weights; BatchNorm has the last four instead of a bias."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The incoming weights of one hidden layer, and all other values of its neurons.

    Attributes:
        weight: float [neurons, columns], or [neurons, columns, k, k] for a convolution.
        vectors: name (of :data:`VECTORS`) → float [neurons]: the bias, or scale, shift, running mean and running variance of
            BatchNorm. They are frozen, pruned and widened together with their neuron.
    """

    weight: Tensor
    vectors: Mapping[str, Tensor]

    @property
    def bias(self) -> Tensor:
        """Return the bias, float [neurons], of a layer without BatchNorm."""
        return self.vectors["bias"]

    def of(self, neurons: Tensor) -> "Rows":
        """Return a copy of the rows of some neurons: int64 [n] or bool [width]."""
        return self.map(lambda values: values[neurons])

    def map(self, change: Callable[[Tensor], Tensor]) -> "Rows":
        """Return the rows with ``change`` applied to every tensor."""
        return Rows(change(self.weight), {name: change(values) for name, values in self.vectors.items()})


@dataclass(frozen=True, slots=True)
class Head:
    """The incoming weights of one output layer.

    Attributes:
        weight: float [classes, columns], or [classes, columns, k, k] for a convolution.
        bias: float [classes], or None.
    """

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True, slots=True)
class Network:
    """The weights and owners of a whole network. Never modified in place.

    Attributes:
        architecture: the description of the tensors.
        hidden: one :class:`Rows` per hidden layer, first to last.
        heads: multi-head: task → its head; single-head: :data:`SHARED_HEAD` → the head.
        activated_by: per hidden layer int16 [width]: the task that activated the neuron, or :data:`FREE`.
    """

    architecture: Architecture
    hidden: tuple[Rows, ...]
    heads: Mapping[int, Head]
    activated_by: tuple[Tensor, ...]

    def head(self, task: int) -> Head:
        """Return the output layer of ``task``."""
        return self.heads[head_key(self.architecture, task)]

    def to(self, device: torch.device | str) -> "Network":
        """Return the same network on another device."""
        return Network(self.architecture,
                       tuple(rows.map(lambda values: values.to(device)) for rows in self.hidden),
                       {key: Head(head.weight.to(device), None if head.bias is None else head.bias.to(device))
                        for key, head in self.heads.items()},
                       tuple(owner.to(device) for owner in self.activated_by))

    def to_tensors(self) -> dict[str, Tensor]:
        """Return named tensors for storage, layers counted from 1. :meth:`from_tensors` is the inverse."""
        tensors: dict[str, Tensor] = {}
        for layer, (rows, owner) in enumerate(zip(self.hidden, self.activated_by, strict=True), start=1):
            tensors[f"hidden.{layer}.weight"] = rows.weight
            for name, values in rows.vectors.items():
                tensors[f"hidden.{layer}.{name}"] = values
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
            ArtifactError: a tensor is missing or its shape does not fit the architecture.
        """
        hidden: list[Rows] = []
        owners: list[Tensor] = []
        for layer, width in enumerate(architecture.hidden, start=1):
            hidden.append(Rows(_take(tensors, f"hidden.{layer}.weight", architecture.weight_shape(layer - 1)),
                               {name: _take(tensors, f"hidden.{layer}.{name}", (width,))
                                for name in vector_names(architecture, layer - 1)}))
            owners.append(_take(tensors, f"hidden.{layer}.activated_by", (width,)))
        heads: dict[int, Head] = {}
        needed = {f"head.{SHARED_HEAD}.weight"} if architecture.head is not HeadKind.MULTI else set()
        for name in sorted(needed | tensors.keys()):
            if name.startswith("head.") and name.endswith(".weight"):
                key = name.split(".")[1]
                weight = _take(tensors, name, architecture.weight_shape(architecture.depth))
                bias = _take(tensors, f"head.{key}.bias", (architecture.classes,)) if architecture.head_bias else None
                heads[int(key)] = Head(weight, bias)
        return cls(architecture, tuple(hidden), dict(sorted(heads.items())), tuple(owners))


def empty_network(architecture: Architecture, dtype: torch.dtype = torch.float32) -> Network:
    """Return the base of the first task: every neuron free, every weight zero."""
    hidden = tuple(Rows(torch.zeros(architecture.weight_shape(layer), dtype=dtype),
                        {name: torch.zeros(width, dtype=dtype) for name in vector_names(architecture, layer)})
                   for layer, width in enumerate(architecture.hidden))
    heads: dict[int, Head] = {}
    if architecture.head is not HeadKind.MULTI:
        heads[SHARED_HEAD] = Head(torch.zeros(architecture.weight_shape(architecture.depth), dtype=dtype), None)
    owners = tuple(torch.full((width,), FREE, dtype=torch.int16) for width in architecture.hidden)
    return Network(architecture, hidden, heads, owners)


def head_key(architecture: Architecture, task: int) -> int:
    """Return the key in ``Network.heads`` of the head of ``task``."""
    return task if architecture.head is HeadKind.MULTI else SHARED_HEAD


def vector_names(architecture: Architecture, layer: int) -> tuple[str, ...]:
    """Return which of :data:`VECTORS` the neurons of hidden layer ``layer`` (0-based) have."""
    return VECTORS[1:] if architecture.layers[layer].batch_norm else VECTORS[:1]


def column_mask(architecture: Architecture, layer: int, neurons: Tensor) -> Tensor:
    """Expand values per neuron below to the columns of hidden layer ``layer`` (0-based; ``depth`` is the output).

    Args:
        architecture: the network's description.
        layer: the layer that reads.
        neurons: [width of the layer below], bool or any value that all columns of a neuron share, such as its owner.

    Returns:
        [columns of the layer], in the dtype of ``neurons``.
    """
    return neurons.repeat_interleave(architecture.columns_per_neuron[layer])


def column_index(architecture: Architecture, layer: int, neurons: Tensor) -> Tensor:
    """Expand indices in the same way: int64 [n] of neurons below → int64 [n · columns per neuron]."""
    each = architecture.columns_per_neuron[layer]
    return (neurons[:, None] * each + torch.arange(each, device=neurons.device)).flatten()


def neurons_with_weights(architecture: Architecture, layer: int, weight: Tensor) -> Tensor:
    """Return which neurons below a weight of that layer reads: those with at least one nonzero weight.

    Args:
        architecture: the network's description.
        layer: of the weight, as in :func:`column_mask`.
        weight: float [rows, columns] or [rows, columns, k, k]; may contain only some rows of the layer.

    Returns:
        bool [width of the layer below].
    """
    read = (weight != 0).flatten(2).any(dim=2).any(dim=0) if weight.ndim > 2 else (weight != 0).any(dim=0)
    return read.reshape(-1, architecture.columns_per_neuron[layer]).any(dim=1)


def _take(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    if name not in tensors:
        raise ArtifactError(f"tensor {name} is missing from the stored network",
                            "the artifact was not written by this project, or by another version of it")
    if tuple(tensors[name].shape) != shape:
        raise ArtifactError(f"tensor {name} has shape {list(tensors[name].shape)}, but the network needs {list(shape)}",
                            "the artifact belongs to another network")
    return tensors[name]
