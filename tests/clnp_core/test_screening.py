"""What the screen calls certain is what the canonical evaluation says."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from clnp_core.architecture import DIVIDED_HEADS, Activation, HeadKind
from clnp_core.evaluation import canonical_logits, exact_float32
from clnp_core.network import FREE, Head, Network
from clnp_core.networks import mlp
from clnp_core.pruning import Lengths, Ranking, keep
from clnp_core.screening import Judgement, Screen, counts_correct
from tests.clnp_core.builders import Scan, drawn_scan, generator, network_of, with_tensor


def ranking_of(scan: Scan) -> Ranking:
    return Ranking(scan.network.activated_by, scan.task, scan.activities)


def screen_of(scan: Scan, allowed_wrong: int, longest: Lengths | None = None) -> Screen:
    full = tuple(map(len, ranking_of(scan).order))
    return Screen(scan.network, scan.task, ranking_of(scan), scan.inputs, scan.labels, allowed_wrong, longest or full)


def judged(screen: Screen, lengths: Lengths) -> Judgement:
    with torch.no_grad(), exact_float32():
        return screen.judge(lengths)


def random_walk(scan: Scan, count: int, seed: int) -> list[Lengths]:
    """What may be kept, one after another: sometimes a neuron comes or goes, sometimes many; old neurons always stay."""
    draw, full, walk = generator(seed), ranking_of(scan).order, []
    old = [int(((owner != FREE) & (owner != scan.task)).sum()) for owner in scan.network.activated_by]
    now = [len(order) for order in full]
    for _ in range(count):
        for layer, (order, least) in enumerate(zip(full, old, strict=True)):
            reach = len(order) * float(torch.rand(1, generator=draw)) ** 3
            step = round(reach * float(torch.randn(1, generator=draw)))
            now[layer] = min(len(order), max(least, now[layer] + step))
        walk.append(tuple(now))
    return walk


def canonical_right(scan: Scan, lengths: Lengths) -> Tensor:
    """Which samples are right: bool [samples]."""
    kept = []
    for owner, order, length in zip(scan.network.activated_by, ranking_of(scan).order, lengths, strict=True):
        kept.append(torch.zeros(len(owner), dtype=torch.bool))
        kept[-1][order[:length]] = True
    logits = canonical_logits(keep(scan.network, scan.task, kept), scan.inputs, scan.task, batch_size=128)
    return (logits.argmax(dim=1) == scan.labels) & ~logits.isnan().any(dim=1)


def canonical_wrong(scan: Scan, lengths: Lengths) -> int:
    return int((~canonical_right(scan, lengths)).sum())


def scaled(scan: Scan, factor: float) -> Scan:
    """Weights and biases of every layer times a factor: logits of another order of magnitude."""
    network = scan.network
    rows = tuple(rows.map(lambda values: values * factor) for rows in network.hidden)
    heads = {key: Head(head.weight * factor, head.bias) for key, head in network.heads.items()}
    return dataclasses.replace(scan, network=Network(network.architecture, rows, heads, network.activated_by))


def assert_certain_is_true(scan: Scan, seed: int, walks: int = 30) -> tuple[int, int]:
    """Returns how many of the walk's steps the screen rejected and accepted for certain, over several budgets."""
    walk = random_walk(scan, walks, seed)
    rights = [canonical_right(scan, lengths) for lengths in walk]
    wrongs = [int((~right).sum()) for right in rights]
    rejected = accepted = 0
    for budget in {0, min(wrongs), sorted(wrongs)[len(wrongs) // 2], max(wrongs), len(scan.labels)}:
        screen = screen_of(scan, budget)
        for lengths, right, wrong in zip(walk, rights, wrongs, strict=True):
            judgement = judged(screen, lengths)
            if judgement.uncertain is None:
                assert wrong > budget, f"{wrong} errors are within a budget of {budget}"
                rejected += 1
                continue
            assert judgement.wrong <= budget
            certain = torch.ones(len(right), dtype=torch.bool)
            certain[judgement.uncertain] = False
            assert (int((right & certain).sum()), int((~right & certain).sum())) == (judgement.right, judgement.wrong)
            accepted += not len(judgement.uncertain)
    return rejected, accepted


@settings(max_examples=25)
@given(seed=st.integers(0, 10 ** 6), head=st.sampled_from(DIVIDED_HEADS), activation=st.sampled_from(Activation),
       hidden=st.sampled_from([(13,), (9, 7), (7, 6, 8)]), tasks=st.sampled_from([1, 2]),
       factor=st.sampled_from([1e-3, 1.0, 100.0]))
def test_what_is_certain_is_what_the_canonical_evaluation_says(
        seed: int, head: HeadKind, activation: Activation, hidden: tuple[int, ...], tasks: int, factor: float) -> None:
    chain = mlp(5, hidden, 3, activation, head, head is HeadKind.MULTI)
    assert_certain_is_true(scaled(drawn_scan(chain, tasks, seed, samples=300), factor), seed)


@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_most_is_certain(head: HeadKind) -> None:
    """Otherwise the property above would hold for a screen that does nothing."""
    scan = drawn_scan(mlp(5, (20, 15), 3, head=head), 2, seed=3, samples=600)
    rejected, accepted = assert_certain_is_true(scan, seed=5)
    assert rejected > 20 and accepted > 20


def test_the_boundary_of_the_budget_is_exact_where_no_sample_stands_on_the_edge() -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3, Activation.TANH), 1, seed=8, samples=700)
    lengths = random_walk(scan, 3, seed=2)[-1]
    wrong = canonical_wrong(scan, lengths)
    assert 0 < wrong < 700
    for allowed in (wrong - 1, wrong, wrong + 1):
        judgement = judged(screen_of(scan, allowed), lengths)
        assert (judgement.uncertain is None) == (wrong > allowed)
        assert wrong > allowed or (judgement.wrong, judgement.right) == (wrong, 700 - wrong)


