"""The score of a neuron: what its threshold is compared with (paper §2.2), and two others.

A neuron that a task trained stays when its score exceeds θ. Scores are measured once on the unpruned network over the training
set, so the pruned network is a function of θ alone and θ* is exact for every score. With h_n the activation of a neuron after
its nonlinearity and before pooling, in evaluation mode:

- ``activity``  E |h_n|, over samples and the positions of a map: the paper's. It is a mean over positions, so that large maps
  do not count more than small ones, and is accumulated in float64.
- ``outgoing``  E |h_n| · Σ |w|, over all weights w that read the neuron, in the next hidden layer or in the head of the task.
  The L1 norm, because |h_n| · Σ |w| is what the neuron adds to the sums that it reaches, signs aside.
- ``taylor``    E |h_n · ∂L/∂h_n|, L the loss of the sample: how much the loss would change, to first order, if the neuron were
  0 (Molchanov et al. 2017). A map and its gradient are multiplied and summed over its positions before the absolute value,
  because pruning takes the whole map; the mean is over samples.

A score is an entry of :data:`SCORES`, a function of a :class:`ScoredTask`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from clnp_core.evaluation import CANONICAL_BATCH, canonical_batches, exact_float32, hidden_activations, logits_from
from clnp_core.network import Network
from clnp_core.selection import Score

SampleLoss = Callable[[Tensor, Tensor], Tensor]
"""The mean loss of some samples: of their logits, float [n, classes], and their places in the training set, int64 [n]."""


@dataclass(frozen=True)
class ScoredTask:
    """What a score is measured on.

    Attributes:
        network: unpruned, ``task`` on it.
        task: counted from 1.
        inputs: of the training set, float [samples, *input shape], on the device of the network.
        labels: int64 [samples].
        batch_size: of the canonical evaluation.
        loss: what ``taylor`` differentiates; None for the cross-entropy of the labels.
    """

    network: Network
    task: int
    inputs: Tensor
    labels: Tensor
    batch_size: int = CANONICAL_BATCH
    loss: SampleLoss | None = None

    @cached_property
    def activities(self) -> tuple[Tensor, ...]:
        """Per hidden layer float64 [width] (:func:`clnp_core.scores.mean_activity`)."""
        return mean_activity(self.network, self.inputs, self.batch_size)


def scores_of(score: Score, measured: ScoredTask) -> tuple[Tensor, ...]:
    """Return the score of every neuron.

    Returns:
        Per hidden layer float64 [width], at least 0, on the CPU; exactly 0 for free neurons.
    """
    return SCORES[score](measured)


def activity(measured: ScoredTask) -> tuple[Tensor, ...]:
    """E |h_n|."""
    return measured.activities


@torch.no_grad()
def outgoing(measured: ScoredTask) -> tuple[Tensor, ...]:
    """E |h_n| · Σ |w| over the weights that read the neuron."""
    network = measured.network
    readers = [*(rows.weight for rows in network.hidden[1:]), network.head(measured.task).weight]
    found = []
    for values, weight, each in zip(measured.activities, readers, network.architecture.columns_per_neuron[1:], strict=True):
        columns = weight.to(torch.float64).abs().transpose(0, 1).flatten(1).sum(dim=1)  # [columns]
        found.append(values * columns.reshape(-1, each).sum(dim=1).cpu())
    return tuple(found)


def taylor(measured: ScoredTask) -> tuple[Tensor, ...]:
    """E |h_n · ∂L/∂h_n|."""
    network, inputs, loss = measured.network, measured.inputs, measured.loss
    sums = [torch.zeros(width, dtype=torch.float64, device=inputs.device) for width in network.architecture.hidden]
    places = torch.arange(len(inputs), device=inputs.device)
    for number, (batch, real) in enumerate(canonical_batches(inputs, measured.batch_size)):
        own = places[number * measured.batch_size:][:real]
        with torch.enable_grad(), exact_float32():
            hidden = hidden_activations(network, batch.detach().requires_grad_())
            logits = logits_from(network, hidden[-1], measured.task)[:real]
            mean = functional.cross_entropy(logits, measured.labels[own]) if loss is None else loss(logits, own)
            gradients = torch.autograd.grad(mean * real, hidden, allow_unused=True)
        for total, values, gradient in zip(sums, hidden, gradients, strict=True):
            if gradient is not None:
                products = (values.detach()[:real] * gradient[:real]).to(torch.float64)
                total += products.flatten(2).sum(dim=2).abs().sum(dim=0) if products.ndim > 2 else products.abs().sum(dim=0)
    return tuple((total / len(inputs)).cpu() for total in sums)


SCORES: Mapping[Score, Callable[[ScoredTask], tuple[Tensor, ...]]] = {
    Score.ACTIVITY: activity,
    Score.OUTGOING: outgoing,
    Score.TAYLOR: taylor,
}


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
