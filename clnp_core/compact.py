"""The sub-network of one task as a small dense network: only the neurons that its output depends on."""

import torch

from clnp_core.capacity import path_neurons
from clnp_core.network import Head, Network, Rows, head_key


def extract(network: Network, task: int) -> Network:
    """Cut out what ``task`` needs: same function, fewer neurons.

    Neurons keep their order. Logits equal the full network's up to the rounding of smaller products.
    A layer from which no path leads to the head keeps its first neuron, so that the chain stays whole.

    Args:
        network: with ``task`` committed on it.
        task: counted from 1.
    """
    index = [torch.nonzero(path).flatten() if bool(path.any()) else torch.zeros(1, dtype=torch.int64)
             for path in path_neurons(network, task)]
    hidden = []
    for layer, rows in enumerate(network.hidden):
        weight = rows.weight[index[layer]]
        if layer > 0:
            weight = weight[:, index[layer - 1]]
        hidden.append(Rows(weight.clone(), rows.bias[index[layer]].clone()))
    head = network.head(task)
    key = head_key(network.architecture, task)
    return Network(network.architecture.with_hidden([len(kept) for kept in index]), tuple(hidden),
                   {key: Head(head.weight[:, index[-1]].clone(), head.bias)},
                   tuple(owner[kept] for owner, kept in zip(network.activated_by, index, strict=True)))