def test_a_long_walk_counts_like_a_fresh_start() -> None:
    scan = drawn_scan(mlp(5, (40, 9), 3), 1, seed=12, samples=300)
    walk = random_walk(scan, 60, seed=2)
    counted = counts_correct(scan.network, 1, ranking_of(scan), scan.inputs, scan.labels, walk)
    for lengths, count in zip(walk, counted, strict=True):
        fresh, = counts_correct(scan.network, 1, ranking_of(scan), scan.inputs, scan.labels, [lengths])
        assert abs(count - fresh) <= 1
        assert abs(count - (300 - canonical_wrong(scan, lengths))) <= 1


def test_equal_logits_are_uncertain() -> None:
    """With everything pruned all logits are equal: class 0 counts, and none may be rejected on the tie alone."""
    scan = drawn_scan(mlp(5, (9, 7), 3), 1, seed=8)
    zero = dataclasses.replace(scan, labels=torch.zeros(len(scan.labels), dtype=torch.int64))
    judgement = judged(screen_of(zero, 0), (0, 0))
    assert judgement.uncertain is not None and len(judgement.uncertain) == len(scan.labels)


def test_a_network_of_no_numbers_is_left_to_the_canonical_evaluation() -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3, head=HeadKind.MULTI, head_bias=True), 1, seed=8)
    for value in (float("nan"), float("inf")):
        broken = dataclasses.replace(scan, network=with_tensor(scan.network, "hidden.1.weight", (0, 0), value))
        screen = screen_of(broken, 0)
        for lengths in random_walk(broken, 10, seed=1):
            uncertain = judged(screen, lengths).uncertain
            assert uncertain is not None and len(uncertain) == len(scan.labels)


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
    for _ in range(10):
        share = torch.rand(6, generator=draw)  # neuron n and neuron n + 6 stay or go together
        activities = (torch.cat([share, share]).double(),)
        scan = Scan(network, 1, activities, inputs, labels)
        pairs = [(2 * count,) for count in range(7)]
        for budget in {canonical_wrong(scan, lengths) for lengths in pairs}:
            screen = screen_of(scan, budget)
            for lengths in pairs:
                judgement, wrong = judged(screen, lengths), canonical_wrong(scan, lengths)
                assert judgement.uncertain is not None or wrong > budget
                assert judgement.uncertain is None or judgement.wrong <= wrong <= 300 - judgement.right
