"""Pruning by activity, and severing what would interfere."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clnp_core.architecture import DIVIDED_HEADS, Activation, HeadKind
from clnp_core.evaluation import canonical_logits, hidden_activations
from clnp_core.forgetting import structure_faults
from clnp_core.layers import activate
from clnp_core.network import FREE, Network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from clnp_core.pruning import Ranking, keep, prune, survivors
from clnp_core.scores import mean_activity
from tests.clnp_core.builders import copied, drawn_network, drawn_scan, generator, network_of, same_bits

CHAIN = mlp(6, (9, 8, 7), 3)
OWNERS = [[1, 2, 2, 2], [1, 1, 2, 2]]


def written_network() -> Network:
    draw = generator(1)
    return network_of([(torch.randn(4, 3, generator=draw), torch.randn(4, generator=draw), OWNERS[0]),
                       (torch.randn(4, 4, generator=draw), torch.randn(4, generator=draw), OWNERS[1])],
                      {1: torch.randn(2, 4, generator=draw), 2: torch.randn(2, 4, generator=draw)})


ACTIVITIES = (torch.tensor([0.0, 0.5, 0.25, 0.75], dtype=torch.float64),
              torch.tensor([0.0, 9.0, 0.5, 0.0], dtype=torch.float64))


def kept_by(thresholds: tuple[float | None, ...]) -> list[list[int]]:
    return [stays.int().tolist() for stays in survivors(written_network(), 2, ACTIVITIES, thresholds)]


def test_a_neuron_stays_only_above_its_threshold_and_an_old_one_always() -> None:
    assert kept_by((0.5, 0.5)) == [[1, 0, 0, 1], [1, 1, 0, 0]]
    assert kept_by((0.25, 0.25)) == [[1, 1, 0, 1], [1, 1, 1, 0]]
    assert kept_by((99.0, 99.0)) == [[1, 0, 0, 0], [1, 1, 0, 0]]


def test_zero_frees_the_dead_and_none_frees_nothing() -> None:
    assert kept_by((0.0, 0.0)) == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert kept_by((None, None)) == [[1, 1, 1, 1], [1, 1, 1, 1]]


def test_each_layer_has_its_own_threshold() -> None:
    assert kept_by((0.5, None)) == [[1, 0, 0, 1], [1, 1, 1, 1]]
    assert kept_by((None, 0.5)) == [[1, 1, 1, 1], [1, 1, 0, 0]]


def test_a_neuron_that_was_free_already_does_not_come_back() -> None:
    network = prune(written_network(), 2, ACTIVITIES, (0.5, 0.5))
    assert [stays.int().tolist() for stays in survivors(network, 2, ACTIVITIES, (0.0, 0.0))] == [
        [1, 0, 0, 1], [1, 1, 0, 0]]
    assert kept_by((0.5, 0.5)) == [(owner != FREE).int().tolist() for owner in network.activated_by]


@pytest.mark.parametrize("activation", list(Activation))
def test_a_pruned_neuron_says_exactly_zero(activation: Activation) -> None:
    """Whatever the nonlinearity makes of a zero row, and however positive its bias was."""
    network = drawn_network(mlp(6, (9, 8, 7), 3, activation), 1, seed=2, pruned_last=False)
    for rows in network.hidden:
        rows.bias.fill_(2.0)
    inputs = torch.randn(40, 6, generator=generator(3))
    activities = mean_activity(network, inputs)
    thetas = tuple(float(activity.median()) for activity in activities)
    pruned = prune(network, 1, activities, thetas)
    for outputs, activity, theta in zip(hidden_activations(pruned, inputs), activities, thetas, strict=True):
        dead = activity <= theta
        assert bool(dead.any()) and not outputs[:, dead].any()
        assert bool(outputs[:, ~dead].any(dim=0).all())


def test_a_unit_that_lost_all_its_inputs_stays_for_its_positive_bias() -> None:
    network = network_of([(torch.ones(2, 2), torch.zeros(2), [1, 1]), (torch.ones(2, 2), torch.tensor([0.0, 0.5]), [1, 1])],
                         {1: torch.eye(2)})
    activities = (torch.tensor([1.0, 1.0], dtype=torch.float64), torch.tensor([2.0, 3.0], dtype=torch.float64))
    pruned = prune(network, 1, activities, (1.0, 2.0))
    assert [owner.tolist() for owner in pruned.activated_by] == [[0, 0], [0, 1]]
    assert not pruned.hidden[1].weight.any()
    assert canonical_logits(pruned, torch.ones(1, 2), 1).tolist() == [[0.0, 0.5]]


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_what_is_pruned_leaves_nothing_behind(head: HeadKind) -> None:
    scan = drawn_scan(mlp(6, (9, 8, 7), 3, head=head), tasks=2, seed=4)
    thetas = tuple(float(activity.median()) for activity in scan.activities)
    pruned = prune(scan.network, 2, scan.activities, thetas)
    below = torch.zeros(6, dtype=torch.bool)
    for rows, owner in zip(pruned.hidden, pruned.activated_by, strict=True):
        dead = owner == FREE
        assert bool(dead.any()) and owner.dtype == torch.int16
        assert not rows.weight[dead].any() and not rows.bias[dead].any()
        assert not rows.weight[:, below].any()
        assert bool((rows.weight[~dead][:, ~below] != 0).any())
        below = dead
    assert not pruned.head(2).weight[:, below].any()
    assert structure_faults(pruned, 2, {1: scan_base(head)}) == []


def scan_base(head: HeadKind) -> Network:
    return drawn_network(mlp(6, (9, 8, 7), 3, head=head), 1, seed=4)


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_what_stays_keeps_its_bits(head: HeadKind) -> None:
    scan = drawn_scan(mlp(6, (9, 8, 7), 3, head=head), tasks=2, seed=4)
    pruned = prune(scan.network, 2, scan.activities, tuple(float(a.median()) for a in scan.activities))
    below = torch.ones(6, dtype=torch.bool)
    for before, after, owner in zip(scan.network.hidden, pruned.hidden, pruned.activated_by, strict=True):
        stays = owner != FREE
        assert same_bits(before.weight[stays][:, below], after.weight[stays][:, below])
        assert same_bits(before.bias[stays], after.bias[stays])
        below = stays
    assert same_bits(scan.network.head(2).weight[:, below], pruned.head(2).weight[:, below])


def test_the_heads_of_earlier_tasks_are_passed_on_untouched() -> None:
    network = written_network()
    pruned = prune(network, 2, ACTIVITIES, (0.5, 0.5))
    assert pruned.heads.keys() == network.heads.keys()
    assert pruned.heads[1] is network.heads[1]
    assert pruned.heads[2].weight[:, 2:].abs().sum() == 0


def test_the_input_is_left_as_it_was() -> None:
    network = written_network()
    before = copied(network)
    prune(network, 2, ACTIVITIES, (99.0, 99.0))
    for name, tensor in before.to_tensors().items():
        assert torch.equal(tensor, network.to_tensors()[name]), name


def test_pruned_outputs_are_those_of_the_network_without_the_neurons() -> None:
    """Against a forward pass in which the pruned neurons' activations are simply left out."""
    scan = drawn_scan(CHAIN, tasks=2, seed=5)
    kept = survivors(scan.network, 2, scan.activities, tuple(float(a.median()) for a in scan.activities))
    values, index = scan.inputs, torch.arange(6)
    for rows, stays in zip(scan.network.hidden, kept, strict=True):
        values = activate(values @ rows.weight[stays][:, index].t() + rows.bias[stays], CHAIN.layers[0].activation)
        index = torch.nonzero(stays).flatten()
    own = scan.network.activated_by[-1][index] == 2
    expected = values[:, own] @ scan.network.head(2).weight[:, index[own]].t()
    actual = canonical_logits(keep(scan.network, 2, kept), scan.inputs, 2)
    assert torch.allclose(actual, expected, atol=1e-5)


