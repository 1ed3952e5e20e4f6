"""The mean activity of each neuron (paper §2.2): E_S |N_l| over the whole training set.

It is measured after the nonlinearity and before pooling, in evaluation mode, as a mean over samples (and over the positions of
a channel's map, so that large maps do not count more than small ones), accumulated in float64.
"""

import torch
from torch import Tensor

from clnp_core.evaluation import CANONICAL_BATCH, canonical_batches, exact_float32, hidden_activations
from clnp_core.network import Network


@torch.no_grad()
def mean_activity(network: Network, inputs: Tensor, batch_size: int = CANONICAL_BATCH) -> tuple[Tensor, ...]:
    """Return the mean absolute activation of every neuron over ``inputs`` [samples, *input shape].

    Returns:
        Per hidden layer float64 [width], on the CPU; exactly 0 for free neurons.
    """
    sums = [torch.zeros(width, dtype=torch.float64, device=inputs.device) for width in network.architecture.hidden]
    for batch, real in canonical_batches(inputs, batch_size):
        with exact_float32():
            activations = hidden_activations(network, batch)
        for total, values in zip(sums, activations, strict=True):
            total += values[:real].abs().sum(dim=[0, *range(2, values.ndim)], dtype=torch.float64)
    positions = [values[0, 0].numel() for values in activations]
    return tuple((total / (len(inputs) * each)).cpu() for total, each in zip(sums, positions, strict=True))
