"""The sub-network of one task as a small dense network."""

import torch

from clnp_core.architecture import DIVIDED_HEADS, Activation, HeadKind
from clnp_core.capacity import path_neurons
from clnp_core.compact import extract
from clnp_core.evaluation import canonical_logits
from clnp_core.network import FREE, Network, head_key
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork, widen
from clnp_core.pruning import prune
from tests.clnp_core.builders import History, drawn_network, drawn_scan, generator, same_bits


def test_the_extract_computes_the_same_with_fewer_neurons(history: History) -> None:
    for task, inputs in history.test_inputs.items():
        small = extract(history.newest, task)
        assert torch.allclose(canonical_logits(small, inputs, task), canonical_logits(history.newest, inputs, task), atol=1e-5)
        assert list(small.architecture.hidden) == [int(path.sum()) for path in path_neurons(history.newest, task)]
        assert small.architecture.hidden_total < history.newest.architecture.hidden_total
        assert list(small.heads) == [head_key(history.newest.architecture, task)]
        assert small.architecture.layers[0].activation is history.newest.architecture.layers[0].activation


def test_every_nonlinearity_survives_the_cut() -> None:
    inputs = torch.randn(20, 6, generator=generator(1))
    for activation in Activation:
        for head in DIVIDED_HEADS:
            network = drawn_network(mlp(6, (9, 8, 7), 3, activation, head, head is HeadKind.MULTI), 2, seed=8)
            for task in (1, 2):
                small = extract(network, task)
                assert torch.allclose(canonical_logits(small, inputs, task), canonical_logits(network, inputs, task), atol=1e-5)


def test_neurons_keep_their_order_and_their_bits(history: History) -> None:
    network = history.newest
    for task in history.published:
        small = extract(network, task)
        first, second = (torch.nonzero(path).flatten() for path in path_neurons(network, task))
        assert same_bits(small.hidden[0].weight, network.hidden[0].weight[first])
        assert same_bits(small.hidden[1].weight, network.hidden[1].weight[second][:, first])
        assert same_bits(small.hidden[1].bias, network.hidden[1].bias[second])
        assert same_bits(small.head(task).weight, network.head(task).weight[:, second])
        assert torch.equal(small.activated_by[0], network.activated_by[0][first])


def test_what_is_cut_out_shares_no_memory(history: History) -> None:
    small = extract(history.newest, 1)
    before = history.newest.hidden[0].weight.clone()
    small.hidden[0].weight.fill_(7.0)
    assert torch.equal(history.newest.hidden[0].weight, before)


def all_pruned(head: HeadKind, activation: Activation = Activation.RELU) -> tuple[Network, torch.Tensor]:
    """A first task of which nothing is left, and a second one that took neuron 0 of every layer."""
    scan = drawn_scan(mlp(6, (5, 4), 3, activation, head), tasks=1, seed=9)
    empty = prune(scan.network, 1, scan.activities, (1e9, 1e9))
    return FreeNetwork(empty, generator(3)).assemble(2), scan.inputs


def test_a_task_of_which_nothing_is_left_becomes_the_smallest_chain() -> None:
    for head in DIVIDED_HEADS:
        for activation in Activation:
            network, inputs = all_pruned(head, activation)
            small = extract(network, 1)
            assert small.architecture.hidden == (1, 1)
            logits = canonical_logits(small, inputs, 1)
            assert torch.equal(logits, canonical_logits(network, inputs, 1)) and not logits.any()


def test_the_stand_in_for_an_empty_layer_says_nothing_about_other_tasks() -> None:
    """Otherwise a widening would be refused because another task has taken neuron 0 since."""
    for head in DIVIDED_HEADS:
        network, _ = all_pruned(head)
        assert not extract(network, 1).head(1).weight.any()
        for rows, owner in zip(extract(network, 1).hidden, extract(network, 1).activated_by, strict=True):
            assert owner.tolist() == [FREE]
            assert not rows.weight.any() and not rows.bias.any()


def test_an_empty_first_layer_under_neurons_that_live_by_their_bias() -> None:
    scan = drawn_scan(mlp(6, (5, 4), 3, head=HeadKind.MULTI), tasks=1, seed=9)
    pruned = prune(scan.network, 1, scan.activities, (1e9, None))
    pruned.hidden[1].bias.fill_(0.5)
    small = extract(pruned, 1)
    assert small.architecture.hidden == (1, 4)
    assert not small.hidden[1].weight.any()
    logits = canonical_logits(small, scan.inputs, 1)
    assert torch.allclose(logits, canonical_logits(pruned, scan.inputs, 1), atol=1e-6) and bool(logits.any())


def test_a_widening_leaves_no_trace_in_the_extract(history: History) -> None:
    wide = widen(history.newest, [30, 29])
    for task in history.published:
        before, after = extract(history.newest, task).to_tensors(), extract(wide, task).to_tensors()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
