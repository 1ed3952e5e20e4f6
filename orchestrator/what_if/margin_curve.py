"""The choice of a selected stage at every margin: a step for each change as m grows.

A margin affects the choice through the required count, which falls by one sample at a time, and through the cost of capacity
if that equals the margin. So candidates enter one by one, and only the few that are not dominated in accuracy and sparsity can
be chosen (:class:`_Front`). Margins are on a grid that is ten times finer than one validation sample.
"""

import dataclasses
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from clnp_core.selection import PrunedTrial, ThresholdMode
from orchestrator.what_if.margins import StageRecord, canonical, order


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pruned network that may be chosen if the margin requires between ``least_required`` and ``most_required`` correct
    samples."""

    most_required: int
    val_correct: int
    free_neurons: int
    number: int
    least_required: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """The choice from this margin up to that of the next step; ``exact`` as in
    :class:`orchestrator.what_if.margins.Outcome`."""

    margin_points: Decimal
    number: int
    val_correct: int
    free_neurons: int
    exact: bool


def margin_steps(record: StageRecord, points: Sequence[Candidate], most_on_curve: Mapping[int, int]) -> list[Step]:
    """Return every margin from 0 to 100 on the grid at which the choice changes, and the recorded margin.

    Args:
        record: the stage.
        points: points of the threshold curves that can be chosen.
        most_on_curve: the highest count on each trial's curve by number; only needed with the rule trade-off, where an unpruned
            network is a candidate only if no pruned one is.

    Returns:
        The steps by increasing margin, from 0.
    """
    pool = sorted([*points, *_found(record), *_unpruned(record, most_on_curve)], key=lambda each: -each.most_required)
    counts = {count for each in pool for count in (each.most_required, each.least_required - 1)}
    best, grid, choice, entered = record.best, Grid.of(record.val_total), _Choice(record), 0
    levels = sorted((count for count in {*counts, record.judged_at, record.judged_at - 1} if 0 <= count <= best), reverse=True)
    told = [(margin, record.required(margin)) for margin in (record.margin_points, grid.after(record.margin_points))]
    steps: list[Step] = []
    for level, following in zip(levels, [*levels[1:], -1], strict=True):
        while entered < len(pool) and pool[entered].most_required >= level:
            choice.enter(pool[entered])
            entered += 1
        choice.ask_for(level)
        low = grid.first_losing(best - level)
        margins = {grid.points(low), *(margin for margin, required in told if following < required <= level)}
        if record.weight_follows:
            high = 100 * grid.scale if following < 0 else grid.first_losing(best - following) - 1
            margins |= {grid.points(each) for each in _changes(lambda each: choice.of_pool(grid.points(each)), low, high)}
        steps += [choice.at(margin) for margin in sorted(margins) if margin <= 100]
    return [step for before, step in zip([None, *steps], steps, strict=False)
            if before is None or step.margin_points == record.margin_points
            or dataclasses.replace(before, margin_points=step.margin_points) != step]


def _found(record: StageRecord) -> Iterator[Candidate]:
    """Yield the recorded results: with the paper's rule valid for wider margins, too, else while they are θ*."""
    for trial in record.trained:
        found = record.found.get(trial.number)
        if found is not None and found.val_correct >= record.judged_at:
            most = min(trial.val_correct, found.val_correct)
            if not record.sparsest and record.mode is ThresholdMode.PER_LAYER:
                most = record.judged_at
            yield Candidate(most, found.val_correct, found.free_neurons, trial.number,
                            0 if record.sparsest else record.judged_at)


def _unpruned(record: StageRecord, most_on_curve: Mapping[int, int]) -> Iterator[Candidate]:
    """Yield every trial unpruned, if no exact result is known; with the rule trade-off only if no pruned network qualifies."""
    for trial in record.trained:
        count, found, gap = trial.val_correct, record.found.get(trial.number), record.judged_at
        least = 0 if record.sparsest else most_on_curve.get(trial.number, -1) + 1
        if found is None:
            pieces = [(least, count)]
        else:
            known_to = gap if record.mode is ThresholdMode.PER_LAYER else found.val_correct
            pieces = [(least, min(count, gap - 1)), (max(least, known_to + 1), count)]
        yield from (Candidate(high, count, 0, trial.number, low) for low, high in pieces if low <= high)


