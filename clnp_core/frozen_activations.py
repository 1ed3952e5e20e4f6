"""The activations of the active neurons, which no training of a later task can change (paper §2.1).

An active neuron reads only active neurons, with frozen weights and frozen running statistics. If no dropout precedes it, its
output is a constant of the task and computed once for all samples; after a dropout it is computed at every step, without
gradients.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core.architecture import Architecture
from clnp_core.evaluation import Inputs, exact_float32
from clnp_core.layers import laid_out, pooled, respond
from clnp_core.network import FREE, Network, column_index

CACHE_BYTES = 2**31
"""The first hidden layers are computed once per task as long as they fit into this many bytes; the others at every step. This
is a constant, so that which layers are computed once, and with it the bits of a trial, depend on the trial alone."""

PASS_BYTES = 2**28
"""Approximate size of the largest activation in one pass over the samples."""


class FrozenNetwork:
    """The active neurons of a network and their connections."""

    def __init__(self, base: Network, active: Sequence[Tensor]) -> None:
        """Extract the active rows and columns.

        Args:
            base: the network.
            active: per hidden layer int64 [n], the active neurons, ascending.
        """
        self._layers = base.architecture.layers
        self._rows = [rows.of(own) for rows, own in zip(base.hidden, active, strict=True)]
        self._weights = [rows.weight[:, active_below(base.architecture, index, active)]
                         for index, rows in enumerate(self._rows)]

    @torch.no_grad()
    def passed_on(self, layer: int, values: Tensor) -> Tensor:
        """Return the pooled output of the active neurons of hidden layer ``layer`` (0-based).

        Args:
            layer: the layer.
            values: the input of its active neurons: float [batch, *input shape] or [batch, active of the layer below, …].
        """
        vectors = {name: values_of.to(values.dtype) for name, values_of in self._rows[layer].vectors.items()}
        responses = respond(self._layers[layer], values, self._weights[layer].to(values.dtype), vectors)
        return pooled(self._layers[layer].pool, responses)


def active_below(architecture: Architecture, layer: int, active: Sequence[Tensor]) -> Tensor:
    """Return the columns of a hidden layer's weight that belong to active neurons below; all columns if it reads inputs."""
    if layer == 0:
        return torch.arange(architecture.columns(0), device=active[0].device)
    return column_index(architecture, layer, active[layer - 1])


def active_neurons(network: Network, reopen: int | None = None) -> list[Tensor]:
    """Return, per hidden layer, the frozen neurons: int64 [n], ascending. With ``reopen`` the neurons of that task are free."""
    return [torch.nonzero((owner != FREE) & (owner != (FREE if reopen is None else reopen))).flatten()
            for owner in network.activated_by]


def layers_computed_once(base: Network, samples: int, reopen: int | None = None) -> int:
    """Return how many hidden layers, from the first, have frozen activations that are constant and fit into memory."""
    architecture, total = base.architecture, 0
    if architecture.input_dropout:
        return 0
    for index, (layer, active) in enumerate(zip(architecture.layers, active_neurons(base, reopen), strict=True)):
        total += samples * len(active) * _positions(architecture.maps[index]) * 4
        if total > CACHE_BYTES:
            return index
        if layer.dropout:
            return index + 1
    return architecture.depth


@torch.no_grad()
def frozen_activations(base: Network, inputs: Inputs, reopen: int | None = None) -> tuple[Tensor, ...]:
    """Return the output of the active neurons for every sample, computed once for the whole task.

    Args:
        base: the committed network.
        inputs: float [samples, *input shape].
        reopen: a task whose neurons are trained again, as in :class:`clnp_core.partition.FreeNetwork`.

    Returns:
        For each of the first :func:`layers_computed_once` hidden layers float [samples, active neurons, …], pooled, before any
        dropout, neurons in ascending order.
    """
    architecture = base.architecture
    active = active_neurons(base, reopen)
    once = layers_computed_once(base, len(inputs), reopen)
    network = FrozenNetwork(base, active)
    layers = [laid_out(inputs[:0].new_empty(len(inputs), len(index), *sides))
              for index, sides in zip(active[:once], architecture.maps, strict=False)]
    widest = max(width * _positions(sides) for width, sides in zip(architecture.hidden, _unpooled(architecture), strict=True))
    batch_size = min(10_000, max(1, PASS_BYTES // (4 * widest)))
    for start in range(0, len(inputs), batch_size):
        values = laid_out(inputs[start:start + batch_size])
        for index, layer in enumerate(layers):
            with exact_float32():
                values = network.passed_on(index, values)
            layer[start:start + len(values)] = values
    return tuple(layers)


def _unpooled(architecture: Architecture) -> list[tuple[int, ...]]:
    """Return, per hidden layer, the sides of its map before pooling."""
    below = (architecture.input_shape[1:], *architecture.maps)
    return [() if layer.convolution is None else tuple(layer.convolution.positions(side) for side in sides)
            for layer, sides in zip(architecture.layers, below, strict=False)]


def _positions(sides: Sequence[int]) -> int:
    positions = 1
    for side in sides:
        positions *= side
    return positions
