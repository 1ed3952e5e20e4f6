"""How full the network is."""

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.capacity import capacity, free_neurons, path_neurons
from clnp_core.evaluation import canonical_logits
from clnp_core.network import FREE, Network, empty_network
from clnp_core.scores import mean_activity
from clnp_core.values import LayerCapacity
from tests.clnp_core.builders import History, copied, network_of


def written(head: HeadKind) -> Network:
    """Layer 1: two of task 1, one of task 2, one free; layer 2: one of task 1, two of task 2, one free."""
    first = (torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), torch.zeros(4), [1, 1, 2, 0])
    second = (torch.tensor([[1.0, 0.0, 0.0, 0.0],
                            [0.0, 1.0, 1.0, 0.0],
                            [0.0, 0.0, 0.0, 0.0],
                            [0.0, 0.0, 0.0, 0.0]]), torch.tensor([0.0, 0.0, 1.0, 0.0]), [1, 2, 2, 0])
    if head is HeadKind.SINGLE:
        return network_of([first, second], {0: torch.tensor([[1.0, 1.0, 1.0, 0.0]])}, head=head)
    return network_of([first, second], {1: torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
                                        2: torch.tensor([[0.0, 1.0, 1.0, 0.0]])}, head=head)


def masks(network: Network, task: int) -> list[list[int]]:
    return [mask.int().tolist() for mask in path_neurons(network, task)]


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_the_path_of_a_task_follows_nonzero_weights_from_its_head(head: HeadKind) -> None:
    assert masks(written(head), 1) == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert masks(written(head), 2) == [[0, 1, 1, 0], [0, 1, 1, 0]]


ACTIVITIES = (torch.tensor([3.0, 2.0, 1.0, 0.0], dtype=torch.float64), torch.tensor([5.0, 1.0, 1.0, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_used_new_reused_and_free_are_counted(head: HeadKind) -> None:
    """Neuron 1 of layer 1 is reused: old, read by task 2, firing. Neuron 0 fires more, but nothing of task 2 reads it."""
    assert capacity(written(head), 2, ACTIVITIES, (0.5, 0.5)) == (
        LayerCapacity(2, layer=1, total_neurons=4, used_neurons=3, new_neurons=1, reused_neurons=1, free_neurons=1),
        LayerCapacity(2, layer=2, total_neurons=4, used_neurons=3, new_neurons=2, reused_neurons=0, free_neurons=1))


def test_a_multi_head_that_reads_an_old_neuron_reuses_it() -> None:
    network = copied(written(HeadKind.MULTI))
    network.heads[2].weight[0, 0] = 0.5
    first, second = capacity(network, 2, ACTIVITIES, (0.5, 0.5))
    assert (first.reused_neurons, second.reused_neurons) == (2, 1)


@pytest.mark.parametrize(("theta", "reused"), [(2.0, 0), (1.999, 1), (0.0, 1), (None, 1)])
def test_reused_means_above_the_threshold_of_the_layer(theta: float | None, reused: int) -> None:
    assert capacity(written(HeadKind.SINGLE), 2, ACTIVITIES, (theta, 99.0))[0].reused_neurons == reused


def test_without_a_threshold_a_reused_neuron_must_fire_at_all() -> None:
    silent = (torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64))
    assert capacity(written(HeadKind.SINGLE), 2, silent, (None, None))[0].reused_neurons == 0


def test_counts_add_up_over_a_trained_history(history: History) -> None:
    used_before = [0, 0]
    for task, network in history.published.items():
        activities = mean_activity(network, history.test_inputs[task])
        layers = capacity(network, task, activities, (0.0, 0.0))
        assert [layer.layer for layer in layers] == [1, 2]
        for layer, before, owner in zip(layers, used_before, network.activated_by, strict=True):
            assert layer.total_neurons == len(owner) and layer.used_neurons + layer.free_neurons == layer.total_neurons
            assert layer.used_neurons == before + layer.new_neurons and 0 <= layer.reused_neurons <= before
            assert layer.new_neurons == int((owner == task).sum()) > 0
        used_before = [layer.used_neurons for layer in layers]
        assert free_neurons(network) == sum(layer.free_neurons for layer in layers)


def test_free_neurons_are_counted_over_all_layers() -> None:
    assert free_neurons(written(HeadKind.MULTI)) == 2
    network = empty_network(written(HeadKind.MULTI).architecture)
    assert free_neurons(network) == 8


def test_the_output_depends_on_the_neurons_of_the_path_alone(history: History) -> None:
    """Emptying every row off the path changes no logit; emptying one on it that fires changes some."""
    inputs = history.test_inputs[2]
    for task in history.published:
        network = copied(history.newest)
        path = path_neurons(network, task)
        expected = canonical_logits(network, inputs, task)
        for rows, on in zip(network.hidden, path, strict=True):
            assert bool(on.any()) and not bool(on.all())
            rows.weight[~on] = 0.0
            rows.bias[~on] = 0.0
        assert torch.equal(canonical_logits(network, inputs, task), expected)
        busiest = int((mean_activity(network, inputs)[0] * path[0]).argmax())
        network.hidden[0].weight[busiest] = 0.0
        assert not torch.equal(canonical_logits(network, inputs, task), expected)


def test_no_path_leads_through_a_free_or_a_later_neuron(history: History) -> None:
    for task in history.published:
        for on, owner in zip(path_neurons(history.newest, task), history.newest.activated_by, strict=True):
            assert not bool((on & ((owner == FREE) | (owner > task))).any())