def _changes(chosen: Callable[[int], Candidate], low: int, high: int) -> Iterator[int]:
    """Yield where the choice changes while only the cost of capacity rises. A candidate chosen at two costs is chosen between
    them, so intervals without a change are skipped."""
    if chosen(low) == chosen(high):
        return
    if high - low == 1:
        yield high
        return
    middle = (low + high) // 2
    yield from _changes(chosen, low, middle)
    yield from _changes(chosen, middle, high)


@dataclass(frozen=True, slots=True)
class Grid:
    """Margins with a fixed number of decimals: multiples of 1 / ``scale``."""

    total: int
    digits: int

    @classmethod
    def of(cls, total: int) -> "Grid":
        """Return a grid with at least ten margins per sample, and at least two decimals."""
        return cls(total, max(2, len(str((total - 1) // 10))))

    @property
    def scale(self) -> int:
        """Margins in a percentage point."""
        return int(10**self.digits)

    def first_losing(self, samples: int) -> int:
        """Return the first margin, in multiples, that permits losing this many samples."""
        return -(-samples * 100 * self.scale // self.total)

    def points(self, multiple: int) -> Decimal:
        """Return a multiple in percentage points."""
        return Decimal(canonical(Decimal(multiple).scaleb(-self.digits)))

    def after(self, margin_points: Decimal) -> Decimal:
        """Return the next larger margin."""
        return self.points(int(Fraction(margin_points) * self.scale // 1) + 1)


class _Front:
    """The Pareto front of the candidates so far, in accuracy and sparsity."""

    def __init__(self) -> None:
        self.members: list[Candidate] = []

    def enter(self, new: Candidate) -> None:
        for old in self.members:
            if (old.val_correct >= new.val_correct and old.free_neurons >= new.free_neurons
                    and ((old.val_correct, old.free_neurons) != (new.val_correct, new.free_neurons)
                         or old.number <= new.number)):
                return
        self.members = [old for old in self.members
                        if old.val_correct > new.val_correct or old.free_neurons > new.free_neurons]
        self.members.append(new)


class _Choice:
    """The choice at the margins that require one count."""

    def __init__(self, record: StageRecord) -> None:
        self._record, self._front = record, _Front()
        self._passing: list[Candidate] = []
        self._required = 0
        self._counts = sorted(trial.val_correct for trial in record.trained)
        self._found = [trial for trial in record.trained if trial.number in record.found]

    def enter(self, candidate: Candidate) -> None:
        """Add a candidate that is within the margin."""
        if candidate.least_required:
            self._passing.append(candidate)
        else:
            self._front.enter(candidate)

    def ask_for(self, required: int) -> None:
        """Set the required count of the following margins."""
        self._required = required
        self._passing = [each for each in self._passing if each.least_required <= required]

    def at(self, margin_points: Decimal) -> Step:
        """Return the choice at one of them."""
        record, required = self._record, self._required
        exact, picked = frozenset[int](), list[int]()
        if required >= record.judged_at:  # below it, no recorded result is exact
            picked = [trial.number for trial in self._found if trial.val_correct >= required]
            if len(picked) < len(self._counts) - bisect_left(self._counts, required):
                picked = []  # other trials have points, but no exact result
            exact = frozenset(number for number in picked if record.holds(number, required, margin_points))
        judged_by = record.trade_off(margin_points)
        if picked and len(exact) == len(picked):
            chosen = max((record.found[number] for number in picked), key=lambda each: order(each, judged_by))
        else:
            best = self.of_pool(margin_points)
            chosen = PrunedTrial(best.number, (), best.val_correct, best.free_neurons)
        return Step(margin_points, chosen.number, chosen.val_correct, chosen.free_neurons,
                    bool(picked) and record.decided(picked, chosen, exact, required))

    def of_pool(self, margin_points: Decimal) -> Candidate:
        """Return the best candidate so far, even if results are not exact."""
        return max([*self._front.members, *self._passing], key=self._score(margin_points))

    def _score(self, margin_points: Decimal) -> "_Score":
        """:func:`orchestrator.what_if.margins.order` in whole numbers."""
        record, weight = self._record, Fraction(self._record.weight(margin_points) or 0)
        if record.sparsest:
            return _Score(0, 1)
        if record.free_before == 0:
            return _Score(1, 0)
        return _Score(100 * record.free_before * weight.denominator, weight.numerator * record.tasks_left * record.val_total)


@dataclass(frozen=True, slots=True)
class _Score:
    """The values of a correct sample and a free neuron."""

    sample: int
    neuron: int

    def __call__(self, each: Candidate) -> tuple[int, int, int, int]:
        return (self.sample * each.val_correct + self.neuron * each.free_neurons, each.val_correct, each.free_neurons,
                -each.number)
