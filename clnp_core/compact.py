"""Extract the sub-network of one task as a small dense network of the neurons that its output depends on, or its rows read."""

from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core.architecture import HeadKind
from clnp_core.capacity import path_neurons
from clnp_core.network import FREE, Head, Network, Rows, column_index, column_mask, head_key


def extract(network: Network, task: int) -> Network:
    """Extract what ``task`` needs: the same function with fewer neurons.

    Args:
        network: with ``task`` committed.
        task: counted from 1.
    """
    return cut_out(network, task, path_neurons(network, task))


def read_in_fine_tuning(network: Network, task: int) -> tuple[Tensor, ...]:
    """Return the neurons of a task and those that its rows and its head may read: all active ones, without those of the last
    hidden layer that a single head does not read.

    Returns:
        Per hidden layer bool [width].
    """
    kept = [owner != FREE for owner in network.activated_by]
    if network.architecture.head is HeadKind.SINGLE:
        kept[-1] = network.activated_by[-1] == task
    return tuple(kept)


def cut_out(network: Network, task: int, kept: Sequence[Tensor]) -> Network:
    """Extract some neurons and the head of ``task``.

    Neurons keep their order. If no other neuron is read, logits equal those of the full network up to the rounding of smaller
    products. A layer without any of these neurons becomes one empty, free neuron, so that the chain stays complete and the
    result does not show what other tasks did there.

    Args:
        network: with ``task`` on it.
        task: counted from 1.
        kept: per hidden layer bool [width].
    """
    index = [torch.nonzero(stays).flatten() if bool(stays.any()) else torch.zeros(1, dtype=torch.int64, device=stays.device)
             for stays in kept]
    real = [stays[own] for stays, own in zip(kept, index, strict=True)]  # False only for a placeholder
    architecture = network.architecture
    hidden = []
    for layer, rows in enumerate(network.hidden):
        own = rows.of(index[layer])
        weight = own.weight if layer == 0 else own.weight[:, column_index(architecture, layer, index[layer - 1])]
        for values in (weight, *own.vectors.values()):
            values[~real[layer]] = 0.0
        hidden.append(Rows(weight, own.vectors))
    head = network.head(task)
    head_weight = head.weight[:, column_index(architecture, architecture.depth, index[-1])]
    head_weight[:, column_mask(architecture, architecture.depth, ~real[-1])] = 0.0
    return Network(architecture.with_hidden([len(own) for own in index]), tuple(hidden),
                   {head_key(architecture, task): Head(head_weight, head.bias)},
                   tuple(torch.where(lives, owner[own], FREE).to(owner.dtype)
                         for owner, own, lives in zip(network.activated_by, index, real, strict=True)))
