"""Networks that are not divided among their tasks, for the methods that CLNP is compared with.

Every neuron serves every task, so all are recorded as activated by the first one, and all rows are trained again on every task.
"""

import dataclasses

import torch
from torch import Tensor

from clnp_core.network import FREE, Network, head_key
from clnp_core.partition import RUNNING, FreeNetwork

EVERYBODYS = 1
"""The owner of the neurons of a network that is not divided."""


def undivided(network: Network) -> Network:
    """Return the network with every neuron active for every task."""
    return _owned(network, EVERYBODYS)


def released(network: Network) -> Network:
    """Return the network with every neuron free and the same weights."""
    return _owned(network, FREE)


@torch.no_grad()
def take_over(free: FreeNetwork, network: Network, task: int) -> None:
    """Copy the weights of a network into the parameters of a task that trains all of it, replacing the random ones.

    Running statistics of BatchNorm are copied, too. A head that the network does not have yet keeps its random weights.

    Args:
        free: over a base without active neurons (:func:`released`), of the network's architecture.
        network: on the same device.
        task: the task whose head is copied, counted from 1.
    """
    for layer, rows in enumerate(network.hidden):
        weight = free.from_active[layer] if layer == 0 else free.from_free[layer]
        weight.copy_(rows.weight)
        for name, values in rows.vectors.items():
            of_free = free.get_buffer(f"{name}_{layer}") if name in RUNNING else free.vectors[f"{name}_{layer}"]
            of_free.copy_(values)
    head = network.heads.get(head_key(network.architecture, task))
    if head is not None:
        free.head_from_free.copy_(head.weight)
        if free.head_bias is not None and head.bias is not None:
            free.head_bias.copy_(head.bias)


def _owned(network: Network, owner: int) -> Network:
    owners: tuple[Tensor, ...] = tuple(torch.full_like(old, owner) for old in network.activated_by)
    return dataclasses.replace(network, activated_by=owners)