def test_everything_pruned_leaves_a_network_that_can_be_trained_again() -> None:
    scan = drawn_scan(mlp(6, (9, 8), 3, head=HeadKind.MULTI, head_bias=True), tasks=1, seed=6)
    empty = prune(scan.network, 1, scan.activities, (1e9, 1e9))
    assert all(bool((owner == FREE).all()) for owner in empty.activated_by)
    logits = canonical_logits(empty, scan.inputs, 1)
    bias = scan.network.head(1).bias
    assert bias is not None and torch.equal(logits, bias.expand_as(logits))
    assert FreeNetwork(empty, generator(1)).from_free[1].numel() == 8 * 9


RANKED = [torch.tensor([1, 2, 0, 2], dtype=torch.int16), torch.tensor([2, 1], dtype=torch.int16)]
RANKED_ACTIVITIES = [torch.tensor([9.0, 0.25, 8.0, 0.5]).double(), torch.tensor([0.5, 7.0]).double()]


def test_neurons_of_earlier_tasks_come_first_and_free_ones_never() -> None:
    first, second = Ranking(RANKED, 2, RANKED_ACTIVITIES).order
    assert first.tolist() == [0, 3, 1]
    assert second.tolist() == [1, 0]


def test_candidates_are_the_task_s_own_activities_and_zero() -> None:
    assert Ranking(RANKED, 2, RANKED_ACTIVITIES).candidates(range(2)) == [0.5, 0.25, 0.0]
    assert Ranking(RANKED, 2, RANKED_ACTIVITIES).candidates([1]) == [0.5, 0.0]
    assert Ranking(RANKED, 3, RANKED_ACTIVITIES).candidates(range(2)) == [0.0]


def test_equal_activities_are_one_candidate_and_go_together() -> None:
    ranking = Ranking([torch.ones(4, dtype=torch.int16)], 1, [torch.tensor([1.0, 2.0, 2.0, 3.0]).double()])
    assert ranking.candidates([0]) == [3.0, 2.0, 1.0, 0.0]
    assert [ranking.lengths((theta,)) for theta in (3.0, 2.0, 1.0, 0.0)] == [(0,), (1,), (3,), (4,)]


def test_none_prunes_nothing_of_its_layer() -> None:
    ranking = Ranking(RANKED, 2, RANKED_ACTIVITIES)
    assert ranking.lengths((None, 100.0)) == (3, 1)
    assert ranking.free((3, 1)) == 2


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), tasks=st.sampled_from([1, 2, 3]), share=st.floats(0, 1))
def test_the_beginning_of_the_list_is_what_survives(seed: int, tasks: int, share: float) -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3), tasks, seed, samples=20)
    ranking = Ranking(scan.network.activated_by, tasks, scan.activities)
    values = ranking.candidates(range(2))
    for theta in (values[int(share * (len(values) - 1))], share):
        kept = survivors(scan.network, tasks, scan.activities, (theta, theta))
        lengths = ranking.lengths((theta, theta))
        assert [set(order[:length].tolist()) for order, length in zip(ranking.order, lengths, strict=True)] == \
            [set(torch.nonzero(stays).flatten().tolist()) for stays in kept]
        assert ranking.free(lengths) == sum(int((~stays).sum()) for stays in kept)


def test_as_many_activities_as_layers() -> None:
    with pytest.raises(ValueError, match="zip"):
        Ranking(RANKED, 2, RANKED_ACTIVITIES[:1])
