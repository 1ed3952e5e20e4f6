"""What neurons are ranked by for a cut, and which of them go."""

from collections.abc import Callable

import pytest
import torch

from clnp_core.architecture import DIVIDED_HEADS, HeadKind
from clnp_core.frozen_activations import frozen_activations
from clnp_core.scores import ScoredTask, scores_of
from clnp_core.selection import Score
from tests.workers.image_trials import images
from tests.workers.training.test_loop import run
from workers.data.loader import load_task
from workers.spec import TrialSpec
from workers.training.cut_scores import least_important, own_scores, taylor_scores
from workers.training.losses import CrossEntropy

Trials = Callable[..., TrialSpec]


@pytest.mark.parametrize("head", DIVIDED_HEADS)
@pytest.mark.parametrize("kind", ["dense", "images"])
def test_the_taylor_score_is_the_one_of_the_core(trial: Trials, head: HeadKind, kind: str) -> None:
    spec = trial(head=head, epochs=2) if kind == "dense" else images(trial(epochs=2), head)
    network, data = run(spec)[1].network, load_task(spec.stage.benchmark, 1)
    loss, samples = CrossEntropy(data.train), 90
    found = taylor_scores(network, 1, samples, loss, frozen_activations(network, data.train.inputs, reopen=1), 32)
    assert [len(layer) for layer in found] == list(network.architecture.hidden)
    expected = scores_of(Score.TAYLOR, ScoredTask(
        network, 1, data.train.inputs[:samples], data.train.labels[:samples], 32, loss))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-9) and bool((one > 0).any())


def test_a_silent_neuron_has_no_score(trial: Trials) -> None:
    network, data = run(trial(epochs=1))[1].network, load_task(trial().stage.benchmark, 1)
    for values in (network.hidden[0].weight, network.hidden[0].bias):
        values[3] = 0.0
    frozen = frozen_activations(network, data.train.inputs, reopen=1)
    found = taylor_scores(network, 1, 200, CrossEntropy(data.train), frozen, 100)
    assert float(found[0][3]) == 0.0


@pytest.mark.parametrize("score", [Score.ACTIVITY, Score.OUTGOING])
def test_the_other_scores_are_those_of_the_core(trial: Trials, score: Score) -> None:
    network, data = run(trial(epochs=1))[1].network, load_task(trial().stage.benchmark, 1)
    found = own_scores(score, network, 1, data.train, CrossEntropy(data.train), (), 100)
    expected = scores_of(score, ScoredTask(network, 1, data.train.inputs, data.train.labels, 100))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_one_ranking_over_all_layers_with_ties_in_order() -> None:
    scores = (torch.tensor([0.5, 0.1, 0.3]), torch.tensor([0.1, 0.2]))
    assert least_important(scores, (0, 0), 3) == [(0, 1), (1, 0), (1, 1)]
    assert least_important(scores, (1, 1), 9) == [(0, 1), (1, 0), (0, 2)]
    assert least_important(scores, (3, 2), 1) == []
