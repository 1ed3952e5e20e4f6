"""Compare an exported file with the committed network on every sample of the task, and measure the latency of both.

Files and networks multiply in different orders, so logits agree up to rounding. A prediction may only flip if the network's two
largest logits are that close; such samples are counted and listed, larger differences are refused.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.errors import ForgettingError
from clnp_core.evaluation import count_correct
from clnp_core.network import Network
from orchestrator.export.formats import Call

LOGIT_TOLERANCE = 1e-4
"""Tolerance of a logit, relative to the largest logit of the split. Typical differences are about 1e-6; other convolution
algorithms may reach a few 1e-5. A wrong weight causes differences of about 1e-2."""

BATCH = 256
"""Batch size of the exported model; the first batch has one sample, the last one the rest."""

NAMED_AT_MOST = 20
"""Maximum number of flipped samples that are listed."""


@dataclass(frozen=True, slots=True)
class FileComparison:
    """Comparison of one file with one commit, on one split.

    Attributes:
        file: the exported file.
        after_task: the task of the commit that it is compared with.
        split: ``test`` or ``validation``.
        samples: number of samples compared.
        correct: number of correct predictions of the file.
        flipped: number of predictions that differ, all of undecided samples.
        flipped_samples: their indices from 0; only the first if there are many.
        undecided: samples whose two largest logits in the network are within twice the tolerance.
        largest_logit: of the network, by its absolute value.
        largest_difference: largest absolute difference of two logits.
        relative_difference: the same relative to the largest logit.
        tolerance: the permitted difference.
    """

    file: str
    after_task: int
    split: str
    samples: int
    correct: int
    flipped: int
    flipped_samples: tuple[int, ...]
    undecided: int
    largest_logit: float
    largest_difference: float
    relative_difference: float
    tolerance: float


def require_same_bits(small: Network, own: Network, task: int, after_task: int) -> None:
    """Check that a later commit contains the sub-network of a task bit for bit.

    Args:
        small: the sub-network in the later commit.
        own: the one in the task's own.
        task: whose sub-network it is.
        after_task: the later commit's task.

    Raises:
        ForgettingError: it contains another one.
    """
    later, before = small.to_tensors(), own.to_tensors()
    changed = sorted(name for name in later.keys() | before.keys()
                     if name not in later or name not in before or not _equal_bits(later[name], before[name]))
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ForgettingError(f"the commit of task {after_task} has another sub-network of task {task} than the task's own: "
                              f"{', '.join(changed[:3])}{more}",
                              "nothing was written; `clnp verify` shows what else that commit changes")


def logits_of(call: Call, inputs: Tensor) -> Tensor:
    """Return logits of all samples, float32 [samples, classes], in batches of three sizes: 1, :data:`BATCH`, and the rest."""
    return torch.cat([call(inputs[:1]), *(call(batch) for batch in inputs[1:].split(BATCH))])


def compare(file: str, after_task: int, split: str, actual: Tensor, expected: Tensor, labels: Tensor) -> FileComparison:
    """Compare a file's logits with the network's.

    Args:
        file: its name.
        after_task: the commit's task.
        split: the split's name.
        actual: the file's logits, float32 [samples, classes].
        expected: the canonical ones of the network, of the same shape.
        labels: int64 [samples].

    Raises:
        ForgettingError: a logit differs by more than the tolerance, or is not a number.
    """
    largest = float(expected.abs().max())
    tolerance = LOGIT_TOLERANCE * largest
    difference = float((actual - expected).abs().max())
    if not difference <= tolerance:  # also where one is NaN
        raise ForgettingError(
            f"{file} does not agree with the commit of task {after_task}: logits of {split} samples differ by "
            f"{difference:.3g}, more than the tolerance {tolerance:.3g}",
            "nothing was written; torch or its exporter is broken here: install the versions of constraints.txt")
    flipped = (actual.argmax(dim=1) != expected.argmax(dim=1)).nonzero().flatten().tolist()
    return FileComparison(file, after_task, split, len(labels), count_correct(actual, labels), len(flipped),
                          tuple(flipped[:NAMED_AT_MOST]), _undecided(expected, tolerance), largest, difference,
                          difference / largest if largest else 0.0, tolerance)


def sentence(comparisons: Sequence[FileComparison]) -> str:
    """Return the result of at least one comparison as text."""
    files = " and ".join(dict.fromkeys(each.file for each in comparisons))
    first = [each for each in comparisons if each.file == comparisons[0].file and each.after_task == comparisons[0].after_task]
    samples = sum(each.samples for each in first)
    commits = sorted({each.after_task for each in comparisons})
    networks = (f"the network committed after task {commits[0]}" if len(commits) == 1 else
                f"the networks committed after tasks {' and '.join(map(str, commits))}")
    worst = max(each.relative_difference for each in comparisons)
    flipped = max(sum(each.flipped for each in comparisons if (each.file, each.after_task) == key)
                  for key in {(each.file, each.after_task) for each in comparisons})
    equal = "all predictions are equal" if not flipped else (
        f"{flipped} prediction{'s' if flipped > 1 else ''} differ{'' if flipped > 1 else 's'}, of samples whose two largest "
        "logits are equal up to rounding")
    return (f"{files} compared with {networks} on {samples:,} validation and test samples: {equal}, logits differ by "
            f"{worst:.1e} of the largest at most (tolerance {LOGIT_TOLERANCE:.0e})")


def _equal_bits(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return torch.equal(*(each.contiguous().view(torch.int32) if each.is_floating_point() else each for each in (one, other)))


def _undecided(logits: Tensor, tolerance: float) -> int:
    if logits.shape[1] < 2:
        return 0
    best, second = logits.topk(2, dim=1).values.unbind(dim=1)
    return int((best - second <= 2 * tolerance).sum())


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
