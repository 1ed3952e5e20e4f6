"""Find the highest activation threshold θ* that stays within the margin (paper §2.2), exactly.

Candidates are all distinct activities of the free neurons, and 0. They are tried in descending order: accuracy need not
decrease monotonically in θ, so bisection can miss the highest passing one. Screening decides most candidates cheaply
(:mod:`clnp_core.screening`); the canonical evaluation decides the others and confirms the result, which equals a brute-force
search over all candidates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.evaluation import CANONICAL_BATCH, count_correct, exact_float32, logit_batches
from clnp_core.network import Network
from clnp_core.pruning import Lengths, Ranking, prune
from clnp_core.screening import Screen, counts_correct
from clnp_core.selection import ThresholdMode, Thresholds
from clnp_core.values import CurvePoint


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """θ* of one trial.

    Attributes:
        thresholds: per hidden layer; None if not even θ = 0 passes, so that nothing is pruned.
        val_correct: correct validation samples of the pruned network, canonical.
        free_neurons: neurons free after pruning, over all hidden layers.
        candidates_tried: number of pruned networks that were tested.
        confirmed: number of canonical evaluations: of batches with uncertain samples, and one of the result.
    """

    thresholds: Thresholds
    val_correct: int
    free_neurons: int
    candidates_tried: int
    confirmed: int


def find_thresholds(network: Network, task: int, activities: Sequence[Tensor], inputs: Tensor, labels: Tensor,
                    required_correct: int, mode: ThresholdMode = ThresholdMode.SHARED,
                    batch_size: int = CANONICAL_BATCH) -> ThresholdResult:
    """Find the highest passing θ, shared or per layer.

    Per layer: start at the shared θ*; from the last hidden layer to the first, raise each θ_l to its highest passing value with
    the others fixed; repeat until nothing changes. The result is never less sparse than with the shared θ*.

    Args:
        network: unpruned; ``task`` owns every formerly free neuron.
        task: counted from 1.
        activities: per hidden layer float64 [width], the score of each neuron over the training set (:mod:`clnp_core.scores`).
        inputs: validation inputs, float [samples, *input shape].
        labels: int64 [samples].
        required_correct: the lowest count that is within the margin (:func:`clnp_core.selection.required_correct`).
        mode: shared or per layer.
        batch_size: of the canonical evaluation.
    """
    scan = _Scan(network, task, activities, inputs, labels, required_correct, batch_size)
    best = scan.search(mode)
    if scan.canonical_correct(best) < required_correct and best != scan.nothing:
        scan.trusts_the_screen = False  # a sample was misjudged after all
        best = scan.search(mode)
    return ThresholdResult(best, scan.canonical_correct(best), scan.ranking.free(scan.ranking.lengths(best)), scan.tried,
                           scan.confirmed)


def threshold_curve(network: Network, task: int, activities: Sequence[Tensor], inputs: Tensor, labels: Tensor,
                    points: int) -> tuple[CurvePoint, ...]:
    """Return about ``points`` shared thresholds from "only dead neurons pruned" to "everything pruned", for plots.

    They are spread evenly over the candidates. Accuracies come from incremental sums, so a count can differ from the canonical
    one if a sample is close to the decision boundary; no choice depends on them. Arguments as in :func:`find_thresholds`.

    Returns:
        Ascending in θ.
    """
    ranking, depth = Ranking(network.activated_by, task, activities), network.architecture.depth
    thetas = ranking.candidates(range(depth))
    if len(thetas) > points:
        positions = torch.linspace(0, len(thetas) - 1, points, dtype=torch.float64).round().to(torch.int64)
        thetas = [thetas[position] for position in sorted(set(positions.tolist()))]
    kept = [ranking.lengths((theta,) * depth) for theta in thetas]
    counts = counts_correct(network, task, ranking, inputs, labels, kept)
    return tuple(CurvePoint(theta, correct, ranking.free(lengths))
                 for theta, correct, lengths in reversed(list(zip(thetas, counts, kept, strict=True))))


class _Scan:
    """Test which thresholds pass, and count the work.

    Attributes:
        trusts_the_screen: whether candidates that the screen considers certain pass without a canonical evaluation.
        nothing: the thresholds that prune nothing.
    """

    def __init__(self, network: Network, task: int, activities: Sequence[Tensor], inputs: Tensor, labels: Tensor,
                 required_correct: int, batch_size: int) -> None:
        self._network, self._task, self._activities = network, task, activities
        self._inputs, self._labels, self._batch_size = inputs, labels, batch_size
        self._required = required_correct
        self._counts: dict[Thresholds, int] = {}
        self.ranking = Ranking(network.activated_by, task, activities)
        self.trusts_the_screen = True
        self.nothing: Thresholds = (None,) * network.architecture.depth
        self._screen = self._screen_of(self.ranking.lengths((0.0,) * network.architecture.depth))  # without dead neurons
        self.tried = self.confirmed = 0

    def search(self, mode: ThresholdMode) -> Thresholds:
        """Return the highest passing shared threshold; per layer, raised from there; ``nothing`` if none passes."""
        layers = range(len(self.nothing))
        best = self._highest((theta,) * len(layers) for theta in self.ranking.candidates(layers)) or self.nothing
        changed = mode is ThresholdMode.PER_LAYER
        while changed:
            changed = False
            for layer in reversed(layers):
                now = best[layer]
                above = [theta for theta in self.ranking.candidates([layer]) if now is None or theta > now]
                higher = self._highest((*best[:layer], theta, *best[layer + 1:]) for theta in above)
                if higher is not None:
                    best, changed = higher, True
        return best

    def _highest(self, descending: Iterable[Thresholds]) -> Thresholds | None:
        """Return the first that passes."""
        with torch.no_grad(), exact_float32():
            return next(filter(self._passes, descending), None)

    def _screen_of(self, longest: Lengths) -> Screen:
        return Screen(self._network, self._task, self.ranking, self._inputs, self._labels, len(self._labels) - self._required,
                      longest)

    def _passes(self, thresholds: Thresholds) -> bool:
        self.tried += 1
        lengths = self.ranking.lengths(thresholds)
        if any(own > longest for own, longest in zip(lengths, self._screen.longest, strict=True)):
            self._screen = self._screen_of(self.ranking.lengths(self.nothing))
        judged = self._screen.judge(lengths)
        if judged.uncertain is None:
            return False
        if not self.trusts_the_screen:
            return self.canonical_correct(thresholds) >= self._required
        if not len(judged.uncertain):
            return True
        self.confirmed += 1
        return self._correct_of(thresholds, judged.uncertain, judged.right) >= self._required

    def canonical_correct(self, thresholds: Thresholds) -> int:
        """Return the correct samples of the canonical evaluation; or a lower count, found early, if they are not enough."""
        if thresholds not in self._counts:
            self.confirmed += 1
            everything = torch.arange(len(self._labels), device=self._labels.device)
            self._counts[thresholds] = self._correct_of(thresholds, everything, 0)
        return self._counts[thresholds]

    def _correct_of(self, thresholds: Thresholds, samples: Tensor, correct: int) -> int:
        """Add the correct ones of some samples in the canonical evaluation, evaluating only batches that contain any of them.
        Stop when the required count cannot be reached any more."""
        pruned = prune(self._network, self._task, self._activities, thresholds)
        chosen = torch.zeros_like(self._labels, dtype=torch.bool)
        chosen[samples] = True
        left = len(samples)
        for start in range(0, len(self._labels), self._batch_size):
            batch = slice(start, start + self._batch_size)
            own = chosen[batch]
            if own.any():
                logits = next(logit_batches(pruned, self._inputs[batch], self._task, self._batch_size))
                correct += count_correct(logits[own], self._labels[batch][own])
                left -= int(own.sum())
                if correct + left < self._required and thresholds != self.nothing:
                    break
        return correct
