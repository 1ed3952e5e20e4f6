"""What another margin would choose in a stage that was selected: arithmetic on what the selection left behind.

Of every trial its unpruned count is recorded and its threshold curve, about 100 of all thresholds that there are; of a trial
within the recorded margin also the exact result of its scan. A scan asks for the highest θ with so many correct samples. So for
another margin a trial is known

- exactly, where its scan would be the recorded one: it asks for the same count. With one θ for all layers and the paper's rule
  also where it asks for more, up to what the recorded network has: fewer thresholds pass, and the highest one still does.
- otherwise by the best of what is known to be within the margin: under the paper's rule at least so many neurons would be free.

A choice is exact when the chosen trial is, and no other one can be better. Nothing is evaluated here, and nothing is read.
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
    """A stage that was selected, as far as another margin asks for it.

    Attributes:
        trained: every trial that ended with a result.
        failed: every trial that is out of the selection.
        found: by number what the selection found for each trial within its margin: at its exact θ*, or its best trade-off.
        val_total: validation samples.
        hidden_total: neurons over all hidden layers.
        depth: hidden layers.
        mode: of θ*.
        rule: that chose.
        weight_points: what a fair share costs under the rule trade-off; None: as much as the margin.
        margin_points: the recorded margin, in percentage points.
        judged_at: the lowest count that was within it.
        free_before: neurons that no earlier task uses.
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
        """The paper's rule chose."""
        return self.rule is SelectionRule.SPARSEST

    @property
    def weight_follows(self) -> bool:
        """Capacity costs as much as the margin, whatever that is."""
        return not self.sparsest and self.weight_points is None

    @property
    def best(self) -> int:
        """The highest count of correct validation samples, unpruned."""
        return max(trial.val_correct for trial in self.trained)

    def required(self, margin_points: Decimal) -> int:
        """The lowest count within a margin."""
        return required_correct(self.best, self.val_total, margin_points)

    def weight(self, margin_points: Decimal) -> Decimal | None:
        """What a fair share costs at a margin; None under the paper's rule."""
        if self.sparsest:
            return None
        return margin_points if self.weight_points is None else self.weight_points

    def trade_off(self, margin_points: Decimal) -> TradeOff | None:
        """What candidates are weighed by at a margin; None under the paper's rule."""
        weight = self.weight(margin_points)
        return None if weight is None else TradeOff(self.val_total, self.free_before, self.tasks_left, weight)

    def holds(self, number: int, required: int, margin_points: Decimal) -> bool:
        """Whether what was found for a trial is what would be found at a margin, exactly."""
        found = self.found.get(number)
        if found is None:
            return False
        if required == self.judged_at and self.weight(margin_points) == self.weight(self.margin_points):
            return True
        return self.sparsest and self._one_threshold and self.judged_at <= required <= found.val_correct

    def stands(self, number: int, required: int) -> PrunedTrial | None:
        """What was found for a trial, if it is within a margin and may be chosen there.

        The trade-off chooses among points of the curve and θ*; what was found is θ* no longer where the margin is wider.
        """
        found = self.found.get(number)
        if found is None or found.val_correct < required:
            return None
        if self.sparsest or required == self.judged_at or (self._one_threshold and required > self.judged_at):
            return found
        return None

    def believes(self, point: PrunedTrial) -> bool:
        """Whether a point of a curve adds anything to what was found exactly: one that claims to be within the recorded margin
        and no less sparse is the same network, or miscounted by a sample that stands on the edge."""
        found = self.found.get(point.number)
        return (not self.sparsest or found is None or point.val_correct < self.judged_at
                or point.free_neurons < found.free_neurons)

    def bounded(self, number: int, chosen: PrunedTrial, required: int) -> bool:
        """Whether a trial that is not known exactly is surely less sparse than the chosen one: it was no sparser when less was
        asked of it, and that network does not pass any more."""
        found = self.found.get(number)
        return (found is not None and self.sparsest and self._one_threshold and required >= self.judged_at
                and found.free_neurons <= chosen.free_neurons)

    def decided(self, picked: Iterable[int], chosen: PrunedTrial, exact: frozenset[int], required: int) -> bool:
        """Whether the selection would choose the same: the chosen trial is known exactly, and no other one can be better."""
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
        if judged_by is None or not known:  # as it is, a trial within the margin always passes
            known.append(PrunedTrial(number, (None,) * record.depth, unpruned[number], 0))
        pruned[number] = max(known, key=lambda each: order(each, judged_by))
    if judged_by is None:
        selection = select(record.trained, record.failed, pruned, record.val_total, margin_points)
    else:
        selection = select_by_trade_off(record.trained, record.failed, pruned, judged_by, margin_points)
    return Outcome(selection, exact, record.decided(picked.picked, selection.chosen, exact, required))


def order(candidate: PrunedTrial, judged_by: TradeOff | None) -> tuple[Any, ...]:
    """What decides between candidates within the margin, the larger the better."""
    if judged_by is not None:
        return judged_by.rank(candidate)
    return candidate.free_neurons, candidate.val_correct, -candidate.number


def canonical(points: Decimal) -> str:
    """The text of points as it is recorded: ``0.05``, ``1``, never ``1.0``."""
    text = format(points, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
