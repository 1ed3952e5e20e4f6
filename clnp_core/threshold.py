"""The highest activation threshold θ* that stays within the margin (paper §2.2), exactly.

Candidates are all distinct activities of the free neurons, and 0. They are tried from the top: accuracy need not fall
monotonically in θ, so bisection can miss the highest one that passes. Screening rejects most candidates cheaply
(:mod:`clnp_core.screening`); what it does not reject is decided by the canonical evaluation, so the answer equals brute force
over every candidate.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.evaluation import CANONICAL_BATCH, count_correct, logit_batches
from clnp_core.network import Network
from clnp_core.pruning import keep, survivors
from clnp_core.screening import Screen
from clnp_core.selection import ThresholdMode, Thresholds


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """θ* of one trial.

    Attributes:
        thresholds: per hidden layer; None where not even θ = 0 passes, so nothing is pruned.
        val_correct: correct validation samples of the pruned network, canonical.
        free_neurons: neurons free after pruning, over all hidden layers.
        candidates_tried: how many pruned networks were looked at.
        confirmed: how many of them needed the canonical evaluation.
    """

    thresholds: Thresholds
    val_correct: int
    free_neurons: int
    candidates_tried: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of the threshold curve: shared θ, correct validation samples, free neurons over all hidden layers."""

    threshold: float
    val_correct: int
    free_neurons: int


def candidates(activities: Sequence[Tensor], owners: Sequence[Tensor], task: int) -> list[float]:
    """All distinct activities of the neurons that ``task`` could free, and 0, highest first.

    Args:
        activities: float64 [width] per layer looked at.
        owners: int16 [width] per layer looked at, unpruned.
        task: counted from 1.
    """
    values = {0.0}
    for activity, owner in zip(activities, owners, strict=True):
        values.update(activity[(owner == task).cpu()].tolist())
    return sorted(values, reverse=True)


def find_thresholds(network: Network, task: int, activities: Sequence[Tensor], inputs: Tensor, labels: Tensor,
                    required_correct: int, mode: ThresholdMode = ThresholdMode.SHARED,
                    batch_size: int = CANONICAL_BATCH) -> ThresholdResult:
    """The highest passing θ, shared or per layer.

    Per layer: start at the shared θ*; from the last hidden layer to the first raise each θ_l to its highest passing value
    with the others fixed; repeat until nothing changes. A trial is therefore never less sparse than with the shared θ*.

    Args:
        network: unpruned; ``task`` owns every formerly free neuron.
        task: counted from 1.
        activities: per hidden layer float64 [width], mean activity over the training set.
        inputs: validation inputs, float [samples, *input shape].
        labels: int64 [samples].
        required_correct: the lowest count that is within the margin (:func:`clnp_core.selection.required_correct`).
        mode: shared or per layer.
        batch_size: of the canonical evaluation.
    """
    scan = _Scan(network, task, activities, inputs, labels, required_correct, batch_size)
    depth = network.architecture.depth
    best = scan.highest((theta,) * depth for theta in scan.all_candidates())
    if mode is ThresholdMode.PER_LAYER:
        best = _raise_each_layer(scan, best or scan.unpruned())
    found = best or scan.unpruned()
    return dataclasses.replace(found, candidates_tried=scan.tried, confirmed=scan.confirmed)


def threshold_curve(network: Network, task: int, activities: Sequence[Tensor], inputs: Tensor, labels: Tensor,
                    points: int) -> tuple[CurvePoint, ...]:
    """About ``points`` shared thresholds from "nothing pruned but dead neurons" to "everything", for plots.

    Spread evenly over the candidates. Accuracies come from incremental sums, so a count can differ from the canonical one by
    a sample that stands on the edge; no choice is made from them. Arguments as in :func:`find_thresholds`.

    Returns:
        Ascending in θ.
    """
    thetas = candidates(activities, network.activated_by, task)
    if len(thetas) > points:
        positions = torch.linspace(0, len(thetas) - 1, points, dtype=torch.float64).round().to(torch.int64)
        thetas = [thetas[position] for position in sorted(set(positions.tolist()))]
    screen = Screen(network, task, inputs, labels, allowed_wrong=len(labels))
    kept = [survivors(network, task, activities, (theta,) * network.architecture.depth) for theta in thetas]
    counts = screen.counts_correct(kept)
    return tuple(CurvePoint(theta, correct, _freed(stays))
                 for theta, correct, stays in reversed(list(zip(thetas, counts, kept, strict=True))))


class _Scan:
    """Which thresholds pass, counting the work."""

    def __init__(self, network: Network, task: int, activities: Sequence[Tensor], inputs: Tensor, labels: Tensor,
                 required_correct: int, batch_size: int) -> None:
        self._network, self._task, self._activities = network, task, activities
        self._inputs, self._labels, self._batch_size = inputs, labels, batch_size
        self._allowed_wrong = len(labels) - required_correct
        self._screen = Screen(network, task, inputs, labels, self._allowed_wrong)
        self.tried = 0
        self.confirmed = 0

    def all_candidates(self) -> list[float]:
        return candidates(self._activities, self._network.activated_by, self._task)

    def layer_candidates(self, layer: int, above: float | None) -> list[float]:
        owners = self._network.activated_by[layer:layer + 1]
        values = candidates(self._activities[layer:layer + 1], owners, self._task)
        return [value for value in values if above is None or value > above]

    def highest(self, descending: Iterable[Thresholds]) -> ThresholdResult | None:
        """The first that passes."""
        return next((found for found in map(self._passing, descending) if found is not None), None)

    def unpruned(self) -> ThresholdResult:
        """θ* = none: nothing is pruned."""
        nothing: Thresholds = (None,) * self._network.architecture.depth
        kept = survivors(self._network, self._task, self._activities, nothing)
        correct = self._canonical_correct(kept, allowed_wrong=len(self._labels))
        return ThresholdResult(nothing, correct, _freed(kept), self.tried, self.confirmed)

    def _passing(self, thresholds: Thresholds) -> ThresholdResult | None:
        self.tried += 1
        kept = survivors(self._network, self._task, self._activities, thresholds)
        if self._screen.certainly_fails(kept):
            return None
        self.confirmed += 1
        correct = self._canonical_correct(kept, self._allowed_wrong)
        if len(self._labels) - correct > self._allowed_wrong:
            return None
        return ThresholdResult(thresholds, correct, _freed(kept), self.tried, self.confirmed)

    def _canonical_correct(self, kept: Sequence[Tensor], allowed_wrong: int) -> int:
        """Correct samples, canonical; stops early, with a count that is too low, once the budget is exceeded."""
        pruned = keep(self._network, self._task, kept)
        correct = seen = 0
        for logits in logit_batches(pruned, self._inputs, self._task, self._batch_size):
            correct += count_correct(logits, self._labels[seen:seen + len(logits)])
            seen += len(logits)
            if seen - correct > allowed_wrong:
                break
        return correct


def _raise_each_layer(scan: _Scan, start: ThresholdResult) -> ThresholdResult:
    """Coordinate ascent from the last hidden layer to the first, until nothing changes."""
    best, changed = start, True
    while changed:
        changed = False
        for layer in reversed(range(len(best.thresholds))):
            below, above = best.thresholds[:layer], best.thresholds[layer + 1:]
            higher = scan.highest((*below, theta, *above)
                                  for theta in scan.layer_candidates(layer, best.thresholds[layer]))
            if higher is not None:
                best, changed = higher, True
    return best


def _freed(kept: Sequence[Tensor]) -> int:
    return sum(int((~stays).sum()) for stays in kept)
