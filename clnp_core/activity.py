"""How much each neuron fires (paper §2.2): E_S |N_l| over the whole training set.

After the nonlinearity, in evaluation mode, as a mean over samples, accumulated in float64.
"""

import torch
from torch import Tensor

from clnp_core.evaluation import CANONICAL_BATCH, canonical_batches, exact_float32, hidden_activations
from clnp_core.network import Network


@torch.no_grad()
def mean_activity(network: Network, inputs: Tensor, batch_size: int = CANONICAL_BATCH) -> tuple[Tensor, ...]:
    """Mean absolute activation of every neuron over ``inputs`` [samples, inputs].

    Returns:
        Per hidden layer float64 [width], on the CPU; exactly 0 for free neurons.
    """
    sums = [torch.zeros(width, dtype=torch.float64, device=inputs.device) for width in network.architecture.hidden]
    for batch, real in canonical_batches(inputs, batch_size):
        with exact_float32():
            activations = hidden_activations(network, batch)
        for total, values in zip(sums, activations, strict=True):
            total += values[:real].abs().sum(dim=0, dtype=torch.float64)
    return tuple((total / len(inputs)).cpu() for total in sums)
