"""The second selection rule: accuracy weighed against the neurons left for future tasks. It is not in the paper.

The paper chooses the sparsest network within the margin (§2.2) for each task: this spends the whole margin on every task, even
if there are plenty of neurons and the last bit of sparsity costs much accuracy. This rule uses a *fair share* of the free
neurons as the price. With F neurons free before a task and R tasks still to learn, including this one, a fair share is F/R
neurons, and the utility of a candidate is, in percentage points,

    utility = 100 · correct / total  −  w · new neurons / (F/R)

so using one fair share costs w points. w = 0 chooses the most accurate candidate, a large w the sparsest. The margin bounds the
loss under both rules. Everything is exact rational arithmetic on counts; nothing here trains or evaluates.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from clnp_core.selection import (
    FailedTrial,
    PrunedTrial,
    Selection,
    TrainedTrial,
    TrialVerdict,
    Verdict,
    pick,
    require_pruned,
    sorted_verdicts,
)
from clnp_core.words import plural

Rank = tuple[Fraction, int, int, int, tuple[float, ...]]
"""Sort key of candidates, larger is better: utility, accuracy, sparsity, low trial number, thresholds."""


@dataclass(frozen=True, slots=True)
class TradeOff:
    """The criterion for the candidates of one task.

    Attributes:
        val_total: validation samples.
        free_before: F, neurons that no task uses before this one, over all hidden layers.
        tasks_left: R, tasks still to learn, including this one; at least 1.
        weight_points: w, the cost of one fair share in percentage points.
    """

    val_total: int
    free_before: int
    tasks_left: int
    weight_points: Decimal

    def accuracy_points(self, candidate: PrunedTrial) -> Fraction:
        """Return the validation accuracy after pruning, in percentage points."""
        return Fraction(100 * candidate.val_correct, self.val_total)

    def fair_shares(self, candidate: PrunedTrial) -> Fraction:
        """Return how many fair shares a candidate uses: (F − free after pruning) · R / F; 0 if F is 0."""
        if self.free_before == 0:
            return Fraction(0)
        return Fraction((self.free_before - candidate.free_neurons) * self.tasks_left, self.free_before)

    def utility(self, candidate: PrunedTrial) -> Fraction:
        """Return the accuracy minus the price of the neurons, in percentage points."""
        return self.accuracy_points(candidate) - Fraction(self.weight_points) * self.fair_shares(candidate)

    def rank(self, candidate: PrunedTrial) -> Rank:
        """Return the sort key: higher utility; then higher accuracy, more free neurons, lower number, higher θ."""
        return (self.utility(candidate), candidate.val_correct, candidate.free_neurons, -candidate.number,
                tuple(float("-inf") if theta is None else theta for theta in candidate.thresholds))


def best_candidate(exact: PrunedTrial, recorded: Iterable[PrunedTrial], judged_by: TradeOff, required_correct: int,
                   confirm: Callable[[PrunedTrial], PrunedTrial]) -> PrunedTrial:
    """Return the best trade-off of one trial, with a canonical count.

    Recorded counts come from incremental sums and can be off by a sample close to the decision boundary. The leading candidate
    is therefore confirmed before it wins: if it is below the margin it is discarded, if it is below the next candidate, that
    one is confirmed next. ``exact`` needs no confirmation, so the search always ends. Other candidates keep their recorded
    counts.

    Args:
        exact: the trial at its exact θ* (:mod:`clnp_core.threshold`), or unpruned if there is none.
        recorded: the trial at the points of its threshold curve; those below the margin are ignored.
        judged_by: the criterion.
        required_correct: the lowest count that is within the margin.
        confirm: returns the same candidate with the counts of the canonical evaluation.
    """
    settled = exact
    waiting = sorted((candidate for candidate in recorded
                      if candidate.val_correct >= required_correct and candidate.thresholds != exact.thresholds),
                     key=judged_by.rank)
    while waiting and judged_by.rank(waiting[-1]) > judged_by.rank(settled):
        confirmed = confirm(waiting.pop())
        if confirmed.val_correct >= required_correct:
            settled = max(settled, confirmed, key=judged_by.rank)
    return settled


def curve_candidates(number: int, depth: int, curve: Iterable[tuple[float, int, int]]) -> list[PrunedTrial]:
    """Return trial ``number`` at each point (shared θ, correct samples, free neurons) of its curve; ``depth`` hidden layers."""
    return [PrunedTrial(number, (threshold,) * depth, correct, free) for threshold, correct, free in curve]


def select_by_trade_off(trained: Sequence[TrainedTrial], failed: Sequence[FailedTrial], best: Mapping[int, PrunedTrial],
                        judged_by: TradeOff, margin_points: Decimal) -> Selection:
    """Return the best trade-off of a stage, and a verdict with its reason for every trial.

    Args:
        trained: every trial that ended with a result.
        failed: every trial that is excluded from the selection.
        best: the best candidate (:func:`best_candidate`) by number, for every picked trial.
        judged_by: the criterion.
        margin_points: the margin m in percentage points.

    Raises:
        StateError: there is nothing to select from, or a picked trial has no candidate, or a candidate is outside the margin.
    """
    picked = pick(trained, judged_by.val_total, margin_points)
    require_pruned(picked, best)
    chosen = max((best[number] for number in picked.picked), key=judged_by.rank)
    return Selection(picked, chosen, sorted_verdicts(
        trained, failed, picked, lambda number: _verdict(best[number], chosen, judged_by)))


def _verdict(own: PrunedTrial, chosen: PrunedTrial, judged_by: TradeOff) -> TrialVerdict:
    utility, winning = judged_by.utility(own), judged_by.utility(chosen)
    if own.number == chosen.number:
        return TrialVerdict(own.number, Verdict.CHOSEN,
                            f"best trade-off within the margin, {_in_words(own, judged_by)}", own)
    if utility < winning:
        digits = _telling_digits(utility, winning)
        return TrialVerdict(own.number, Verdict.BETTER_TRADE_OFF_EXISTS,
                            f"trade-off {_in_words(own, judged_by, digits)}; trial {chosen.number} reaches "
                            f"{_rounded(winning, digits)}", own)
    if own.val_correct < chosen.val_correct:
        why = f"but {own.val_correct} correct against {chosen.val_correct}"
    elif own.free_neurons < chosen.free_neurons:
        why = f"and as accurate, but {plural(own.free_neurons, 'neuron')} free against {chosen.free_neurons}"
    else:
        why = "with the same counts, and that one has the lower number"
    return TrialVerdict(own.number, Verdict.WORSE_TIE, f"as good a trade-off as trial {chosen.number}, {why}", own)


def _in_words(candidate: PrunedTrial, judged_by: TradeOff, digits: int = 2) -> str:
    """``96.41: 97.10 % at 0.69 fair shares``."""
    return (f"{_rounded(judged_by.utility(candidate), digits)}: {_rounded(judged_by.accuracy_points(candidate))} % at "
            f"{_rounded(judged_by.fair_shares(candidate))} fair shares")


def _telling_digits(one: Fraction, other: Fraction) -> int:
    """Return how many decimals show that two different utilities differ: two, or as many as needed up to twelve."""
    return next((digits for digits in range(2, 12) if _rounded(one, digits) != _rounded(other, digits)), 12)


def _rounded(value: Fraction, digits: int = 2) -> str:
    """Format a rational with this many decimals, without converting it to float."""
    scaled = round(value * 10**digits)
    whole, rest = divmod(abs(scaled), 10**digits)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{digits}d}"
