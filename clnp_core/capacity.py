"""The capacity of the network (paper §3.1 and Figs. 3, 4b, 5b): used, new, reused and free neurons per hidden layer."""

from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core.heads import neurons_read_by
from clnp_core.network import FREE, Network, neurons_with_weights
from clnp_core.selection import Thresholds
from clnp_core.values import LayerCapacity


def free_neurons(network: Network) -> int:
    """Return the number of neurons that no task uses, over all hidden layers."""
    return sum(int((owner == FREE).sum()) for owner in network.activated_by)


def capacity(network: Network, task: int, activities: Sequence[Tensor],
             thresholds: Thresholds) -> tuple[LayerCapacity, ...]:
    """Return the capacity after ``task`` was committed.

    Args:
        network: committed, pruned.
        task: the newest task.
        activities: per hidden layer float64 [width], mean activity on the training set of ``task``.
        thresholds: θ of ``task`` per hidden layer; None counts a reused neuron if its activity is above 0.
    """
    on_path = path_neurons(network, task)
    layers = []
    for layer, owner in enumerate(network.activated_by):
        used = int((owner != FREE).sum())
        old = (owner != FREE) & (owner != task)
        floor = thresholds[layer]
        fires = activities[layer].to(owner.device) > (0.0 if floor is None else floor)
        layers.append(LayerCapacity(task, layer + 1, len(owner), used, int((owner == task).sum()),
                                    int((old & fires & on_path[layer]).sum()), len(owner) - used))
    return tuple(layers)


def path_neurons(network: Network, task: int) -> tuple[Tensor, ...]:
    """Return the neurons that the output of ``task`` depends on: those from which nonzero weights lead to its head.

    Returns:
        Per hidden layer bool [width].
    """
    read = neurons_read_by(network.architecture, network.activated_by[-1], task)
    architecture = network.architecture
    path = [read & neurons_with_weights(architecture, architecture.depth, network.head(task).weight)]
    for layer in range(architecture.depth - 1, 0, -1):
        path.append(neurons_with_weights(architecture, layer, network.hidden[layer].weight[path[-1]]))
    return tuple(torch.as_tensor(mask) for mask in reversed(path))
