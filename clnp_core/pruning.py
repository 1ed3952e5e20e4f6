"""Prune by activity and sever connections that would interfere (paper §2.2 and Algorithm 1).

A neuron that the new task activated stays if its mean activity exceeds θ; otherwise it becomes free: its row, its bias and its
BatchNorm values are set to zero, and so is every weight that reads it, W_int of the paper. Neurons of earlier tasks are never
pruned.

The neurons of a layer that a threshold keeps are always the beginning of one list (:class:`Ranking`): the neurons of earlier
tasks, then those of the task, the most active first. A pruned network is therefore described by one number per layer, and two
of them differ by a slice.
"""

from bisect import bisect_left
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


Lengths = tuple[int, ...]
"""Per hidden layer the number of neurons of the list that stay."""


class Ranking:
    """The neurons of an unpruned network in pruning order.

    Attributes:
        order: per hidden layer int64 [n] on the CPU; does not contain neurons that are already free.
    """

    def __init__(self, owners: Sequence[Tensor], task: int, activities: Sequence[Tensor]) -> None:
        """Sort the neurons.

        Args:
            owners: per hidden layer int16 [width], the task that activated each neuron; unpruned, so that the formerly free
                ones are owned by ``task``.
            task: counted from 1.
            activities: per hidden layer float64 [width], the score of each neuron (:mod:`clnp_core.scores`).
        """
        self.order: list[Tensor] = []
        self._old: list[int] = []
        self._falling: list[list[float]] = []  # negated, so that it rises
        for owner, activity in zip(owners, activities, strict=True):
            owner, activity = owner.cpu(), activity.cpu()
            old = torch.nonzero((owner != FREE) & (owner != task)).flatten()
            new = torch.nonzero(owner == task).flatten()
            falling, places = activity[new].sort(descending=True, stable=True)
            self.order.append(torch.cat([old, new[places]]))
            self._old.append(len(old))
            self._falling.append((-falling).tolist())
        self._width = sum(len(owner) for owner in owners)

    def lengths(self, thresholds: Thresholds) -> Lengths:
        """Return how many neurons the thresholds keep; None prunes nothing in its layer."""
        return tuple(len(order) if theta is None else old + bisect_left(falling, -theta)
                     for order, old, falling, theta in zip(self.order, self._old, self._falling, thresholds, strict=True))

    def candidates(self, layers: Sequence[int]) -> list[float]:
        """Return all distinct activities of the task's neurons in some layers, and 0, in descending order."""
        return sorted({0.0, *(-value for layer in layers for value in self._falling[layer])}, reverse=True)

    def free(self, lengths: Lengths) -> int:
        """Return the number of neurons over all hidden layers that are free if only these stay."""
        return self._width - sum(lengths)
