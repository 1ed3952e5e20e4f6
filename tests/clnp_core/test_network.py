"""One immutable value for the whole state between two tasks."""

import pytest
import torch

from clnp_core.architecture import Activation, HeadKind
from clnp_core.errors import ArtifactError
from clnp_core.layers import activate
from clnp_core.network import FREE, SHARED_HEAD, Network, empty_network, head_key
from clnp_core.networks import mlp
from tests.clnp_core.builders import History, same_bits
from tests.messages import naming, tells

MULTI = mlp(3, (4, 5), 2, head=HeadKind.MULTI, head_bias=True)
SINGLE = mlp(3, (4, 5), 2, head=HeadKind.SINGLE)


def test_the_base_of_the_first_task_is_free_and_zero() -> None:
    for architecture in (SINGLE, MULTI):
        network = empty_network(architecture)
        assert all(not tensor.any() for tensor in network.to_tensors().values())
        assert all(owner.dtype == torch.int16 and bool((owner == FREE).all()) for owner in network.activated_by)
        assert [tuple(rows.weight.shape) for rows in network.hidden] == [(4, 3), (5, 4)]
    assert list(empty_network(SINGLE).heads) == [SHARED_HEAD]
    assert list(empty_network(MULTI).heads) == []


def test_tasks_share_one_head_or_have_their_own() -> None:
    assert [head_key(SINGLE, task) for task in (1, 2)] == [SHARED_HEAD, SHARED_HEAD]
    assert [head_key(MULTI, task) for task in (1, 2)] == [1, 2]


def test_storage_returns_the_same_bits(history: History) -> None:
    network = history.newest
    again = Network.from_tensors(network.architecture, network.to_tensors())
    before, after = network.to_tensors(), again.to_tensors()
    assert list(again.heads) == sorted(network.heads)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)


def test_names_in_storage_count_layers_from_one() -> None:
    assert set(empty_network(SINGLE).to_tensors()) == {
        "hidden.1.weight", "hidden.1.bias", "hidden.1.activated_by",
        "hidden.2.weight", "hidden.2.bias", "hidden.2.activated_by", "head.0.weight"}


@pytest.mark.parametrize("name", ["hidden.2.weight", "hidden.1.bias", "hidden.2.activated_by", "head.0.weight"])
def test_a_missing_tensor_is_named(name: str) -> None:
    tensors = empty_network(SINGLE).to_tensors()
    del tensors[name]
    with pytest.raises(ArtifactError) as refused:
        Network.from_tensors(SINGLE, tensors)
    assert tells(refused.value, name)


def test_a_missing_head_bias_is_named(history: History) -> None:
    network = history.newest
    tensors = network.to_tensors()
    if network.architecture.head_bias:
        del tensors["head.2.bias"]
        with pytest.raises(ArtifactError, match=naming("missing")):
            Network.from_tensors(network.architecture, tensors)


@pytest.mark.parametrize(("name", "shape"), [("hidden.1.weight", (4, 3)), ("hidden.2.bias", (5,)), ("head.0.weight", (2, 5))])
def test_a_tensor_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    tensors = empty_network(SINGLE).to_tensors()
    tensors[name] = torch.zeros(7, *shape[1:])
    with pytest.raises(ArtifactError) as refused:
        Network.from_tensors(SINGLE, tensors)
    assert tells(refused.value, name, [7, *shape[1:]], list(shape))


def test_moving_keeps_every_bit_and_every_head(history: History) -> None:
    network = history.newest
    moved = network.to("cpu")
    assert moved.heads.keys() == network.heads.keys()
    for name, tensor in network.to_tensors().items():
        assert torch.equal(moved.to_tensors()[name], tensor)
    assert {tensor.device.type for tensor in network.to("meta").to_tensors().values()} == {"meta"}


VALUES = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])


@pytest.mark.parametrize(("activation", "expected"), [
    (Activation.RELU, VALUES.clamp(min=0)),
    (Activation.LEAKY_RELU, torch.where(VALUES < 0, 0.01 * VALUES, VALUES)),
    (Activation.TANH, (VALUES.exp() - (-VALUES).exp()) / (VALUES.exp() + (-VALUES).exp())),
    (Activation.SIGMOID, 1 / (1 + (-VALUES).exp())),
    (Activation.GELU, VALUES * 0.5 * (1 + torch.erf(VALUES / 2 ** 0.5))),
    (Activation.ELU, torch.where(VALUES < 0, VALUES.exp() - 1, VALUES)),
    (Activation.SILU, VALUES / (1 + (-VALUES).exp())),
])
def test_every_nonlinearity_is_the_function_of_its_name(activation: Activation, expected: torch.Tensor) -> None:
    assert torch.allclose(activate(VALUES, activation), expected, atol=1e-6)


def test_there_is_a_function_for_every_nonlinearity() -> None:
    outputs = [activate(VALUES, activation) for activation in Activation]
    assert not any(same_bits(one, other) for i, one in enumerate(outputs) for other in outputs[:i])
