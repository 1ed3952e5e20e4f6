"""The Fisher information against what it is by definition, sample for sample."""

import torch

from clnp_core.architecture import HeadKind
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from clnp_core.shared_weights import undivided
from workers.baselines.ewc import fisher_information, with_task
from workers.baselines.penalty import Anchor, shared_parameters
from workers.data.loader import Samples, TaskData


def network() -> FreeNetwork:
    return FreeNetwork(empty_network(mlp(6, (5, 4), 3, head=HeadKind.SHARED)), torch.Generator().manual_seed(1)).eval()


def test_it_is_the_mean_square_of_single_gradients() -> None:
    free, inputs = network(), torch.randn(7, 6, generator=torch.Generator().manual_seed(2))
    found = fisher_information(free, inputs, torch.Generator().manual_seed(3))
    labels = torch.multinomial(free(inputs, ()).softmax(dim=1), 1, generator=torch.Generator().manual_seed(3)).flatten()
    sums = {name: torch.zeros_like(weight) for name, weight in shared_parameters(free).items()}
    for sample, label in zip(inputs, labels, strict=True):
        free.zero_grad()
        torch.nn.functional.cross_entropy(free(sample[None], ()), label[None]).backward()
        for name, weight in shared_parameters(free).items():
            assert weight.grad is not None
            sums[name] += weight.grad.square()
    assert found.keys() == sums.keys()
    for name, total in sums.items():
        torch.testing.assert_close(found[name], total / len(inputs))


def test_every_task_adds_its_quadratic() -> None:
    """Two tasks at the same weights: twice the precision, and still the same middle."""
    free, draw = network(), torch.Generator().manual_seed(4)
    trained = undivided(free.assemble(1))
    samples = Samples(torch.randn(40, 6, generator=draw), torch.randint(3, (40,), generator=draw))
    data = TaskData(samples, samples, samples, 3)
    once = with_task(Anchor.none(), trained, 1, data, 40, seed=5)
    twice = with_task(once, trained, 2, data, 40, seed=5)
    for name, weight in shared_parameters(free).items():
        torch.testing.assert_close(twice.precision[name], 2 * once.precision[name])
        torch.testing.assert_close(twice.target[name], twice.precision[name] * weight.detach())
    assert max(float(values.max()) for values in once.precision.values()) > 0
