"""Elastic weight consolidation (Kirkpatrick et al. 2017): keep weights that are important for the predictions of a task."""

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from clnp_core.shared_weights import released, take_over
from workers.baselines.penalty import Anchor, shared_parameters
from workers.data.loader import TaskData

VALUES_AT_ONCE = 50_000_000
"""Maximum number of values in the gradients of single samples that are in memory at a time."""


def with_task(anchor: Anchor, network: Network, task: int, data: TaskData, samples: int, seed: int) -> Anchor:
    """Return the anchor with the quadratic penalty of one more task.

    Args:
        anchor: of the tasks before.
        network: after training on the task, on the device of ``data``.
        task: counted from 1.
        data: the task.
        samples: training samples over which the Fisher information is averaged; all if there are fewer.
        seed: of the choice of samples, and of the labels that are drawn for them.
    """
    generator = torch.Generator().manual_seed(seed)
    base = released(network)
    free = FreeNetwork(base, generator)
    take_over(free, network, task)
    chosen = torch.randperm(len(data.train), generator=generator)[:samples].to(data.train.inputs.device)
    information = fisher_information(free.eval(), data.train.inputs[chosen], generator)
    precision, target = dict(anchor.precision), dict(anchor.target)
    for name, weight in shared_parameters(free).items():
        own, nothing = information[name], torch.zeros_like(weight)
        precision[name] = precision.get(name, nothing) + own
        target[name] = target.get(name, nothing) + own * weight.detach()
    return Anchor(precision, target)


def fisher_information(free: FreeNetwork, inputs: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the diagonal of the Fisher information: the mean square of ∂ log p(y | x) / ∂ θ, with y drawn from p(y | x).

    Args:
        free: in evaluation mode.
        inputs: float [samples, *input shape].
        generator: on the CPU, of the labels.

    Returns:
        Tensors by the name of a shared parameter, with its shape.
    """
    parameters = {name: value.detach() for name, value in free.named_parameters()}
    shared = {name: parameters[name] for name in shared_parameters(free)}
    others = {name: value for name, value in parameters.items() if name not in shared}
    others |= dict(free.named_buffers())

    def loss(weights: dict[str, Tensor], sample: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(free, {**others, **weights}, (sample[None], ()))
        return torch.nn.functional.cross_entropy(logits, label[None])

    sums = {name: torch.zeros_like(value) for name, value in shared.items()}
    each = max(1, VALUES_AT_ONCE // sum(value.numel() for value in shared.values()))
    for batch in inputs.split(each):
        with torch.no_grad():
            chances = functional_call(free, {**others, **shared}, (batch, ())).softmax(dim=1)
        labels = torch.multinomial(chances.cpu(), 1, generator=generator).flatten().to(batch.device)
        gradients = vmap(grad(loss), in_dims=(None, 0, 0))(shared, batch, labels)
        for name, values in gradients.items():
            sums[name] += values.square().sum(dim=0)
    return {name: total / len(inputs) for name, total in sums.items()}
