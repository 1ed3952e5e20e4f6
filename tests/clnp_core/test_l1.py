"""The regulator: a sum over free weights, never over biases."""

import pytest
import torch
from torch import nn

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.frozen_activations import frozen_activations
from clnp_core.l1 import add_l1_gradient, l1_penalty
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from tests.clnp_core.builders import History, drawn_network, generator

ALPHA = [0.01, 0.2, 3.0]


def free_network(head: HeadKind, seed: int = 6) -> tuple[FreeNetwork, torch.Tensor, tuple[torch.Tensor, ...]]:
    base = drawn_network(mlp(5, (8, 9), 3, head=head), 2, seed)
    inputs = torch.randn(11, 5, generator=generator(seed))
    return FreeNetwork(base, generator(seed + 1)), inputs, frozen_activations(base, inputs)


def loss(free: FreeNetwork, inputs: torch.Tensor, frozen: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(free(inputs, frozen), torch.arange(len(inputs)) % 3)


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_the_gradient_is_that_of_the_penalty_in_the_loss(head: HeadKind) -> None:
    free, inputs, frozen = free_network(head)
    penalty = sum(alpha * weight.abs().sum() for alpha, weights in zip(ALPHA, free.penalised(), strict=True)
                  for weight in weights)
    (loss(free, inputs, frozen) + penalty).backward()
    expected = {name: parameter.grad.clone() for name, parameter in free.named_parameters() if parameter.numel()}
    free.zero_grad()
    loss(free, inputs, frozen).backward()
    add_l1_gradient(free.penalised(), ALPHA)
    for name, parameter in free.named_parameters():
        if parameter.numel():
            assert torch.allclose(parameter.grad, expected[name], rtol=1e-6, atol=1e-7), name


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_every_free_weight_is_penalised_once_and_no_bias_ever(head: HeadKind) -> None:
    free, inputs, frozen = free_network(head)
    loss(free, inputs, frozen).backward()
    before = {name: parameter.grad.clone() for name, parameter in free.named_parameters() if parameter.numel()}
    add_l1_gradient(free.penalised(), [1e6] * 3)
    for name, parameter in free.named_parameters():
        if parameter.numel():
            moved = not torch.equal(parameter.grad, before[name])
            assert moved == ("bias" not in name), name
    penalised = [id(weight) for weights in free.penalised() for weight in weights]
    assert len(penalised) == len(set(penalised))


def weight_with_gradient(values: list[float]) -> nn.Parameter:
    weight = nn.Parameter(torch.tensor(values))
    weight.grad = torch.zeros_like(weight)
    return weight


def test_a_weight_of_exactly_zero_is_not_pushed() -> None:
    weight = weight_with_gradient([-2.0, 0.0, -0.0, 1e-40, 3.0])
    add_l1_gradient([[weight]], [0.5])
    assert weight.grad is not None and weight.grad.tolist() == [-0.5, 0.0, 0.0, 0.5, 0.5]


def test_the_gradient_is_added_to_what_is_there() -> None:
    weight = weight_with_gradient([1.0, -1.0])
    weight.grad = torch.tensor([10.0, 20.0])
    add_l1_gradient([[weight]], [2.0])
    assert weight.grad.tolist() == [12.0, 18.0]


def test_alpha_zero_touches_nothing_and_needs_no_gradient() -> None:
    untouched = nn.Parameter(torch.ones(2))
    add_l1_gradient([[untouched]], [0.0])
    assert untouched.grad is None


def test_a_weight_without_a_gradient_gets_the_penalty_s() -> None:
    """As autograd would: the loss does not depend on the weight, the penalty does."""
    weight = nn.Parameter(torch.tensor([2.0, 0.0, -3.0]))
    add_l1_gradient([[weight]], [0.5])
    assert weight.grad is not None and weight.grad.tolist() == [0.5, 0.0, -0.5]


def test_each_layer_has_its_own_alpha() -> None:
    first, second = weight_with_gradient([1.0]), weight_with_gradient([1.0])
    add_l1_gradient([[first], [second]], [0.25, 4.0])
    assert first.grad is not None and second.grad is not None
    assert (first.grad.item(), second.grad.item()) == (0.25, 4.0)


def test_as_many_alphas_as_layers() -> None:
    with pytest.raises(ValueError, match="zip"):
        add_l1_gradient([[weight_with_gradient([1.0])]], [0.1, 0.2])


def test_the_penalty_is_a_sum_and_not_a_mean() -> None:
    layers = [[weight_with_gradient([1.0, -2.0]), weight_with_gradient([3.0])], [weight_with_gradient([-4.0])]]
    assert l1_penalty(layers, [0.5, 2.0]) == 0.5 * 6 + 2.0 * 4
    assert l1_penalty(layers, [0.0, 0.0]) == 0.0


def test_the_penalty_of_a_first_task_is_over_all_weights() -> None:
    free = FreeNetwork(empty_network(mlp(5, (4, 3), 2)), generator(1))
    dense = free.assemble(1)
    weights = [dense.hidden[0].weight, dense.hidden[1].weight, dense.head(1).weight]
    assert l1_penalty(free.penalised(), ALPHA) == pytest.approx(
        sum(alpha * float(weight.double().abs().sum()) for alpha, weight in zip(ALPHA, weights, strict=True)))


def test_the_penalty_knows_no_frozen_weight(history: History) -> None:
    """Its terms are the rows of the free neurons and the columns that a new head trains, and no more."""
    free = FreeNetwork(history.newest, generator(2))
    sizes = [sum(weight.numel() for weight in weights) for weights in free.penalised()]
    rows = [int((owner == 0).sum()) for owner in history.newest.activated_by]
    architecture = history.newest.architecture
    assert sizes[:2] == [rows[0] * architecture.inputs, rows[1] * architecture.hidden[0]]
    columns = architecture.hidden[1] if architecture.head is HeadKind.MULTI else rows[1]
    assert sizes[2] == architecture.classes * columns
