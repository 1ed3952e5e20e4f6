"""Frozen rows and free rows: what a task may train, and the dense network that results."""

import pytest
import torch

from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.errors import DepletedError, StateError
from clnp_core.evaluation import canonical_logits, hidden_activations
from clnp_core.frozen_activations import frozen_activations
from clnp_core.heads import neurons_read_in_training
from clnp_core.network import FREE, Network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork, widen
from tests.clnp_core.builders import History, blobs, copied, drawn_network, generator, same_bits, train
from tests.messages import tells

CHAIN = mlp(6, (9, 8, 7), 3, head=HeadKind.MULTI, head_bias=True)
BOTH = [CHAIN, mlp(6, (9, 8, 7), 3, head=HeadKind.SINGLE)]
HEADS = pytest.mark.parametrize("architecture", BOTH, ids=["multi", "single"])
X = torch.randn(31, 6, generator=generator(11))


def depleted(architecture: Architecture, layers: set[int], seed: int = 2) -> Network:
    """A base in which every neuron of ``layers`` is active."""
    base = drawn_network(architecture, 1, seed)
    return Network(base.architecture, base.hidden, base.heads,
                   tuple(torch.ones_like(owner) if layer in layers else owner
                         for layer, owner in enumerate(base.activated_by)))


@HEADS
@pytest.mark.parametrize("tasks", [0, 1, 2])
def test_the_parameters_are_exactly_the_free_rows_and_the_new_head(architecture: Architecture, tasks: int) -> None:
    base = drawn_network(architecture, tasks, seed=1)
    free = FreeNetwork(base, generator(1))
    rows = [int((owner == FREE).sum()) for owner in base.activated_by]
    expected = sum(count * (architecture.fan_in(layer) + 1) for layer, count in enumerate(rows))
    columns = 7 if architecture.head is HeadKind.MULTI else rows[-1]
    expected += 3 * columns + (3 if architecture.head_bias else 0)
    assert sum(parameter.numel() for parameter in free.parameters()) == expected
    assert sum(parameter.numel() for parameter in free.trainable()) == expected
    assert all(parameter.numel() for parameter in free.trainable())
    assert not list(free.buffers())


OPTIMIZERS = {
    "sgd with momentum and weight decay": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.5),
    "Adam with weight decay": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.1),
}


@HEADS
@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_no_optimizer_moves_a_frozen_bit(architecture: Architecture, name: str) -> None:
    base = drawn_network(architecture, 2, seed=3)
    before = copied(base)
    inputs, labels = blobs(5, 40, 6)
    free = FreeNetwork(base, generator(4))
    start = free.assemble(3)
    train(free, base, inputs, labels, OPTIMIZERS[name](free.trainable()), alpha=0.01, steps=12)
    dense = free.assemble(3)
    for tensor, old in zip(base.to_tensors().values(), before.to_tensors().values(), strict=True):
        assert torch.equal(tensor, old)  # the base itself
    for layer, owner in enumerate(base.activated_by):
        frozen = owner != FREE
        assert bool(frozen.any()) and not bool(frozen.all())
        assert same_bits(dense.hidden[layer].weight[frozen], base.hidden[layer].weight[frozen])
        assert same_bits(dense.hidden[layer].bias[frozen], base.hidden[layer].bias[frozen])
        assert not torch.equal(dense.hidden[layer].weight[~frozen], start.hidden[layer].weight[~frozen])
        assert not torch.equal(dense.hidden[layer].bias[~frozen], start.hidden[layer].bias[~frozen])
    frozen = base.activated_by[-1] != FREE
    for key, head in base.heads.items():
        assert same_bits(dense.heads[key].weight[:, frozen], head.weight[:, frozen])


@HEADS
@pytest.mark.parametrize("activation", list(Activation))
def test_training_and_the_dense_network_compute_the_same(architecture: Architecture, activation: Activation) -> None:
    chain = mlp(6, (9, 8, 7), 3, activation, architecture.head, architecture.head_bias)
    base = drawn_network(chain, 2, seed=5)
    free = FreeNetwork(base, generator(6))
    logits = free(X, frozen_activations(base, X))
    assert torch.allclose(logits, canonical_logits(free.assemble(3), X, 3), atol=1e-5)
    assert bool((logits.std(dim=0) > 1e-4).all())


