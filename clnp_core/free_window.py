"""A window of free neurons: a task trains on a part of what is free; the rest stays free and costs nothing.

The paper trains every free neuron (§2.1), although a task keeps only a few of them. With a window the rows of the others are no
parameters and their columns are not read, so a step is that of a narrower network; pruning, capacity and the proof see them as
what they are, free neurons.
"""

import torch
from torch import Tensor

from clnp_core.network import FREE, Network
from clnp_core.values import FreeWindow


def draw_window(base: Network, window: FreeWindow | None) -> list[Tensor] | None:
    """Return the free neurons that a task may train on.

    Every trial of a task has the same ones: they depend on the window and on which neurons of ``base`` are free, and on nothing
    else. A layer that has no more free neurons than its bound trains all of them.

    Args:
        base: the committed network, already widened.
        window: the bound of each hidden layer, and the seed; None for no bound.

    Returns:
        Per hidden layer int64 [n], ascending, on the device of ``base``; None where there is no window.
    """
    if window is None:
        return None
    draw, drawn = torch.Generator().manual_seed(window.seed), []
    for owner, bound in zip(base.activated_by, window.neurons, strict=True):
        free = torch.nonzero(owner == FREE).flatten()
        if len(free) > bound:
            free = free[torch.randperm(len(free), generator=draw)[:bound].sort().values.to(free.device)]
        drawn.append(free)
    return drawn
