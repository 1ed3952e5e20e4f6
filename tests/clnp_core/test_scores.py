"""Scores of neurons: each against its definition written out, and θ* on each against brute force."""

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.evaluation import hidden_activations, logits_from
from clnp_core.layers import activate
from clnp_core.network import FREE, Head, Network
from clnp_core.networks import mlp
from clnp_core.pruning import keep
from clnp_core.scores import SCORES, ScoredTask, mean_activity, scores_of
from clnp_core.selection import Score, ThresholdMode
from clnp_core.threshold import find_thresholds, threshold_curve
from tests.clnp_core.brute import BATCH, brute_per_layer, brute_shared, correct_at, freed_at
from tests.clnp_core.builders import (
    CONVOLUTIONAL,
    DROPPING,
    FULLY_CONVOLUTIONAL,
    History,
    Scan,
    blobs,
    drawn_network,
    drawn_scan,
    network_of,
)

NETWORKS = {"multi": mlp(6, (9, 8), 3, head=HeadKind.MULTI, head_bias=True), "single": mlp(6, (9, 8, 7), 3),
            "convolutional": CONVOLUTIONAL, "dropout": DROPPING, "fully convolutional": FULLY_CONVOLUTIONAL}
OTHERS = [Score.OUTGOING, Score.TAYLOR]


def measured(architecture: Architecture, samples: int = 37, batch_size: int = 16, task: int = 2) -> ScoredTask:
    network = drawn_network(architecture, task, seed=4, pruned_last=False)
    inputs, labels = blobs(8, samples, architecture.input_shape, architecture.classes)
    return ScoredTask(network, task, inputs, labels, batch_size)


def test_every_score_has_an_entry() -> None:
    assert set(SCORES) == set(Score)


