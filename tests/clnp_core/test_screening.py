"""The screen may reject for certain, never accept: whatever the canonical evaluation accepts must get through."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clnp_core.activity import mean_activity
from clnp_core.architecture import Activation, HeadKind
from clnp_core.evaluation import canonical_logits, evaluate
from clnp_core.network import FREE, Head, Network
from clnp_core.networks import mlp
from clnp_core.pruning import keep
from clnp_core.screening import Screen
from tests.clnp_core.builders import Scan, drawn_scan, generator, network_of, with_tensor


def random_subsets(scan: Scan, count: int, seed: int) -> list[list[torch.Tensor]]:
    """Walks through what may be kept: sometimes a neuron changes, sometimes all; old neurons always stay."""
    draw, walks = generator(seed), []
    kept = [owner != FREE for owner in scan.network.activated_by]
    for _ in range(count):
        share = float(torch.rand(1, generator=draw)) ** 2
        new = []
        for stays, owner in zip(kept, scan.network.activated_by, strict=True):
            flip = torch.rand(len(owner), generator=draw) < share
            new.append(torch.where(owner == scan.task, stays ^ flip, stays))
        kept = new
        walks.append(kept)
    return walks


def canonical_wrong(scan: Scan, kept: list[torch.Tensor]) -> int:
    result = evaluate(keep(scan.network, scan.task, kept), scan.inputs, scan.labels, scan.task, batch_size=128)
    return result.total - result.correct


def scaled(scan: Scan, factor: float) -> Scan:
    """Weights and biases of every layer times a factor: logits of another order of magnitude."""
    network = scan.network
    rows = tuple(rows.map(lambda values: values * factor) for rows in network.hidden)
    heads = {key: Head(head.weight * factor, head.bias) for key, head in network.heads.items()}
    return dataclasses.replace(scan, network=Network(network.architecture, rows, heads, network.activated_by))


def assert_never_rejects_what_passes(scan: Scan, seed: int, walks: int = 30) -> int:
    """Returns how many of the walk's steps the screen rejected, over several budgets."""
    subsets = random_subsets(scan, walks, seed)
    wrongs = [canonical_wrong(scan, kept) for kept in subsets]
    rejected = 0
    for budget in {0, min(wrongs), sorted(wrongs)[len(wrongs) // 2], max(wrongs), len(scan.labels)}:
        screen = Screen(scan.network, scan.task, scan.inputs, scan.labels, allowed_wrong=budget)
        for kept, wrong in zip(subsets, wrongs, strict=True):
            fails = screen.certainly_fails(kept)
            assert not (fails and wrong <= budget), f"{wrong} errors are within a budget of {budget}"
            rejected += fails
    return rejected


@settings(max_examples=25)
@given(seed=st.integers(0, 10 ** 6), head=st.sampled_from(HeadKind), activation=st.sampled_from(Activation),
       hidden=st.sampled_from([(13,), (9, 7), (7, 6, 8)]), tasks=st.sampled_from([1, 2]),
       factor=st.sampled_from([1e-3, 1.0, 100.0]))
def test_what_the_canonical_evaluation_accepts_is_never_rejected(
        seed: int, head: HeadKind, activation: Activation, hidden: tuple[int, ...], tasks: int, factor: float) -> None:
    chain = mlp(5, hidden, 3, activation, head, head is HeadKind.MULTI)
    assert_never_rejects_what_passes(scaled(drawn_scan(chain, tasks, seed, samples=300), factor), seed)


@pytest.mark.parametrize("head", list(HeadKind))
def test_the_screen_does_reject_what_is_far_off(head: HeadKind) -> None:
    """Otherwise the property above would hold for a screen that does nothing."""
    scan = drawn_scan(mlp(5, (20, 15), 3, head=head), 2, seed=3, samples=600)
    screen = Screen(scan.network, 2, scan.inputs, scan.labels, allowed_wrong=200)
    for kept in random_subsets(scan, 40, seed=4):
        wrong = canonical_wrong(scan, kept)
        if wrong > 210 or wrong < 200:
            assert screen.certainly_fails(kept) == (wrong > 210), wrong
    assert assert_never_rejects_what_passes(scan, seed=5) > 20


def test_the_boundary_of_the_budget_is_exact_where_no_sample_stands_on_the_edge() -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3, Activation.TANH), 1, seed=8, samples=700)
    kept = random_subsets(scan, 3, seed=1)[-1]
    first, second = canonical_logits(keep(scan.network, 1, kept), scan.inputs, 1).topk(2, dim=1).values.unbind(dim=1)
    assert bool((first - second > 5e-4).all())
    wrong = canonical_wrong(scan, kept)
    assert 0 < wrong < 700
    for allowed in (wrong - 1, wrong, wrong + 1):
        screen = Screen(scan.network, 1, scan.inputs, scan.labels, allowed)
        assert screen.certainly_fails(kept) == (wrong > allowed)


