"""The choice of a selected stage at another margin: arithmetic on the records of the selection.

For every trial, its unpruned count and its threshold curve (about 100 thresholds) are recorded; for a trial within the recorded
margin also the exact result of its scan. A scan finds the highest θ with the required count. So at another margin the result of
a trial is known

- exactly, if its scan would be the recorded one, with the same required count. With one θ for all layers and the paper's rule
    also for higher required counts, up to that of the recorded network: the highest threshold still passes.
- otherwise as a bound, by the best known point within the margin: with the paper's rule at least its neurons would be free.

A choice is exact if the chosen trial is, and no other can be better. Nothing is evaluated or read here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from clnp_core.selection import (
    FailedTrial,
    PrunedTrial,
    Selection,
    SelectionRule,
    ThresholdMode,
    TrainedTrial,
    pick,
    required_correct,
    select,
)
from clnp_core.tradeoff import TradeOff, select_by_trade_off

NOTHING_SCANNED: Mapping[int, PrunedTrial] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StageRecord:
    """The records of a selected stage that are needed for another margin.

    Attributes:
        trained: every trial that ended with a result.
        failed: every trial that is excluded from the selection.
        found: result of the selection by number for each trial within its margin: at its exact θ*, or its best trade-off.
        val_total: validation samples.
        hidden_total: neurons over all hidden layers.
        depth: hidden layers.
        mode: threshold mode.
        rule: selection rule.
        weight_points: cost of a fair share with the rule trade-off; None: equal to the margin.
        margin_points: the recorded margin, in percentage points.
        judged_at: the lowest count within it.
        free_before: number of neurons that no earlier task uses.
        tasks_left: tasks still to learn, this one included.
    """

    trained: tuple[TrainedTrial, ...]
    failed: tuple[FailedTrial, ...]
    found: Mapping[int, PrunedTrial]
    val_total: int
    hidden_total: int
    depth: int
    mode: ThresholdMode
    rule: SelectionRule
    weight_points: Decimal | None
    margin_points: Decimal
    judged_at: int
    free_before: int
    tasks_left: int

    @property
    def sparsest(self) -> bool:
        """Whether the paper's rule chose."""
        return self.rule is SelectionRule.SPARSEST

    @property
    def weight_follows(self) -> bool:
        """Whether the cost of capacity equals the margin."""
        return not self.sparsest and self.weight_points is None

    @property
    def best(self) -> int:
        """The highest count of correct validation samples, unpruned."""
        return max(trial.val_correct for trial in self.trained)

    def required(self, margin_points: Decimal) -> int:
        """Return the lowest count within a margin."""
        return required_correct(self.best, self.val_total, margin_points)

    def weight(self, margin_points: Decimal) -> Decimal | None:
        """Return the cost of a fair share at a margin; None with the paper's rule."""
        if self.sparsest:
            return None
        return margin_points if self.weight_points is None else self.weight_points

    def trade_off(self, margin_points: Decimal) -> TradeOff | None:
        """Return the trade-off at a margin; None with the paper's rule."""
        weight = self.weight(margin_points)
        return None if weight is None else TradeOff(self.val_total, self.free_before, self.tasks_left, weight)

    def holds(self, number: int, required: int, margin_points: Decimal) -> bool:
        """Whether the recorded result of a trial is exactly the result at a margin."""
        found = self.found.get(number)
        if found is None:
            return False
        if required == self.judged_at and self.weight(margin_points) == self.weight(self.margin_points):
            return True
        return self.sparsest and self._one_threshold and self.judged_at <= required <= found.val_correct

    def stands(self, number: int, required: int) -> PrunedTrial | None:
        """Return the recorded result of a trial, if it is within a margin and may be chosen there.

        The trade-off chooses among points of the curve and θ*; the recorded θ* is not valid for a wider margin.
        """
        found = self.found.get(number)
        if found is None or found.val_correct < required:
            return None
        if self.sparsest or required == self.judged_at or (self._one_threshold and required > self.judged_at):
            return found
        return None

    def believes(self, point: PrunedTrial) -> bool:
        """Whether a point of a curve adds information to the exact result: a point within the recorded margin that is at least
        as sparse is the same network, or miscounted by a borderline sample."""
        found = self.found.get(point.number)
        return (not self.sparsest or found is None or point.val_correct < self.judged_at
                or point.free_neurons < found.free_neurons)

    def bounded(self, number: int, chosen: PrunedTrial, required: int) -> bool:
        """Whether a trial without an exact result is certainly less sparse than the chosen one: it was not sparser with a lower
        required count, and that network does not pass any more."""
        found = self.found.get(number)
        return (found is not None and self.sparsest and self._one_threshold and required >= self.judged_at
                and found.free_neurons <= chosen.free_neurons)

    def decided(self, picked: Iterable[int], chosen: PrunedTrial, exact: frozenset[int], required: int) -> bool:
        """Whether the selection would make this choice: the chosen trial is exact, and no other can be better."""
        return chosen.number in exact and all(
            number in exact or self.bounded(number, chosen, required) for number in picked)

    @property
    def _one_threshold(self) -> bool:
        return self.mode is ThresholdMode.SHARED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a margin would choose.

    Attributes:
        selection: the choice, with a verdict for every trial.
        exact: numbers of the trials within the margin whose pruned result is exact.
        decided: the choice is exact.
    """

    selection: Selection
    exact: frozenset[int]
    decided: bool


def at_margin(record: StageRecord, margin_points: Decimal, points: Mapping[int, Sequence[PrunedTrial]],
              scanned: Mapping[int, PrunedTrial] = NOTHING_SCANNED) -> Outcome:
    """What a margin would choose.

    Args:
        record: the stage.
        margin_points: m in percentage points.
        points: by number points of the trials' threshold curves; those outside the margin do not count.
        scanned: by number what a scan of stored weights found at this very margin.

    Raises:
        StateError: no trial ended with a result.
    """
    picked = pick(record.trained, record.val_total, margin_points)
    required, judged_by = picked.required_val_correct, record.trade_off(margin_points)
    unpruned = {trial.number: trial.val_correct for trial in record.trained}
    exact = frozenset(number for number in picked.picked
                      if number in scanned or record.holds(number, required, margin_points))
    pruned = {}
    for number in picked.picked:
        if number in exact:
            pruned[number] = scanned[number] if number in scanned else record.found[number]
            continue
        known = [point for point in points.get(number, ()) if point.val_correct >= required and record.believes(point)]
        stands = record.stands(number, required)
        known += [] if stands is None else [stands]
        if judged_by is None or not known:  # unpruned, a trial within the margin always passes
            known.append(PrunedTrial(number, (None,) * record.depth, unpruned[number], 0))
        pruned[number] = max(known, key=lambda each: order(each, judged_by))
    if judged_by is None:
        selection = select(record.trained, record.failed, pruned, record.val_total, margin_points)
    else:
        selection = select_by_trade_off(record.trained, record.failed, pruned, judged_by, margin_points)
    return Outcome(selection, exact, record.decided(picked.picked, selection.chosen, exact, required))


def order(candidate: PrunedTrial, judged_by: TradeOff | None) -> tuple[Any, ...]:
    """Return the sort key of candidates within the margin, larger is better."""
    if judged_by is not None:
        return judged_by.rank(candidate)
    return candidate.free_neurons, candidate.val_correct, -candidate.number


def canonical(points: Decimal) -> str:
    """Return the canonical text of points: ``0.05``, ``1``, never ``1.0``."""
    text = format(points, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