def test_a_dense_network_in_double_precision_agrees_to_nine_digits() -> None:
    base = drawn_network(CHAIN, 2, seed=5)
    base = Network(base.architecture,
                   tuple(rows.map(torch.Tensor.double) for rows in base.hidden),
                   {k: type(h)(h.weight.double(), None if h.bias is None else h.bias.double()) for k, h in base.heads.items()},
                   base.activated_by)
    free = FreeNetwork(base, generator(6), dtype=torch.float64)
    dense, x = free.assemble(3), X.double()
    head = dense.head(3)
    expected = torch.nn.functional.linear(hidden_activations(dense, x)[-1], head.weight, head.bias)
    assert torch.allclose(free(x, frozen_activations(base, x)), expected, rtol=1e-9, atol=1e-12)


@HEADS
def test_every_free_neuron_goes_to_the_new_task(architecture: Architecture) -> None:
    base = drawn_network(architecture, 2, seed=5)
    dense = FreeNetwork(base, generator(6)).assemble(3)
    for before, after in zip(base.activated_by, dense.activated_by, strict=True):
        assert after.dtype == torch.int16
        assert after.tolist() == [owner or 3 for owner in before.tolist()]


@HEADS
def test_an_active_neuron_never_reads_a_free_one(architecture: Architecture) -> None:
    base = drawn_network(architecture, 2, seed=5)
    free = FreeNetwork(base, generator(6))
    inputs, labels = blobs(5, 40, 6)
    train(free, base, inputs, labels, torch.optim.Adam(free.trainable(), lr=0.1), steps=5)
    dense = free.assemble(3)
    for layer in range(1, 3):
        into_old = dense.hidden[layer].weight[base.activated_by[layer] != FREE]
        assert not into_old[:, base.activated_by[layer - 1] == FREE].any()


@torch.no_grad()
@HEADS
def test_rows_are_drawn_with_the_fan_in_of_the_whole_row(architecture: Architecture) -> None:
    """PyTorch's default: uniform within ±1/√fan_in, however much of the row is frozen below."""
    wide = mlp(50, (60, 80), 40, head=architecture.head, head_bias=architecture.head_bias)
    base = drawn_network(wide, 2, seed=7)
    free = FreeNetwork(base, generator(8))
    for layer, fan_in in enumerate((50, 60)):
        values = torch.cat([free.from_active[layer].flatten(), free.from_free[layer].flatten()])
        bound = fan_in ** -0.5
        assert 0.98 * bound < float(values.abs().max()) <= bound
        assert float(free.vectors[f"bias_{layer}"].abs().max()) <= bound
        assert abs(float(values.mean())) < 0.1 * bound
        assert float(values.std()) == pytest.approx(bound / 3 ** 0.5, rel=0.1)
    head = torch.cat([free.head_from_active.flatten(), free.head_from_free.flatten()])
    assert 0.98 * 80 ** -0.5 < float(head.abs().max()) <= 80 ** -0.5
    if free.head_bias is not None:
        assert float(free.head_bias.abs().max()) <= 80 ** -0.5


@HEADS
def test_the_generator_is_the_only_source_of_randomness(architecture: Architecture) -> None:
    base = drawn_network(architecture, 1, seed=9)
    torch.manual_seed(1)
    one = FreeNetwork(base, generator(1))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    same, other = FreeNetwork(base, generator(1)), FreeNetwork(base, generator(2))
    assert torch.equal(torch.get_rng_state(), state)
    for left, right, third in zip(one.trainable(), same.trainable(), other.trainable(), strict=True):
        assert torch.equal(left, right) and not torch.equal(left, third)


