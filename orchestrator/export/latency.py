"""Latency of a batch: medians and quartiles, with interleaved models, so that load on the machine affects all equally."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BATCHES = (1, 256)
"""Samples in a measured batch."""

FEWEST, MOST = 5, 200
"""Repeats of a measurement."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds that one batch took."""

    repeats: int
    median_ms: float
    lower_quartile_ms: float
    upper_quartile_ms: float


def timed(calls: Sequence[Callable[[], object]], budget_seconds: float) -> tuple[Timing, ...]:
    """Measure calls alternately, each once per round, after a warm-up round.

    Args:
        calls: the calls to measure.
        budget_seconds: rounds end after this time or after :data:`MOST` rounds, but not before :data:`FEWEST`.
    """
    for call in calls:
        call()
    taken: list[list[float]] = [[] for _ in calls]
    began = time.perf_counter()
    while len(taken[0]) < MOST and (len(taken[0]) < FEWEST or time.perf_counter() - began < budget_seconds):
        for call, own in zip(calls, taken, strict=True):
            before = time.perf_counter()
            call()
            own.append(1000 * (time.perf_counter() - before))
    return tuple(_timing(own) for own in taken)


def _timing(milliseconds: list[float]) -> Timing:
    lower, median, upper = statistics.quantiles(milliseconds, n=4)
    return Timing(len(milliseconds), median, lower, upper)
