"""θ* by brute force: the canonical evaluation of every candidate, and the coordinate rule written out."""

import functools
import itertools
from collections.abc import Sequence

from clnp_core.capacity import free_neurons
from clnp_core.evaluation import evaluate
from clnp_core.pruning import prune
from clnp_core.selection import Thresholds
from tests.clnp_core.builders import Scan

BATCH = 128


@functools.cache
def correct_at(scan: Scan, thresholds: Thresholds) -> int:
    pruned = prune(scan.network, scan.task, scan.activities, thresholds)
    return evaluate(pruned, scan.inputs, scan.labels, scan.task, BATCH).correct


def freed_at(scan: Scan, thresholds: Thresholds) -> int:
    return free_neurons(prune(scan.network, scan.task, scan.activities, thresholds))


def values_of(scan: Scan, layers: Sequence[int]) -> list[float]:
    """Every candidate, lowest first: the activities of the neurons of the task, and 0."""
    return sorted({0.0, *(float(scan.activities[layer][neuron]) for layer in layers
                          for neuron, owner in enumerate(scan.network.activated_by[layer].tolist()) if owner == scan.task)})


def passes_shared(scan: Scan, required: int) -> list[bool]:
    """For every shared candidate, lowest first."""
    depth = len(scan.activities)
    return [correct_at(scan, (theta,) * depth) >= required for theta in values_of(scan, range(depth))]


def brute_shared(scan: Scan, required: int) -> Thresholds:
    depth = len(scan.activities)
    passing = [theta for theta, passes in zip(values_of(scan, range(depth)), passes_shared(scan, required), strict=True)
               if passes]
    return (max(passing) if passing else None,) * depth


def brute_per_layer(scan: Scan, required: int, first_to_last: bool = False, rounds: int | None = None) -> Thresholds:
    """From the shared θ*; last hidden layer to first, each to its highest passing value; until nothing changes."""
    best = list(brute_shared(scan, required))
    for _ in range(rounds) if rounds else itertools.count():
        before = list(best)
        for layer in range(len(best)) if first_to_last else range(len(best) - 1, -1, -1):
            higher = [theta for theta in values_of(scan, [layer]) if best[layer] is None or theta > best[layer]]
            passing = [theta for theta in higher
                       if correct_at(scan, (*best[:layer], theta, *best[layer + 1:])) >= required]
            best[layer] = max(passing, default=best[layer])
        if best == before:
            break
    return tuple(best)


def bisected(passes: Sequence[bool]) -> int | None:
    """What a search that believes in monotony answers: the index of a passing candidate whose successor fails."""
    low, high = -1, len(passes)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes[middle] else (low, middle)
    return low if low >= 0 else None
