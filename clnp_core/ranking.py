"""The order in which a rising threshold prunes neurons (paper §2.2).

The neurons of a layer that a threshold keeps are always the beginning of one list: the neurons of earlier tasks, then those of
the task, the most active first. A pruned network is therefore described by one number per layer, and two of them differ by a
slice.
"""

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core.network import FREE
from clnp_core.selection import Thresholds

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
