"""θ* against brute force (:mod:`tests.clnp_core.brute`), which evaluates every candidate."""

import dataclasses
import itertools
from collections.abc import Sequence
from decimal import Decimal

import pytest
import torch

from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.evaluation import canonical_logits
from clnp_core.network import FREE
from clnp_core.networks import mlp
from clnp_core.pruning import Lengths, prune
from clnp_core.scores import mean_activity
from clnp_core.screening import RELATIVE_TOLERANCE, Judgement, Screen
from clnp_core.selection import ThresholdMode, Thresholds, required_correct
from clnp_core.threshold import ThresholdResult, find_thresholds, threshold_curve
from tests.clnp_core.brute import (
    BATCH,
    bisected,
    brute_per_layer,
    brute_shared,
    correct_at,
    freed_at,
    passes_shared,
    values_of,
)
from tests.clnp_core.builders import Scan, drawn_scan, network_of

MARGINS = ["0", "0.4", "1", "3", "10", "30", "100"]


def found(scan: Scan, required: int, mode: ThresholdMode = ThresholdMode.SHARED) -> ThresholdResult:
    return find_thresholds(scan.network, scan.task, scan.activities, scan.inputs, scan.labels, required, mode, BATCH)


def required_of(scan: Scan, margin: str, above_own: int = 0) -> int:
    """The count that the margin requires when the best trial of the stage is this one, or better by ``above_own``."""
    own = correct_at(scan, (None,) * len(scan.activities)) + above_own
    return required_correct(own, len(scan.labels), Decimal(margin))


def architectures() -> list[Architecture]:
    chains = []
    for seed, (hidden, head) in enumerate(itertools.product([(13,), (9, 7), (8, 7, 6)], HeadKind)):
        activation = list(Activation)[seed % len(Activation)]
        bias = head is HeadKind.MULTI and seed % 4 == 0
        chains.append(mlp(5, hidden, 3, activation, head, bias))
        chains.append(mlp(5, hidden, 3, Activation.RELU, head, bias))
    chains.append(mlp(5, (9, 7), 3, Activation.SILU, HeadKind.SINGLE))
    return chains


SCANS = [drawn_scan(chain, tasks, seed=10 * tasks + number, samples=290)
         for number, chain in enumerate(architectures()) for tasks in (1, 2)]


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: f"{s.network.architecture.head}-"
                         f"{s.network.architecture.layers[0].activation}-{len(s.activities)}-task{s.task}")
def test_the_answer_is_that_of_brute_force(scan: Scan) -> None:
    for margin in MARGINS:
        required = required_of(scan, margin)
        for mode, brute in ((ThresholdMode.SHARED, brute_shared), (ThresholdMode.PER_LAYER, brute_per_layer)):
            expected, result = brute(scan, required), found(scan, required, mode)
            assert result.thresholds == expected, (margin, mode)
            assert result.val_correct == correct_at(scan, expected) >= required
            assert result.free_neurons == freed_at(scan, expected)
            assert result.confirmed <= result.candidates_tried + 1  # those in doubt, and the answer


def test_the_cases_are_not_monotone_and_bisection_would_answer_otherwise() -> None:
    """Guards the test above: among its cases are those that a shortcut gets wrong, several of them."""
    other = 0
    for scan in SCANS:
        for margin in MARGINS:
            passes = passes_shared(scan, required_of(scan, margin))
            highest = max((index for index, passed in enumerate(passes) if passed), default=None)
            other += bisected(passes) != highest
    assert other >= 5


def test_the_search_saves_evaluations_and_not_candidates() -> None:
    """The screen rejects most of what fails, and everything above θ* was looked at."""
    tried = confirmed = 0
    for scan in SCANS:
        required = required_of(scan, "1")
        result = found(scan, required)
        values = values_of(scan, range(len(scan.activities)))
        theta = result.thresholds[0]
        assert result.candidates_tried == sum(theta is None or value >= theta for value in values)
        tried, confirmed = tried + result.candidates_tried, confirmed + result.confirmed
    assert confirmed < 0.5 * tried


