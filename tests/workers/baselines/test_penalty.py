"""The quadratic penalty: its gradient, and that it travels through an artifact."""

import torch

from clnp_core.architecture import HeadKind
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from workers.baselines.penalty import Anchor, shared_parameters


def network(head: HeadKind) -> FreeNetwork:
    return FreeNetwork(empty_network(mlp(6, (5, 4), 3, head=head)), torch.Generator().manual_seed(1))


def test_the_gradient_is_that_of_the_quadratic() -> None:
    free = network(HeadKind.SHARED)
    draw = torch.Generator().manual_seed(2)
    shared = shared_parameters(free)
    precision = {name: torch.rand(weight.shape, generator=draw) for name, weight in shared.items()}
    middle = {name: torch.randn(weight.shape, generator=draw) for name, weight in shared.items()}
    anchor = Anchor(precision, {name: precision[name] * middle[name] for name in shared})
    loss = sum((3.0 / 2 * precision[name] * (weight - middle[name]) ** 2).sum() for name, weight in shared.items())
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    expected = {name: weight.grad.clone() for name, weight in shared.items() if weight.grad is not None}
    for weight in shared.values():
        weight.grad = torch.zeros_like(weight)
    anchor.add_gradient(free, 3.0)
    assert expected
    for name, weight in shared.items():
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad, expected[name])


def test_heads_of_their_own_are_not_held() -> None:
    assert not any(name.startswith("head_") for name in shared_parameters(network(HeadKind.MULTI)))
    assert any(name.startswith("head_") for name in shared_parameters(network(HeadKind.SHARED)))


def test_it_is_stored_and_found_again() -> None:
    anchor = Anchor({"vectors.bias_0": torch.tensor([1.0, 2.0])}, {"vectors.bias_0": torch.tensor([3.0, 4.0])})
    again = Anchor.from_tensors({**anchor.to_tensors(), "hidden.1.weight": torch.zeros(2)}, torch.device("cpu"))
    assert again.precision.keys() == again.target.keys() == {"vectors.bias_0"}
    assert torch.equal(again.target["vectors.bias_0"], torch.tensor([3.0, 4.0]))
    assert not Anchor.from_tensors({}, torch.device("cpu")).precision
