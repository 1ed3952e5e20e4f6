"""Extract the sub-network of one task as a small dense network of only the neurons that its output depends on."""

import torch

from clnp_core.capacity import path_neurons
from clnp_core.network import FREE, Head, Network, Rows, column_index, column_mask, head_key


def extract(network: Network, task: int) -> Network:
    """Extract what ``task`` needs: the same function with fewer neurons.

    Neurons keep their order. Logits equal those of the full network up to the rounding of smaller products.
    A layer from which no path leads to the head becomes one empty, free neuron, so that the chain stays complete and the result
    does not show what other tasks did there.

    Args:
        network: with ``task`` committed.
        task: counted from 1.
    """
    paths = path_neurons(network, task)
    index = [torch.nonzero(path).flatten() if bool(path.any()) else torch.zeros(1, dtype=torch.int64, device=path.device)
             for path in paths]
    real = [path[kept] for path, kept in zip(paths, index, strict=True)]  # False only for a placeholder
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
    return Network(architecture.with_hidden([len(kept) for kept in index]), tuple(hidden),
                   {head_key(architecture, task): Head(head_weight, head.bias)},
                   tuple(torch.where(lives, owner[kept], FREE).to(owner.dtype)
                         for owner, kept, lives in zip(network.activated_by, index, real, strict=True)))
