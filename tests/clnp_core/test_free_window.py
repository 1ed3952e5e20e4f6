"""A window of free neurons: which ones train, what they read, and that the others are free in everything that is measured."""

import pytest
import torch

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.capacity import capacity, free_neurons
from clnp_core.compact import extract
from clnp_core.errors import DepletedError
from clnp_core.evaluation import canonical_logits
from clnp_core.forgetting import prove_zero_forgetting
from clnp_core.free_window import draw_window
from clnp_core.frozen_activations import frozen_activations
from clnp_core.network import FREE, Network, empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork, widen
from clnp_core.pruning import prune
from clnp_core.scores import mean_activity
from clnp_core.selection import ThresholdMode
from clnp_core.threshold import find_thresholds, threshold_curve
from clnp_core.values import FreeWindow
from tests.clnp_core.brute import BATCH, brute_per_layer, brute_shared, correct_at, freed_at
from tests.clnp_core.builders import (
    CONVOLUTIONAL,
    DROPPING,
    FULLY_CONVOLUTIONAL,
    Scan,
    blobs,
    drawn_network,
    generator,
    middle_threshold,
    same_bits,
    train,
)

MULTI = mlp(6, (12, 10), 3, head=HeadKind.MULTI, head_bias=True)
SINGLE = mlp(6, (12, 10), 3, head=HeadKind.SINGLE)
ALL = [MULTI, SINGLE, CONVOLUTIONAL, FULLY_CONVOLUTIONAL]
NAMES = ["multi", "single", "convolutional", "fully convolutional"]
NETWORKS = pytest.mark.parametrize("architecture", ALL, ids=NAMES)


def free_of(base: Network) -> list[list[int]]:
    return [torch.nonzero(owner == FREE).flatten().tolist() for owner in base.activated_by]


def window_of(base: Network, bound: int, seed: int = 5) -> list[torch.Tensor]:
    drawn = draw_window(base, FreeWindow((bound,) * base.architecture.depth, seed))
    assert drawn is not None
    return drawn


def trained(base: Network, task: int, bound: int, seed: int) -> tuple[Network, list[torch.Tensor], torch.Tensor, torch.Tensor]:
    """The unpruned network of one more task, its window and its samples."""
    inputs, labels = blobs(seed, 120, base.architecture.input_shape, base.architecture.classes)
    window = window_of(base, bound, seed)
    free = FreeNetwork(base, generator(seed), window=window)
    train(free, base, inputs, labels, torch.optim.Adam(free.trainable(), lr=0.02))
    return free.assemble(task), window, inputs, labels


def committed(base: Network, task: int, bound: int, seed: int) -> Network:
    dense, _, inputs, _ = trained(base, task, bound, seed)
    activities = mean_activity(dense, inputs)
    return prune(dense, task, activities, middle_threshold(dense, task, activities))


class TestDraw:
    """Which neurons."""

    @NETWORKS
    @pytest.mark.parametrize("tasks", [0, 2])
    def test_it_is_a_part_of_the_free_neurons(self, architecture: Architecture, tasks: int) -> None:
        base = drawn_network(architecture, tasks, seed=3)
        for drawn, free in zip(window_of(base, 2), free_of(base), strict=True):
            assert drawn.tolist() == sorted(set(drawn.tolist()) & set(free))
            assert len(drawn) == min(2, len(free))

    def test_the_seed_decides_and_nothing_else(self) -> None:
        base = empty_network(MULTI)
        one, same, other = (window_of(base, 5, seed) for seed in (1, 1, 2))
        assert all(torch.equal(left, right) for left, right in zip(one, same, strict=True))
        assert not all(torch.equal(left, right) for left, right in zip(one, other, strict=True))

    def test_a_bound_of_what_is_free_is_no_bound_and_one_less_leaves_one_out(self) -> None:
        base = drawn_network(MULTI, 1, seed=3)
        free = free_of(base)
        for extra in (0, 7):
            drawn = draw_window(base, FreeWindow(tuple(len(layer) + extra for layer in free), 1))
            assert drawn is not None and [layer.tolist() for layer in drawn] == free
        less = draw_window(base, FreeWindow(tuple(len(layer) - 1 for layer in free), 1))
        assert less is not None
        assert [len(set(layer) - set(drawn.tolist())) for layer, drawn in zip(free, less, strict=True)] == [1, 1]

    def test_a_full_layer_has_an_empty_window(self) -> None:
        base = drawn_network(MULTI, 1, seed=3)
        owners = (torch.ones_like(base.activated_by[0]), base.activated_by[1])
        full = Network(base.architecture, base.hidden, base.heads, owners)
        assert [len(layer) for layer in window_of(full, 3)] == [0, 3]

    def test_without_a_window_nothing_is_drawn(self) -> None:
        assert draw_window(empty_network(MULTI), None) is None


