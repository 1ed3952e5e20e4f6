"""The order in which a rising threshold prunes neurons (paper §2.2).

What a threshold keeps of a layer is always the beginning of one list: the neurons of earlier tasks, then those of the task, the
most active first. So a pruned network is told by one number for each layer, and two of them differ by a slice.
"""

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core.network import FREE
from clnp_core.selection import Thresholds

Lengths = tuple[int, ...]
"""Per hidden layer how many neurons of the list stay."""


class Ranking:
    """The neurons of an unpruned network in that order.

    Attributes:
        order: per hidden layer int64 [n] on the CPU; neurons that are free already are not in it.
    """

    def __init__(self, owners: Sequence[Tensor], task: int, activities: Sequence[Tensor]) -> None:
        """Sort.

        Args:
            owners: per hidden layer int16 [width], the task that activated each neuron; unpruned, so that the formerly free
                ones are owned by ``task``.
            task: counted from 1.
            activities: per hidden layer float64 [width].
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
        """What thresholds keep; None prunes nothing of its layer."""
        return tuple(len(order) if theta is None else old + bisect_left(falling, -theta)
                     for order, old, falling, theta in zip(self.order, self._old, self._falling, thresholds, strict=True))

    def candidates(self, layers: Sequence[int]) -> list[float]:
        """All distinct activities of the task's neurons in some layers, and 0, highest first."""
        return sorted({0.0, *(-value for layer in layers for value in self._falling[layer])}, reverse=True)

    def free(self, lengths: Lengths) -> int:
        """Neurons that are free when only these stay, over all hidden layers."""
        return self._width - sum(lengths)
