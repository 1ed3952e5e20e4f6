"""The graceful-forgetting rule (paper §2.2), as arithmetic on recorded numbers.

Nothing here trains, evaluates or uses a tensor: accuracies are counts of correct validation samples and the margin is an exact
rational, so the rule gives the same result on every machine, and from an old database as well.

1. ``best`` = the highest validation count over all trials, unpruned.
2. ``picked`` = the trials within the margin of ``best``.
3. Each picked trial is pruned at the highest threshold that keeps it within the margin (:mod:`clnp_core.threshold`).
4. The sparsest pruned network wins; ties go to the higher pruned accuracy, then to the lower trial number.

:mod:`clnp_core.tradeoff` holds the other rule, which replaces steps 3 and 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from clnp_core.errors import StateError
from clnp_core.words import plural

Thresholds = tuple[float | None, ...]
"""One threshold on the score per hidden layer; None prunes nothing in that layer."""


class ThresholdMode(StrEnum):
    """One θ for all hidden layers, or one per layer."""

    SHARED = "shared"
    PER_LAYER = "per-layer"


class Score(StrEnum):
    """What of a neuron is compared with θ (:mod:`clnp_core.scores`)."""

    ACTIVITY = "activity"
    OUTGOING = "outgoing"
    TAYLOR = "taylor"

    @property
    def is_activity(self) -> bool:
        """Whether it is the paper's, which every trial stores anyway."""
        return self is Score.ACTIVITY


class SelectionRule(StrEnum):
    """How a network is chosen among those within the margin.

    ``SPARSEST`` is the paper's rule (§2.2). ``TRADE_OFF`` weighs accuracy against the neurons left for future tasks.
    """

    SPARSEST = "sparsest"
    TRADE_OFF = "trade-off"


class Verdict(StrEnum):
    """The result of the rule for a trial."""

    CHOSEN = "chosen"
    SPARSER_ONE_EXISTS = "sparser one exists"
    BETTER_TRADE_OFF_EXISTS = "better trade-off exists"
    WORSE_TIE = "worse tie"
    OUTSIDE_MARGIN = "outside margin"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrainedTrial:
    """A trial that ended: its number in the grid and its count of correct validation samples, unpruned."""

    number: int
    val_correct: int


@dataclass(frozen=True, slots=True)
class FailedTrial:
    """A trial that is excluded from the selection, and why (it diverged, or reached its time limit)."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class PrunedTrial:
    """A picked trial pruned at thresholds within the margin; the paper's rule uses the highest ones.

    ``free_neurons`` counts neurons that no task uses after pruning, over all hidden layers: the numerator of the sparsity.
    """

    number: int
    thresholds: Thresholds
    val_correct: int
    free_neurons: int


@dataclass(frozen=True, slots=True)
class Pick:
    """Steps 1 and 2: the best count, the lowest count within the margin, and the trials that reach it."""

    best_val_correct: int
    required_val_correct: int
    val_total: int
    picked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """The verdict on one trial, with its reason as a sentence."""

    number: int
    verdict: Verdict
    reason: str
    pruned: PrunedTrial | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome of either rule: the chosen trial, and a verdict for every trial of the stage."""

    pick: Pick
    chosen: PrunedTrial
    verdicts: tuple[TrialVerdict, ...]