@NETWORKS
@pytest.mark.parametrize("tasks", [0, 2])
def test_a_window_of_everything_trains_the_same_bits(architecture: Architecture, tasks: int) -> None:
    base = drawn_network(architecture, tasks, seed=4)
    one, other = FreeNetwork(base, generator(6)), FreeNetwork(base, generator(6), window=window_of(base, 99))
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("architecture", [MULTI, SINGLE], ids=NAMES[:2])
@pytest.mark.parametrize("tasks", [0, 1])
def test_the_parameters_are_the_rows_of_the_window_and_what_they_read(architecture: Architecture, tasks: int) -> None:
    base = drawn_network(architecture, tasks, seed=1)
    active = [int((owner != FREE).sum()) for owner in base.activated_by]
    free = FreeNetwork(base, generator(1), window=window_of(base, 3))
    head = 3 + (active[-1] if architecture.head is HeadKind.MULTI else 0)
    expected = 3 * (6 + 1) + 3 * (active[0] + 3 + 1) + 3 * head + (3 if architecture.head_bias else 0)
    assert sum(parameter.numel() for parameter in free.parameters()) == expected


def test_rows_are_drawn_with_the_fan_in_of_what_they_read() -> None:
    """So the first task of a wide layer starts like a narrow network, not with weights that are too small."""
    base = empty_network(mlp(50, (400, 400), 3))
    narrow = FreeNetwork(base, generator(1), window=window_of(base, 25))
    assert 0.98 * 25**-0.5 < float(narrow.from_free[1].detach().abs().max()) <= 25**-0.5
    assert 0.98 * 50**-0.5 < float(narrow.from_active[0].detach().abs().max()) <= 50**-0.5


@NETWORKS
def test_training_and_the_dense_network_compute_the_same(architecture: Architecture) -> None:
    base = drawn_network(architecture, 1, seed=5)
    free = FreeNetwork(base, generator(6), window=window_of(base, 2)).eval()
    inputs = torch.randn(31, *architecture.input_shape, generator=generator(11))
    logits = free(inputs, frozen_activations(base, inputs))
    assert torch.allclose(logits, canonical_logits(free.assemble(2), inputs, 2), atol=1e-5)


def test_dropout_falls_on_the_window_alone() -> None:
    base = drawn_network(DROPPING, 1, seed=5)
    free = FreeNetwork(base, generator(6), window=window_of(base, 2))
    drawn = free.draw_dropout(9)
    assert [len(layer) for layer in drawn] == [0, 0, 2, 0, 2], "the inputs and four layers"
    assert [layer[1].shape[1] for layer in drawn if layer] == [2, 2]


@NETWORKS
def test_neurons_outside_stay_free_and_empty(architecture: Architecture) -> None:
    base = committed(empty_network(architecture), 1, 4, seed=1)
    dense, window, _, _ = trained(base, 2, 3, seed=2)
    layers = zip(dense.hidden, base.activated_by, dense.activated_by, window, strict=True)
    for layer, (rows, before, after, own) in enumerate(layers):
        inside = torch.zeros_like(before, dtype=torch.bool)
        inside[own] = True
        outside = (before == FREE) & ~inside
        assert bool(outside.any())
        assert torch.equal(after, torch.where(inside, 2, before).to(torch.int16))
        assert not rows.weight[outside].any() and not any(values[outside].any() for values in rows.vectors.values())
        if layer:
            below = dense.activated_by[layer - 1] == FREE
            columns = below.repeat_interleave(architecture.columns_per_neuron[layer])
            assert not rows.weight[:, columns].any()