@pytest.mark.parametrize("mode", list(ThresholdMode))
def test_a_screen_that_is_wrong_about_what_passes_is_found_out(mode: ThresholdMode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The canonical evaluation has the last word: the search is made again without trust."""
    def flattering(self: Screen, lengths: Lengths) -> Judgement:
        return Judgement(0, 290, torch.empty(0, dtype=torch.int64))

    monkeypatch.setattr(Screen, "judge", flattering)
    for scan in SCANS[::4]:
        required = required_of(scan, "3")
        expected = (brute_shared if mode is ThresholdMode.SHARED else brute_per_layer)(scan, required)
        result = found(scan, required, mode)
        assert (result.thresholds, result.val_correct) == (expected, correct_at(scan, expected))


def test_no_number_between_two_candidates_does_better() -> None:
    scan = SCANS[4]
    required = required_of(scan, "3")
    theta = found(scan, required).thresholds[0]
    assert theta is not None
    above = [value for value in values_of(scan, range(len(scan.activities))) if value >= theta]
    for low, high in itertools.pairwise(above):
        depth = len(scan.activities)
        if low > theta:
            assert correct_at(scan, ((low + high) / 2,) * depth) < required
        else:
            assert freed_at(scan, ((low + high) / 2,) * depth) == freed_at(scan, (theta,) * depth)


def test_one_theta_per_layer_is_never_less_sparse() -> None:
    gained = 0
    for scan in SCANS:
        required = required_of(scan, "3")
        shared, each = found(scan, required), found(scan, required, ThresholdMode.PER_LAYER)
        assert each.free_neurons >= shared.free_neurons
        gained += each.free_neurons > shared.free_neurons
    assert gained > 0


def written_scan(pulls: Sequence[float], label: int = 1, samples: int = 4) -> Scan:
    """Neuron n fires n+1 on every sample and pulls by ``pulls[n]`` towards class 1; without a pull class 0 wins."""
    width = len(pulls)
    network = network_of([(torch.arange(1.0, width + 1)[:, None], torch.zeros(width), [1] * width)],
                         {1: torch.stack([torch.zeros(width), torch.tensor(pulls)])})
    inputs = torch.ones(samples, 1)
    return Scan(network, 1, mean_activity(network, inputs), inputs, torch.full((samples,), label))


def test_a_case_in_which_accuracy_rises_with_the_threshold() -> None:
    """Pulls of 5, −4 and 3 on class 1: all together are right, without the first wrong, without the second right again."""
    scan = written_scan([5.0, -2.0, 1.0])
    passes = passes_shared(scan, required=4)
    assert values_of(scan, [0]) == [0.0, 1.0, 2.0, 3.0]
    assert passes == [True, False, True, False]
    assert bisected(passes) == 0
    assert found(scan, 4).thresholds == (2.0,)
    assert found(scan, 4, ThresholdMode.PER_LAYER).thresholds == (2.0,)
    assert found(scan, 4).free_neurons == 2


def silent_in_training() -> Scan:
    """Neuron 1 never fires on the training inputs, and alone decides the validation samples."""
    network = network_of([(torch.tensor([[1.0], [-1.0]]), torch.zeros(2), [1, 1])], {1: torch.eye(2)})
    activities = mean_activity(network, torch.tensor([[1.0], [2.0]]))
    return Scan(network, 1, activities, torch.tensor([[-1.0], [-2.0], [3.0]]), torch.tensor([1, 1, 0]))


@pytest.mark.parametrize("mode", list(ThresholdMode))
def test_none_when_not_even_zero_passes(mode: ThresholdMode) -> None:
    scan = silent_in_training()
    assert scan.activities[0].tolist() == [1.5, 0.0]
    result = found(scan, 3, mode)
    assert result.thresholds == (None,)
    assert (result.val_correct, result.free_neurons, result.candidates_tried > 0) == (3, 0, True)
    assert found(scan, 1, mode).thresholds == (1.5,)


def test_per_layer_starts_from_nothing_where_the_shared_search_found_none() -> None:
    """Layer 2 must keep neuron 1, silent in training; of layer 1, neuron 1 is read by nobody and can go."""
    network = network_of([(torch.eye(2), torch.zeros(2), [1, 1]),
                          (torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([0.0, 1.0]), [1, 1])],
                         {1: torch.tensor([[1.0, 0.0], [0.0, 10.0]])})
    activities = mean_activity(network, torch.tensor([[2.0, 1.0], [3.0, 1.0]]))
    assert [activity.tolist() for activity in activities] == [[2.5, 1.0], [2.5, 0.0]]
    scan = Scan(network, 1, activities, torch.tensor([[0.5, 1.0], [3.0, 1.0]]), torch.tensor([1, 0]))
    assert found(scan, 2).thresholds == brute_shared(scan, 2) == (None, None)
    result = found(scan, 2, ThresholdMode.PER_LAYER)
    assert result.thresholds == brute_per_layer(scan, 2) == (1.0, None)
    assert (result.val_correct, result.free_neurons) == (2, 1)


@pytest.mark.parametrize(("seed", "hidden", "margin", "order_matters", "rounds_matter"), [
    (7, (8, 7, 6), "3", True, False),
    (59, (8, 7, 6), "10", True, False),
    (76, (8, 7, 6), "10", True, True),
    (0, (9, 7), "10", False, True),
    (9, (8, 7, 6), "0.4", False, True),
])
def test_layers_are_raised_from_the_last_to_the_first_until_nothing_changes(
        seed: int, hidden: tuple[int, ...], margin: str, order_matters: bool, rounds_matter: bool) -> None:
    """Cases found by search in which another order, or a single round, ends elsewhere."""
    scan = drawn_scan(mlp(5, hidden, 3, Activation.TANH), 1, seed, samples=290)
    required = required_of(scan, margin)
    expected = brute_per_layer(scan, required)
    assert found(scan, required, ThresholdMode.PER_LAYER).thresholds == expected
    assert (brute_per_layer(scan, required, first_to_last=True) != expected) == order_matters
    assert (brute_per_layer(scan, required, rounds=1) != expected) == rounds_matter


def test_a_budget_spent_to_the_last_sample_before_the_last_batch_still_passes() -> None:
    """The canonical count may stop early only above the budget: here all the errors stand in the first batches."""
    scan = SCANS[5]
    result = found(scan, required_of(scan, "3"))
    pruned = prune(scan.network, scan.task, scan.activities, result.thresholds)
    right = canonical_logits(pruned, scan.inputs, scan.task, BATCH).argmax(dim=1) == scan.labels
    order = right.int().argsort(stable=True)
    wrong_first = dataclasses.replace(scan, inputs=scan.inputs[order], labels=scan.labels[order])
    again = find_thresholds(scan.network, scan.task, scan.activities, wrong_first.inputs, wrong_first.labels,
                            result.val_correct, batch_size=20)
    assert (again.thresholds, again.val_correct) == (result.thresholds, result.val_correct)


def test_dead_neurons_go_at_zero_and_cost_nothing() -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3), 1, seed=91)
    for rows in scan.network.hidden:
        rows.weight[1], rows.bias[1] = 0.0, -1.0
    scan = dataclasses.replace(scan, activities=mean_activity(scan.network, scan.inputs))
    own = required_of(scan, "0")
    result = found(scan, own)
    assert result.thresholds[0] is not None and result.thresholds == brute_shared(scan, own)
    assert result.free_neurons >= 2 and freed_at(scan, (0.0, 0.0)) >= 2


@pytest.mark.parametrize("silent", [0, 1])
@pytest.mark.parametrize("mode", list(ThresholdMode))
def test_a_layer_that_never_fires_is_no_obstacle(silent: int, mode: ThresholdMode) -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3, head=HeadKind.MULTI, head_bias=True), 1, seed=3, samples=290)
    activities = list(scan.activities)
    activities[silent] = torch.zeros_like(activities[silent])
    scan = dataclasses.replace(scan, activities=tuple(activities))
    brute = brute_shared if mode is ThresholdMode.SHARED else brute_per_layer
    for required in (0, correct_at(scan, (0.0, 0.0)), correct_at(scan, (None, None)), 290):
        assert found(scan, required, mode).thresholds == brute(scan, required)


def test_equal_activities_are_one_candidate() -> None:
    scan = written_scan([5.0, -2.0, 1.0, 1.0])
    equal = dataclasses.replace(scan, activities=(torch.tensor([1.0, 2.0, 2.0, 3.0], dtype=torch.float64),))
    for required in (0, 4):
        assert found(equal, required).thresholds == brute_shared(equal, required)
    same = dataclasses.replace(scan, activities=(torch.full((4,), 0.7, dtype=torch.float64),))
    for required in (0, 4):
        assert found(same, required).thresholds == brute_shared(same, required)


@pytest.mark.parametrize("mode", list(ThresholdMode))
@pytest.mark.parametrize("scan", SCANS[::5], ids=lambda s: f"{s.network.architecture.head}-{len(s.activities)}-task{s.task}")
def test_a_margin_of_everything_frees_everything_new(scan: Scan, mode: ThresholdMode) -> None:
    result = found(scan, required_of(scan, "100"), mode)
    pruned = prune(scan.network, scan.task, scan.activities, result.thresholds)
    assert not any(bool((owner == scan.task).any()) for owner in pruned.activated_by)
    assert result.candidates_tried == 1 or mode is ThresholdMode.PER_LAYER
    assert any(bool((owner == FREE).any()) for owner in pruned.activated_by)


def test_a_required_count_above_the_trial_s_own_may_still_pass_pruned() -> None:
    """Pruning can help; where it does not, nothing is pruned, and the caller knows that the trial was not picked."""
    scan = written_scan([1.0, -4.0, 1.0])
    assert correct_at(scan, (None,)) == 0
    assert found(scan, 4).thresholds == (2.0,)
    for own in SCANS[:6]:
        required = required_of(own, "0", above_own=1)
        assert found(own, required).thresholds == brute_shared(own, required)
        hopeless = found(own, len(own.labels))
        assert hopeless.thresholds == (None,) * len(own.activities)
        assert hopeless.val_correct == correct_at(own, hopeless.thresholds)


def test_the_input_is_left_as_it_was() -> None:
    scan = drawn_scan(mlp(5, (9, 7), 3), 2, seed=90)
    before = {name: tensor.clone() for name, tensor in scan.network.to_tensors().items()}
    found(scan, required_of(scan, "3"), ThresholdMode.PER_LAYER)
    threshold_curve(scan.network, 2, scan.activities, scan.inputs, scan.labels, points=5)
    assert all(torch.equal(before[name], tensor) for name, tensor in scan.network.to_tensors().items())


@pytest.mark.parametrize("scan", SCANS[::3], ids=lambda s: f"{s.network.architecture.head}-{len(s.activities)}-task{s.task}")
def test_the_curve_counts_what_the_canonical_evaluation_counts(scan: Scan) -> None:
    curve = threshold_curve(scan.network, scan.task, scan.activities, scan.inputs, scan.labels, points=1000)
    depth, exact = len(scan.activities), 0
    assert [point.threshold for point in curve] == values_of(scan, range(depth))
    for point in curve:
        thresholds = (point.threshold,) * depth
        assert point.free_neurons == freed_at(scan, thresholds)
        on_edge = samples_on_edge(scan, thresholds)
        assert abs(point.val_correct - correct_at(scan, thresholds)) <= on_edge
        exact += on_edge == 0
    assert exact >= len(curve) / 3


def samples_on_edge(scan: Scan, thresholds: Thresholds) -> int:
    """Samples whose two largest logits are so close that the order of a sum may decide; exact ties of zeros do not count."""
    logits = canonical_logits(prune(scan.network, scan.task, scan.activities, thresholds), scan.inputs, scan.task, BATCH)
    first, second = logits.topk(2, dim=1).values.unbind(dim=1)
    close = first - second <= RELATIVE_TOLERANCE * logits.abs().max()
    return int((close & logits.any(dim=1)).sum())


@pytest.mark.parametrize("points", [2, 3, 7])
def test_a_curve_of_few_points_keeps_both_ends(points: int) -> None:
    scan = SCANS[-1]
    curve = threshold_curve(scan.network, scan.task, scan.activities, scan.inputs, scan.labels, points)
    values = values_of(scan, range(len(scan.activities)))
    thetas = [point.threshold for point in curve]
    assert len(curve) == points and set(thetas) <= set(values)
    assert thetas == sorted(thetas) and (thetas[0], thetas[-1]) == (0.0, values[-1])
    free = [point.free_neurons for point in curve]
    assert free == sorted(free)


def test_labels_drawn_for_the_scans_are_hard_enough() -> None:
    for scan in SCANS:
        own = correct_at(scan, (None,) * len(scan.activities))
        assert 0.6 * len(scan.labels) < own < 0.95 * len(scan.labels)
