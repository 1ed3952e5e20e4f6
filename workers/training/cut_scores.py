"""The ranking of the neurons of a task when a network is cut further: one for all hidden layers, by any score of
:mod:`clnp_core.scores`.

The first-order Taylor score is the one of that module, with the loss of the fine-tuning. It is computed here another way: the
activations of frozen neurons are given, so that it costs what the task's own neurons cost.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core import scores
from clnp_core.evaluation import exact_float32
from clnp_core.layers import laid_out
from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from clnp_core.scores import ScoredTask
from clnp_core.selection import Score
from workers.data.samples import Samples
from workers.training.losses import Loss


def own_scores(score: Score, network: Network, task: int, samples: Samples, loss: Loss, frozen: Sequence[Tensor],
              batch_size: int) -> tuple[Tensor, ...]:
    """Return the score of every neuron of a task, larger for those that matter more.

    Args:
        score: which one.
        network: with the task on it.
        task: counted from 1.
        samples: its training set, which are the first samples of ``loss``.
        loss: of the fine-tuning.
        frozen: activations of the neurons of other tasks, of the samples of ``loss``.
        batch_size: of a pass. Bits depend on it.

    Returns:
        Per hidden layer float64 [neurons of the task], on the CPU, in the order in which they stand.
    """
    if score is Score.TAYLOR:
        return taylor_scores(network, task, len(samples), loss, frozen, batch_size)
    found = scores.scores_of(score, ScoredTask(network, task, samples.inputs, samples.labels, batch_size))
    return tuple(values[owner.cpu() == task] for values, owner in zip(found, network.activated_by, strict=True))


def taylor_scores(network: Network, task: int, samples: int, loss: Loss, frozen: Sequence[Tensor],
                  batch_size: int) -> tuple[Tensor, ...]:
    """Return the first-order Taylor score, over the first ``samples`` samples of the loss; arguments as in :func:`own_scores`.

    Every neuron is multiplied with a gate of 1; the derivative of a sample's loss by its gate is Σ h · ∂loss/∂h.
    """
    free = FreeNetwork(network, torch.Generator(), reopen=task).eval()
    device, maps = loss.inputs[:1].device, network.architecture.maps
    sums = [torch.zeros(len(own), dtype=torch.float64, device=device) for own in free.free]
    one = torch.ones((), device=device)
    for batch in torch.arange(samples, device=device).split(batch_size):
        gates = [torch.ones(len(batch), len(own), *(1 for _ in sides), device=device, requires_grad=True)
                 for own, sides in zip(free.free, maps, strict=True)]
        with exact_float32():
            factors = [(), *((one, gate) for gate in gates)]  # of the inputs, which have no gate, and of the layers
            logits = free(laid_out(loss.inputs[batch]), [layer[batch] for layer in frozen], factors)
            total = loss(logits, batch) * len(batch)
            found = torch.autograd.grad(total, gates, allow_unused=True)
        for score, gradient in zip(sums, found, strict=True):
            if gradient is not None:
                score += gradient.flatten(1).abs().sum(dim=0, dtype=torch.float64)
    return tuple((score / samples).cpu() for score in sums)


def least_important(found: Sequence[Tensor], must_stay: Sequence[int], wanted: int) -> list[tuple[int, int]]:
    """Return the neurons with the lowest scores over all layers.

    Args:
        found: the scores, per hidden layer float64 [neurons of the task].
        must_stay: per hidden layer how many of these have to be left at least.
        wanted: how many are to be cut.

    Returns:
        At most so many (layer, place), both from 0. Among equal scores the earlier layer and the lower place go first.
    """
    ranked = sorted((value, layer, place) for layer, values in enumerate(found) for place, value in enumerate(values.tolist()))
    left, gone = [len(values) for values in found], list[tuple[int, int]]()
    for _, layer, place in ranked:
        if len(gone) == wanted:
            break
        if left[layer] > must_stay[layer]:
            left[layer] -= 1
            gone.append((layer, place))
    return gone