@NETWORKS
def test_a_sequence_forgets_nothing_and_counts_what_is_left_as_free(architecture: Architecture) -> None:
    network, published, tests = empty_network(architecture), {}, {}
    for task in (1, 2, 3):
        base = network
        dense, window, inputs, _ = trained(base, task, 3, seed=task)
        activities = mean_activity(dense, inputs)
        thresholds = middle_threshold(dense, task, activities)
        network = prune(dense, task, activities, thresholds)
        tests[task] = blobs(100 + task, 60, architecture.input_shape)[0]
        proof = prove_zero_forgetting(network, task, published, {old: tests[old] for old in published})
        assert proof.tasks_compared == tuple(published)
        for layer, own in zip(capacity(network, task, activities, thresholds), window, strict=True):
            assert layer.new_neurons <= len(own)
            assert layer.used_neurons + layer.free_neurons == layer.total_neurons
        published[task] = network
        small = extract(network, task)
        torch.testing.assert_close(canonical_logits(small, tests[task], task), canonical_logits(network, tests[task], task),
                                   rtol=1e-4, atol=1e-5)
    assert any(int((owner == 3).sum()) for owner in network.activated_by)


def test_a_widened_layer_offers_its_new_neurons() -> None:
    base = committed(empty_network(SINGLE), 1, 12, seed=1)
    wider = widen(base, (12, 30))
    drawn = torch.cat([window_of(wider, 8, seed)[1] for seed in range(5)])
    assert bool((drawn >= 10).any())
    dense = FreeNetwork(wider, generator(1), window=window_of(wider, 8)).assemble(2)
    assert int((dense.activated_by[1] == 2).sum()) == 8


def test_a_single_head_without_a_free_neuron_is_still_depleted() -> None:
    base = drawn_network(SINGLE, 1, seed=3)
    full = Network(base.architecture, base.hidden, base.heads, tuple(map(torch.ones_like, base.activated_by)))
    with pytest.raises(DepletedError):
        FreeNetwork(full, generator(1), window=window_of(full, 3))


@NETWORKS
def test_thresholds_are_those_of_brute_force(architecture: Architecture) -> None:
    base = committed(empty_network(architecture), 1, 5, seed=1)
    samples, labels = blobs(9, 260, architecture.input_shape, noise=2.0)
    window = window_of(base, 4, 2)
    free = FreeNetwork(base, generator(2), window=window)
    train(free, base, samples[100:], labels[100:], torch.optim.Adam(free.trainable(), lr=0.02))
    dense = free.assemble(2)
    scan = Scan(dense, 2, mean_activity(dense, samples[100:]), samples[:100], labels[:100])
    own = correct_at(scan, (None,) * architecture.depth)
    for allowed in (0, 3, 12, 100):
        for mode, brute in ((ThresholdMode.SHARED, brute_shared), (ThresholdMode.PER_LAYER, brute_per_layer)):
            expected = brute(scan, own - allowed)
            result = find_thresholds(dense, 2, scan.activities, scan.inputs, scan.labels, own - allowed, mode, BATCH)
            assert result.thresholds == expected
            assert (result.val_correct, result.free_neurons) == (correct_at(scan, expected), freed_at(scan, expected))
    curve = threshold_curve(dense, 2, scan.activities, scan.inputs, scan.labels, 50)
    before = free_neurons(base)
    assert curve[-1].free_neurons == before, "everything that trained is pruned"
    assert all(before - sum(map(len, window)) <= point.free_neurons <= before for point in curve)


def test_earlier_rows_keep_their_bits() -> None:
    base = committed(empty_network(MULTI), 1, 6, seed=1)
    dense, *_ = trained(base, 2, 3, seed=2)
    for old, new, owner in zip(base.hidden, dense.hidden, base.activated_by, strict=True):
        assert same_bits(old.weight[owner == 1], new.weight[owner == 1])
