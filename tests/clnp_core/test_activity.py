"""How much each neuron fires."""

import pytest
import torch
from torch import Tensor

from clnp_core.activity import mean_activity
from clnp_core.architecture import Activation, HeadKind
from clnp_core.layers import activate
from clnp_core.network import FREE, Network
from clnp_core.networks import mlp
from tests.clnp_core.builders import History, drawn_network, network_of

CHAIN = mlp(6, (8, 7), 3)


def reference(network: Network, inputs: Tensor) -> list[Tensor]:
    """The formula, sample by sample, in float64."""
    totals = [torch.zeros(width, dtype=torch.float64) for width in network.architecture.hidden]
    for sample in inputs.double():
        values = sample
        for total, rows, owner in zip(totals, network.hidden, network.activated_by, strict=True):
            values = activate(rows.weight.double() @ values + rows.bias.double(), network.architecture.layers[0].activation)
            values = torch.where(owner == FREE, 0.0, values)
            total += values.abs()
    return [total / len(inputs) for total in totals]


@pytest.mark.parametrize("activation", list(Activation))
def test_activity_is_the_mean_absolute_activation(activation: Activation) -> None:
    network = drawn_network(mlp(6, (8, 7), 3, activation), 2, seed=3)
    inputs = torch.randn(53, 6, generator=torch.Generator().manual_seed(1))
    found = mean_activity(network, inputs, batch_size=20)
    for measured, expected in zip(found, reference(network, inputs), strict=True):
        assert measured.dtype == torch.float64 and measured.device.type == "cpu"
        assert torch.allclose(measured, expected, rtol=1e-5, atol=1e-7)


def test_signs_do_not_cancel() -> None:
    network = network_of([(torch.tensor([[1.0]]), torch.zeros(1), [1])], {1: torch.ones(2, 1)}, Activation.TANH)
    activity, = mean_activity(network, torch.tensor([[-3.0], [3.0]]))
    assert activity.item() == pytest.approx(float(torch.tanh(torch.tensor(3.0))), rel=1e-6)


def test_padding_of_an_uneven_last_batch_does_not_count() -> None:
    """A neuron that fires on the padding only: weight 0 on the samples would hide it, a positive bias does not."""
    network = network_of([(torch.tensor([[-1.0]]), torch.tensor([1.0]), [1])], {1: torch.ones(2, 1)})
    activity, = mean_activity(network, torch.full((5, 1), 2.0), batch_size=4)
    assert activity.item() == 0.0
    activity, = mean_activity(network, torch.full((5, 1), 0.5), batch_size=4)
    assert activity.item() == 0.5


@pytest.mark.parametrize("batch_size", [1, 7, 53, 1000])
def test_the_batch_size_moves_the_mean_by_rounding_only(batch_size: int) -> None:
    network = drawn_network(CHAIN, 1, seed=4)
    inputs = torch.randn(53, 6, generator=torch.Generator().manual_seed(2))
    for one, other in zip(mean_activity(network, inputs, batch_size), mean_activity(network, inputs), strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=0)


def test_sums_are_kept_in_float64() -> None:
    """In float32 the mean of these would stop growing: 2²⁴ + 1 = 2²⁴."""
    network = network_of([(torch.tensor([[1.0]]), torch.zeros(1), [1])], {1: torch.ones(2, 1)})
    inputs = torch.cat([torch.tensor([[2.0 ** 24]]), torch.ones(3, 1)])
    activity, = mean_activity(network, inputs, batch_size=1)
    assert activity.item() == (2.0 ** 24 + 3) / 4
    activity, = mean_activity(network, inputs, batch_size=4)
    assert activity.item() == (2.0 ** 24 + 3) / 4


def test_free_neurons_have_exactly_no_activity_even_under_a_sigmoid() -> None:
    network = drawn_network(mlp(6, (8, 7), 3, Activation.SIGMOID, HeadKind.MULTI), 2, seed=5)
    for activity, owner in zip(mean_activity(network, torch.ones(9, 6)), network.activated_by, strict=True):
        assert bool((owner == FREE).any()) and bool((owner != FREE).any())
        assert (activity == 0.0).tolist() == (owner == FREE).tolist()


def test_activity_needs_no_gradient(history: History) -> None:
    inputs = torch.ones(4, history.newest.architecture.inputs, requires_grad=True)
    assert not any(activity.requires_grad for activity in mean_activity(history.newest, inputs))