def test_a_long_walk_counts_like_a_fresh_start() -> None:
    scan = drawn_scan(mlp(5, (40, 9), 3), 1, seed=12, samples=300)
    walking = Screen(scan.network, 1, scan.inputs, scan.labels, allowed_wrong=300)
    for kept in random_subsets(scan, 60, seed=2):
        fresh = Screen(scan.network, 1, scan.inputs, scan.labels, allowed_wrong=300)
        assert abs(walking.counts_correct([kept])[0] - fresh.counts_correct([kept])[0]) <= 1
        assert abs(walking.counts_correct([kept])[0] - (300 - canonical_wrong(scan, kept))) <= 1


def test_equal_logits_are_no_certain_error() -> None:
    """With everything pruned all logits are equal: class 0 counts, and none may be rejected on the tie alone."""
    scan = drawn_scan(mlp(5, (9, 7), 3), 1, seed=8)
    nothing = [torch.zeros(width, dtype=torch.bool) for width in (9, 7)]
    labels = torch.zeros(len(scan.labels), dtype=torch.int64)
    assert not Screen(scan.network, 1, scan.inputs, labels, allowed_wrong=0).certainly_fails(nothing)


def test_a_network_of_no_numbers_is_left_to_the_canonical_evaluation() -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3, head=HeadKind.MULTI, head_bias=True), 1, seed=8)
    for value in (float("nan"), float("inf")):
        broken = dataclasses.replace(scan, network=with_tensor(scan.network, "hidden.1.weight", (0, 0), value))
        screen = Screen(broken.network, 1, broken.inputs, broken.labels, allowed_wrong=0)
        assert not any(screen.certainly_fails(kept) for kept in random_subsets(broken, 10, seed=1))


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_large_neurons_that_cancel_do_not_fool_it(size: float, seed: int) -> None:
    """Neuron n + 6 takes back what neuron n says, but for something small: what is left carries the rounding of the large."""
    draw = generator(seed)
    large, small = size * torch.randn(6, 4, generator=draw), torch.randn(6, 4, generator=draw)
    head = torch.randn(3, 6, generator=draw)
    network = network_of([(torch.cat([large, large + small]), torch.zeros(12), [1] * 12)],
                         {1: torch.cat([head, -head], dim=1)}, activation=Activation.LEAKY_RELU)
    inputs = torch.randn(300, 4, generator=draw)
    labels = torch.randint(3, (300,), generator=draw)
    scan = Scan(network, 1, mean_activity(network, inputs), inputs, labels)
    pairs = [[torch.cat([half := torch.rand(6, generator=draw) < 0.6, half])] for _ in range(40)]
    for kept in pairs:
        wrong = canonical_wrong(scan, kept)
        screen = Screen(network, 1, inputs, labels, allowed_wrong=wrong)
        assert not any(screen.certainly_fails(other) and canonical_wrong(scan, other) <= wrong for other in pairs)
