"""The L1 regulator of the free weights (paper §2.2): Σ_l α_l ‖free weights of layer l‖₁, a sum and not a mean.

α enters the gradient in two more places, which compute the same subgradient as part of the optimizer's step: ``adam_pass`` in
``workers/training/optimizers.py`` for one trial, and ``workers/training/packs/pack_optimizer.py`` for the trials of a pack.
"""

from collections.abc import Sequence

import torch
from torch import nn


@torch.no_grad()
def add_l1_gradient(layers: Sequence[Sequence[nn.Parameter]], alpha: Sequence[float]) -> None:
    """Add the penalty's subgradient α_l·sign(w) to the gradients, with sign(0) = 0.

    This gives the same gradients as adding the penalty to the loss, without a graph over every weight. A weight that the loss
    does not depend on (its layer has free neurons, the layer above has none) has no gradient yet; it becomes the penalty's.

    Args:
        layers: the penalised weights by α's index (:meth:`clnp_core.partition.FreeNetwork.penalised`), after backward.
        alpha: one coefficient per entry of ``layers``.
    """
    for weights, coefficient in zip(layers, alpha, strict=True):
        if coefficient == 0.0:
            continue
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            weight.grad.add_(weight.sign(), alpha=coefficient)


@torch.no_grad()
def l1_penalty(layers: Sequence[Sequence[nn.Parameter]], alpha: Sequence[float]) -> float:
    """Return the penalty, accumulated in float64."""
    return sum(coefficient * float(weight.abs().sum(dtype=torch.float64))
               for weights, coefficient in zip(layers, alpha, strict=True) for weight in weights)