@pytest.mark.parametrize("name", NETWORKS)
def test_activity_is_that_of_the_paper(name: str) -> None:
    subject = measured(NETWORKS[name])
    expected = mean_activity(subject.network, subject.inputs, subject.batch_size)
    assert all(torch.equal(one, other) for one, other in zip(scores_of(Score.ACTIVITY, subject), expected, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_outgoing_is_activity_times_every_weight_that_reads_the_neuron(name: str) -> None:
    subject = measured(NETWORKS[name])
    network, each = subject.network, NETWORKS[name].columns_per_neuron
    readers = [*(rows.weight for rows in network.hidden[1:]), network.head(subject.task).weight]
    for layer, found in enumerate(scores_of(Score.OUTGOING, subject)):
        for neuron, value in enumerate(found.tolist()):
            own = readers[layer][:, neuron * each[layer + 1]:(neuron + 1) * each[layer + 1]]
            assert value == pytest.approx(float(subject.activities[layer][neuron]) * float(own.double().abs().sum()), rel=1e-9)


def one_by_one(subject: ScoredTask) -> list[torch.Tensor]:
    """Taylor's definition, a sample at a time."""
    sums = [torch.zeros(width, dtype=torch.float64) for width in subject.network.architecture.hidden]
    for sample, label in zip(subject.inputs, subject.labels, strict=True):
        hidden = hidden_activations(subject.network, sample[None].clone().requires_grad_())
        loss = functional.cross_entropy(logits_from(subject.network, hidden[-1], subject.task), label[None])
        for total, values, gradient in zip(sums, hidden, torch.autograd.grad(loss, hidden, allow_unused=True), strict=True):
            if gradient is not None:
                total += (values.detach()[0].double() * gradient[0].double()).flatten(1).sum(dim=1).abs() \
                    if values.ndim > 2 else (values.detach()[0].double() * gradient[0].double()).abs()
    return [total / len(subject.inputs) for total in sums]


@pytest.mark.parametrize("name", NETWORKS)
def test_taylor_is_the_mean_of_single_samples(name: str) -> None:
    subject = measured(NETWORKS[name])
    for found, expected in zip(scores_of(Score.TAYLOR, subject), one_by_one(subject), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8)
    assert all(bool((found > 0).any()) for found in scores_of(Score.TAYLOR, subject))


@pytest.mark.parametrize("name", ["multi", "convolutional"])
def test_taylor_predicts_what_a_neuron_is_worth(name: str) -> None:
    """A neuron that is scaled down a little changes the loss of each sample by its share of h · ∂L/∂h."""
    subject = measured(NETWORKS[name], samples=12)
    network, step = subject.network, 1e-3
    predicted = scores_of(Score.TAYLOR, subject)[-1]
    neuron = int(predicted.argmax())
    each = network.architecture.columns_per_neuron[-1]

    def losses(scale: float) -> torch.Tensor:
        head = network.head(subject.task)
        weight = head.weight.double().clone()
        weight[:, neuron * each:(neuron + 1) * each] *= scale
        heads = {subject.task: Head(weight, None if head.bias is None else head.bias.double())}
        hidden = tuple(rows.map(torch.Tensor.double) for rows in network.hidden)
        exact = Network(network.architecture, hidden, heads, network.activated_by)
        last = hidden_activations(exact, subject.inputs.double())[-1]
        return functional.cross_entropy(logits_from(exact, last, subject.task), subject.labels, reduction="none")

    change = (losses(1.0) - losses(1.0 - step)).abs().mean() / step
    assert float(change) == pytest.approx(float(predicted[neuron]), rel=0.02)


@pytest.mark.parametrize("score", list(Score))
@pytest.mark.parametrize("name", NETWORKS)
def test_free_neurons_score_nothing_and_batches_do_not_matter(name: str, score: Score) -> None:
    subject = measured(NETWORKS[name])
    kept = [torch.arange(len(owner)) % 3 != 0 for owner in subject.network.activated_by]
    kept = [own | ((owner != FREE) & (owner != 2)) for own, owner in zip(kept, subject.network.activated_by, strict=True)]
    pruned = dataclasses.replace(subject, network=keep(subject.network, 2, kept))
    whole = dataclasses.replace(pruned, batch_size=64)
    for own, found, other in zip(kept, scores_of(score, pruned), scores_of(score, whole), strict=True):
        assert found.dtype == torch.float64 and found.device.type == "cpu" and bool((found >= 0).all())
        assert not found[~own].any()
        torch.testing.assert_close(found, other, rtol=1e-4, atol=1e-8)


def test_another_loss_is_differentiated() -> None:
    subject = measured(NETWORKS["multi"])
    doubled = dataclasses.replace(subject, loss=lambda logits, own: 2 * functional.cross_entropy(logits, subject.labels[own]))
    for one, other in zip(scores_of(Score.TAYLOR, subject), scores_of(Score.TAYLOR, doubled), strict=True):
        torch.testing.assert_close(2 * one, other, rtol=1e-5, atol=1e-9)


SCANNED = [NETWORKS["multi"], NETWORKS["single"], FULLY_CONVOLUTIONAL]
SCANS = [drawn_scan(architecture, tasks, seed=30 * tasks + number, samples=200)
         for number, architecture in enumerate(SCANNED) for tasks in (1, 2)]


@pytest.mark.parametrize("score", OTHERS)
@pytest.mark.parametrize("scan", SCANS, ids=range(len(SCANS)))
def test_thresholds_on_a_score_are_those_of_brute_force(scan: Scan, score: Score) -> None:
    scores = scores_of(score, ScoredTask(scan.network, scan.task, scan.inputs, scan.labels))
    scored = dataclasses.replace(scan, activities=scores)
    own = correct_at(scored, (None,) * len(scores))
    for allowed in (0, 2, 9, 40, 200):
        for mode, brute in ((ThresholdMode.SHARED, brute_shared), (ThresholdMode.PER_LAYER, brute_per_layer)):
            expected = brute(scored, own - allowed)
            found = find_thresholds(scan.network, scan.task, scores, scan.inputs, scan.labels, own - allowed, mode, BATCH)
            assert found.thresholds == expected
            assert (found.val_correct, found.free_neurons) == (correct_at(scored, expected), freed_at(scored, expected))
    curve = threshold_curve(scan.network, scan.task, scores, scan.inputs, scan.labels, 200)
    assert [point.free_neurons for point in curve] == [freed_at(scored, (point.threshold,) * len(scores)) for point in curve]


def test_the_scores_order_neurons_differently() -> None:
    """Guards the tests above: they are three scores and not one."""
    subject = measured(NETWORKS["multi"])
    orders = {tuple(scores_of(score, subject)[0].argsort().tolist()) for score in Score}
    assert len(orders) == 3


CHAIN = mlp(6, (8, 7), 3)


def reference(network: Network, inputs: Tensor) -> list[Tensor]:
    """The formula, sample by sample, in float64."""
    totals = [torch.zeros(width, dtype=torch.float64) for width in network.architecture.hidden]
    for sample in inputs.double():
        values = sample
        for total, rows, owner in zip(totals, network.hidden, network.activated_by, strict=True):
            values = activate(rows.weight.double() @ values + rows.bias.double(), network.architecture.layers[0].activation)
            values = torch.where(owner == FREE, 0.0, values)
            total += values.abs()
    return [total / len(inputs) for total in totals]


@pytest.mark.parametrize("activation", list(Activation))
def test_activity_is_the_mean_absolute_activation(activation: Activation) -> None:
    network = drawn_network(mlp(6, (8, 7), 3, activation), 2, seed=3)
    inputs = torch.randn(53, 6, generator=torch.Generator().manual_seed(1))
    found = mean_activity(network, inputs, batch_size=20)
    for measured, expected in zip(found, reference(network, inputs), strict=True):
        assert measured.dtype == torch.float64 and measured.device.type == "cpu"
        assert torch.allclose(measured, expected, rtol=1e-5, atol=1e-7)


def test_signs_do_not_cancel() -> None:
    network = network_of([(torch.tensor([[1.0]]), torch.zeros(1), [1])], {1: torch.ones(2, 1)}, Activation.TANH)
    activity, = mean_activity(network, torch.tensor([[-3.0], [3.0]]))
    assert activity.item() == pytest.approx(float(torch.tanh(torch.tensor(3.0))), rel=1e-6)


def test_padding_of_an_uneven_last_batch_does_not_count() -> None:
    """A neuron that fires on the padding only: weight 0 on the samples would hide it, a positive bias does not."""
    network = network_of([(torch.tensor([[-1.0]]), torch.tensor([1.0]), [1])], {1: torch.ones(2, 1)})
    activity, = mean_activity(network, torch.full((5, 1), 2.0), batch_size=4)
    assert activity.item() == 0.0
    activity, = mean_activity(network, torch.full((5, 1), 0.5), batch_size=4)
    assert activity.item() == 0.5


@pytest.mark.parametrize("batch_size", [1, 7, 53, 1000])
def test_the_batch_size_moves_the_mean_by_rounding_only(batch_size: int) -> None:
    network = drawn_network(CHAIN, 1, seed=4)
    inputs = torch.randn(53, 6, generator=torch.Generator().manual_seed(2))
    for one, other in zip(mean_activity(network, inputs, batch_size), mean_activity(network, inputs), strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=0)


def test_sums_are_kept_in_float64() -> None:
    """In float32 the mean of these would stop growing: 2²⁴ + 1 = 2²⁴."""
    network = network_of([(torch.tensor([[1.0]]), torch.zeros(1), [1])], {1: torch.ones(2, 1)})
    inputs = torch.cat([torch.tensor([[2.0 ** 24]]), torch.ones(3, 1)])
    activity, = mean_activity(network, inputs, batch_size=1)
    assert activity.item() == (2.0 ** 24 + 3) / 4
    activity, = mean_activity(network, inputs, batch_size=4)
    assert activity.item() == (2.0 ** 24 + 3) / 4


def test_free_neurons_have_exactly_no_activity_even_under_a_sigmoid() -> None:
    network = drawn_network(mlp(6, (8, 7), 3, Activation.SIGMOID, HeadKind.MULTI), 2, seed=5)
    for activity, owner in zip(mean_activity(network, torch.ones(9, 6)), network.activated_by, strict=True):
        assert bool((owner == FREE).any()) and bool((owner != FREE).any())
        assert (activity == 0.0).tolist() == (owner == FREE).tolist()


def test_activity_needs_no_gradient(history: History) -> None:
    inputs = torch.ones(4, history.newest.architecture.inputs, requires_grad=True)
    assert not any(activity.requires_grad for activity in mean_activity(history.newest, inputs))
