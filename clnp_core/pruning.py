"""Prune by activity and sever connections that would interfere (paper §2.2 and Algorithm 1).

A neuron that the new task activated stays if its mean activity exceeds θ; otherwise it becomes free: its row, its bias and its
BatchNorm values are set to zero, and so is every weight that reads it, W_int of the paper. Neurons of earlier tasks are never
pruned.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core.network import FREE, Head, Network, Rows, column_mask, head_key
from clnp_core.selection import Thresholds


def survivors(network: Network, task: int, activities: Sequence[Tensor],
              thresholds: Thresholds) -> tuple[Tensor, ...]:
    """Return which neurons stay active: those of earlier tasks, and those of ``task`` with activity > θ of their layer.

    Args:
        network: unpruned, its formerly free neurons owned by ``task``.
        task: counted from 1.
        activities: per hidden layer float64 [width].
        thresholds: per hidden layer; None prunes nothing in that layer.

    Returns:
        Per hidden layer bool [width].
    """
    kept = []
    for owner, activity, threshold in zip(network.activated_by, activities, thresholds, strict=True):
        old = (owner != FREE) & (owner != task)
        new = owner == task
        if threshold is not None:
            new = new & (activity.to(owner.device) > threshold)
        kept.append(old | new)
    return tuple(kept)


def prune(network: Network, task: int, activities: Sequence[Tensor], thresholds: Thresholds) -> Network:
    """Return the pruned network; arguments as in :func:`survivors`. The input is not modified."""
    return keep(network, task, survivors(network, task, activities, thresholds))


@torch.no_grad()
def keep(network: Network, task: int, kept: Sequence[Tensor]) -> Network:
    """Free every neuron that is not in ``kept`` (per hidden layer bool [width]) and sever the weights that read it.

    Only rows of ``task`` may be freed, and only the head of ``task`` can read them, so other heads stay unchanged.
    """
    hidden: list[Rows] = []
    owners: list[Tensor] = []
    architecture = network.architecture
    for layer, (rows, owner, stays) in enumerate(zip(network.hidden, network.activated_by, kept, strict=True)):
        dead = ~stays
        pruned = rows.map(Tensor.clone)
        for values in (pruned.weight, *pruned.vectors.values()):
            values[dead] = 0.0
        if layer > 0:
            pruned.weight[:, column_mask(architecture, layer, ~kept[layer - 1])] = 0.0
        hidden.append(pruned)
        owners.append(torch.where(dead, FREE, owner).to(owner.dtype))
    key = head_key(architecture, task)
    head = network.heads[key]
    head_weight = head.weight.clone()
    head_weight[:, column_mask(architecture, architecture.depth, ~kept[-1])] = 0.0
    return Network(architecture, tuple(hidden), {**network.heads, key: Head(head_weight, head.bias)},
                   tuple(owners))