@pytest.mark.parametrize("layers", [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}])
def test_a_multi_head_trains_whatever_is_left_and_the_head_at_last(layers: set[int]) -> None:
    base = depleted(CHAIN, layers)
    free = FreeNetwork(base, generator(1))
    before = free.assemble(2)
    inputs, labels = blobs(5, 40, 6)
    train(free, base, inputs, labels, torch.optim.SGD(free.trainable(), lr=0.1, momentum=0.9, weight_decay=0.1), steps=6)
    dense = free.assemble(2)
    logits = free(X, frozen_activations(base, X))
    assert torch.allclose(logits, canonical_logits(dense, X, 2), atol=1e-5)
    assert not torch.equal(dense.head(2).weight, before.head(2).weight)
    for layer in layers:
        assert same_bits(dense.hidden[layer].weight, base.hidden[layer].weight)
        assert same_bits(dense.hidden[layer].bias, base.hidden[layer].bias)
    if layers == {0, 1, 2}:
        assert {id(parameter) for parameter in free.trainable()} == {id(free.head_from_active), id(free.head_bias)}


@pytest.mark.parametrize("layers", [{0}, {1}, {0, 1}])
def test_a_single_head_trains_while_its_last_layer_has_room(layers: set[int]) -> None:
    base = depleted(BOTH[1], layers)
    free = FreeNetwork(base, generator(1))
    assert torch.allclose(free(X, frozen_activations(base, X)), canonical_logits(free.assemble(2), X, 2), atol=1e-5)


def test_a_single_head_without_room_says_so_and_how_to_go_on() -> None:
    with pytest.raises(DepletedError) as refused:
        FreeNetwork(depleted(BOTH[1], {2}), generator(1))
    assert tells(refused.value, "capacity.on_depletion")


@HEADS
def test_penalised_weights_come_by_layer_and_the_output_last(architecture: Architecture) -> None:
    base = drawn_network(architecture, 1, seed=5)
    free = FreeNetwork(base, generator(6))
    layers = free.penalised()
    assert len(layers) == 4
    assert [sum(w.numel() for w in weights) for weights in layers[:3]] == [
        int((owner == FREE).sum()) * architecture.fan_in(layer) for layer, owner in enumerate(base.activated_by)]
    read = neurons_read_in_training(architecture, base.activated_by[-1])
    assert sum(w.numel() for w in layers[3]) == 3 * int(read.sum())


def test_widening_keeps_old_bits_and_adds_free_zeros(history: History) -> None:
    old = history.newest
    wide = widen(old, [27, 22])
    assert wide.architecture == old.architecture.with_hidden([27, 22])
    for before, after in zip(old.hidden, wide.hidden, strict=True):
        rows, columns = before.weight.shape
        assert same_bits(after.weight[:rows, :columns], before.weight)
        assert not after.weight[rows:].any() and not after.weight[:, columns:].any()
        assert same_bits(after.bias[:rows], before.bias) and not after.bias[rows:].any()
    for before, after in zip(old.activated_by, wide.activated_by, strict=True):
        assert torch.equal(after[:len(before)], before) and after.dtype == before.dtype
        assert after[len(before):].tolist() == [FREE] * (len(after) - len(before))
    for key, head in old.heads.items():
        assert same_bits(wide.heads[key].weight[:, :20], head.weight) and not wide.heads[key].weight[:, 20:].any()
        assert (wide.heads[key].bias is None) == (head.bias is None)
    inputs = history.test_inputs[1]
    for task in history.published:
        assert torch.allclose(canonical_logits(wide, inputs, task), canonical_logits(old, inputs, task), atol=1e-5)


def test_widening_by_nothing_is_the_same_network(history: History) -> None:
    assert widen(history.newest, history.newest.architecture.hidden) is history.newest


@pytest.mark.parametrize("widths", [[23, 20], [24, 19], [24], [24, 20, 5]])
def test_a_layer_cannot_lose_neurons(history: History, widths: list[int]) -> None:
    with pytest.raises(StateError) as refused:
        widen(history.newest, widths)
    assert tells(refused.value, "[24, 20]", widths)


def test_a_widened_network_has_room_for_a_next_task() -> None:
    base = widen(depleted(BOTH[1], {0, 1, 2}), [9, 8, 10])
    dense = FreeNetwork(base, generator(1)).assemble(2)
    assert [int((owner == 2).sum()) for owner in dense.activated_by] == [0, 0, 3]
