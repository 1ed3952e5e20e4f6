"""Scores of neurons: each against its definition written out, and θ* on each against brute force."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from clnp_core.activity import mean_activity
from clnp_core.architecture import Architecture, HeadKind
from clnp_core.evaluation import hidden_activations, logits_from
from clnp_core.network import FREE, Head, Network
from clnp_core.networks import mlp
from clnp_core.pruning import keep
from clnp_core.scores import SCORES, ScoredTask, scores_of
from clnp_core.selection import Score, ThresholdMode
from clnp_core.threshold import find_thresholds, threshold_curve
from tests.clnp_core.brute import BATCH, brute_per_layer, brute_shared, correct_at, freed_at
from tests.clnp_core.builders import CONVOLUTIONAL, DROPPING, FULLY_CONVOLUTIONAL, Scan, blobs, drawn_network, drawn_scan

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