def required_correct(best_correct: int, total: int, margin_points: Decimal) -> int:
    """Return the lowest count within the margin: the smallest integer c with 100·(best − c) ≤ m·total, in exact arithmetic.

    Args:
        best_correct: correct validation samples of the best unpruned trial.
        total: validation samples.
        margin_points: the margin m in percentage points, 0 to 100.
    """
    allowed_loss = Fraction(margin_points) * total / 100
    return max(0, best_correct - allowed_loss.numerator // allowed_loss.denominator)


def pick(trained: Sequence[TrainedTrial], total: int, margin_points: Decimal) -> Pick:
    """Apply steps 1 and 2 of the rule.

    Raises:
        StateError: no trial ended with a result.
    """
    if not trained:
        raise StateError("no trial of this stage ended with a result, so there is nothing to select from",
                         "look at the failures of the trials, fix the cause, then `clnp resume RUN --retry-failed`")
    best = max(trial.val_correct for trial in trained)
    required = required_correct(best, total, margin_points)
    picked = tuple(sorted(trial.number for trial in trained if trial.val_correct >= required))
    return Pick(best, required, total, picked)


def select(trained: Sequence[TrainedTrial], failed: Sequence[FailedTrial], pruned: Mapping[int, PrunedTrial],
           total: int, margin_points: Decimal) -> Selection:
    """Apply the whole rule, given the pruned results of the picked trials.

    Args:
        trained: every trial that ended with a result.
        failed: every trial that is excluded from the selection.
        pruned: the pruned result by number, for every picked trial.
        total: validation samples.
        margin_points: the margin m in percentage points.

    Raises:
        StateError: there is nothing to select from, or a picked trial was not pruned, or is outside the margin after pruning.
    """
    picked = pick(trained, total, margin_points)
    require_pruned(picked, pruned)
    chosen = min((pruned[number] for number in picked.picked),
                 key=lambda p: (-p.free_neurons, -p.val_correct, p.number))
    return Selection(picked, chosen, sorted_verdicts(
        trained, failed, picked, lambda number: _verdict(pruned[number], chosen, picked)))


def select_most_accurate(trained: Sequence[TrainedTrial], failed: Sequence[FailedTrial], total: int) -> Selection:
    """Apply the rule of methods that prune nothing: the highest validation count, and the lower number if several are equal.

    It is the rule above with a margin of 0 and networks that keep every neuron; the chosen trial has no thresholds.

    Raises:
        StateError: no trial ended with a result.
    """
    picked = pick(trained, total, Decimal(0))
    first, count = picked.picked[0], picked.best_val_correct
    correct = {trial.number: trial.val_correct for trial in trained}

    def of_picked(number: int) -> TrialVerdict:
        own = PrunedTrial(number, (), count, 0)
        if number == first:
            return TrialVerdict(number, Verdict.CHOSEN, f"the most accurate: {count} of {total} correct", own)
        return TrialVerdict(number, Verdict.WORSE_TIE, f"as accurate as trial {first}, which has the lower number", own)

    verdicts = tuple(
        replace(judged, reason=f"{correct[judged.number]} of {total} correct, "
                               f"{count - correct[judged.number]} fewer than trial {first}")
        if judged.verdict is Verdict.OUTSIDE_MARGIN else judged
        for judged in sorted_verdicts(trained, failed, picked, of_picked))
    return Selection(picked, PrunedTrial(first, (), count, 0), verdicts)


def require_pruned(picked: Pick, pruned: Mapping[int, PrunedTrial]) -> None:
    """Check that every picked trial was pruned within the margin.

    Raises:
        StateError: a trial was not pruned, or is outside the margin after pruning.
    """
    for number in picked.picked:
        if number not in pruned:
            raise StateError(f"trial {number} is within the margin but has not been pruned",
                             "scan its thresholds before selecting")
        if pruned[number].val_correct < picked.required_val_correct:
            raise StateError(
                f"trial {number} was pruned to {pruned[number].val_correct} correct, "
                f"below the {picked.required_val_correct} that the margin requires",
                "its threshold scan is wrong: scan it again")


def sorted_verdicts(trained: Sequence[TrainedTrial], failed: Sequence[FailedTrial], picked: Pick,
                    of_picked: Callable[[int], TrialVerdict]) -> tuple[TrialVerdict, ...]:
    """Return a verdict for every trial of a stage, by number; ``of_picked`` returns those of trials within the margin."""
    within = set(picked.picked)
    verdicts = [of_picked(trial.number) if trial.number in within else _outside(trial, picked) for trial in trained]
    verdicts += [TrialVerdict(trial.number, Verdict.FAILED, trial.reason) for trial in failed]
    return tuple(sorted(verdicts, key=lambda verdict: verdict.number))


def _outside(trial: TrainedTrial, picked: Pick) -> TrialVerdict:
    short = picked.required_val_correct - trial.val_correct
    return TrialVerdict(trial.number, Verdict.OUTSIDE_MARGIN,
                        f"{trial.val_correct} of {picked.val_total} correct, {short} short of the "
                        f"{picked.required_val_correct} that the margin requires")


def _verdict(own: PrunedTrial, chosen: PrunedTrial, picked: Pick) -> TrialVerdict:
    if own.number == chosen.number:
        return TrialVerdict(own.number, Verdict.CHOSEN,
                            f"sparsest within the margin: {plural(own.free_neurons, 'neuron')} free, "
                            f"{own.val_correct} of {picked.val_total} correct after pruning", own)
    if own.free_neurons < chosen.free_neurons:
        return TrialVerdict(own.number, Verdict.SPARSER_ONE_EXISTS,
                            f"{plural(own.free_neurons, 'neuron')} free, trial {chosen.number} leaves "
                            f"{chosen.free_neurons}", own)
    if own.val_correct < chosen.val_correct:
        reason = f"as sparse as trial {chosen.number}, but {own.val_correct} correct against {chosen.val_correct}"
    else:
        reason = f"as sparse and as accurate as trial {chosen.number}, which has the lower number"
    return TrialVerdict(own.number, Verdict.WORSE_TIE, reason, own)
