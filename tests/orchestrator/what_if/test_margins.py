"""What records tell of another margin is what a selection would find, or less: in a simulated stage, and on real networks."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clnp_core.architecture import Activation, HeadKind
from clnp_core.evaluation import evaluate
from clnp_core.networks import mlp
from clnp_core.pruning import prune
from clnp_core.selection import (
    FailedTrial,
    PrunedTrial,
    Selection,
    SelectionRule,
    ThresholdMode,
    TrainedTrial,
    Verdict,
    pick,
    required_correct,
    select,
)
from clnp_core.threshold import find_thresholds, threshold_curve
from clnp_core.tradeoff import best_candidate, curve_candidates, select_by_trade_off
from orchestrator.what_if.margins import StageRecord, at_margin
from tests.clnp_core.builders import CLASSES, INPUTS, trained_scan

TOTAL, HIDDEN, FREE_BEFORE, TASKS_LEFT = 40, 24, 20, 3
RULES = [(SelectionRule.SPARSEST, None), (SelectionRule.TRADE_OFF, None), (SelectionRule.TRADE_OFF, Decimal("1.5"))]


@dataclass(frozen=True)
class World:
    """Trials whose every threshold is known, of which the curves show some.

    Attributes:
        trained: the unpruned counts.
        everything: by trial (θ, count, free neurons) of all thresholds, ascending; fewer neurons are active at each.
        curves: by trial the places of those that are on the curve.
    """

    trained: tuple[TrainedTrial, ...]
    everything: tuple[tuple[tuple[float, int, int], ...], ...]
    curves: tuple[tuple[int, ...], ...]

    def points(self) -> dict[int, list[PrunedTrial]]:
        return {number: [PrunedTrial(number, (theta,) * 2, correct, free) for theta, correct, free in
                         (self.everything[number][place] for place in places)] for number, places in enumerate(self.curves)}

    def truth(self, rule: SelectionRule, weight: Decimal | None, margin: Decimal) -> tuple[Selection, dict[int, PrunedTrial]]:
        """What a selection with every scan would choose."""
        picked = pick(self.trained, TOTAL, margin)
        required, found = picked.required_val_correct, dict[int, PrunedTrial]()
        judged_by = self.record(rule, weight, Decimal(0), {}).trade_off(margin)
        for number in picked.picked:
            passing = [each for each in self.everything[number] if each[1] >= required]
            unpruned = PrunedTrial(number, (None, None), self.trained[number].val_correct, 0)
            exact = PrunedTrial(number, (passing[-1][0],) * 2, *passing[-1][1:]) if passing else unpruned
            found[number] = exact if judged_by is None else best_candidate(
                exact, self.points()[number], judged_by, required, lambda each: each)
        failed = [FailedTrial(len(self.trained), "diverged")]
        if judged_by is None:
            return select(self.trained, failed, found, TOTAL, margin), found
        return select_by_trade_off(self.trained, failed, found, judged_by, margin), found

    def record(self, rule: SelectionRule, weight: Decimal | None, margin: Decimal,
               found: dict[int, PrunedTrial]) -> StageRecord:
        best = max(trial.val_correct for trial in self.trained)
        return StageRecord(self.trained, (FailedTrial(len(self.trained), "diverged"),), found, TOTAL, HIDDEN, 2,
                           ThresholdMode.SHARED, rule, weight, margin, required_correct(best, TOTAL, margin), FREE_BEFORE,
                           TASKS_LEFT)

    def recorded(self, rule: SelectionRule, weight: Decimal | None, margin: Decimal) -> StageRecord:
        """As a real selection would leave it."""
        return self.record(rule, weight, margin, self.truth(rule, weight, margin)[1])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    trained, everything, curves = [], [], []
    for number in range(draw(st.integers(1, 4))):
        trained.append(TrainedTrial(number, draw(st.integers(20, TOTAL))))
        frees = sorted(draw(st.sets(st.integers(0, FREE_BEFORE), min_size=1, max_size=8)))
        unpruned = trained[-1].val_correct
        counts = [draw(st.integers(unpruned - 12, min(TOTAL, unpruned + 2))) for _ in frees]
        everything.append(tuple((0.1 * place, count, free)
                                for place, (count, free) in enumerate(zip(counts, frees, strict=True))))
        shown = draw(st.sets(st.sampled_from(range(len(frees)))))
        curves.append(tuple(sorted(shown)))
    return World(tuple(trained), tuple(everything), tuple(curves))


MARGINS = st.integers(0, 4000).map(lambda hundredths: Decimal(hundredths) / 100)


@pytest.mark.parametrize(("rule", "weight"), RULES)
@given(world=worlds(), margin=MARGINS)
def test_the_recorded_margin_gives_the_recorded_selection(world: World, rule: SelectionRule, weight: Decimal | None,
                                                          margin: Decimal) -> None:
    outcome = at_margin(world.recorded(rule, weight, margin), margin, world.points())
    assert outcome.selection == world.truth(rule, weight, margin)[0]
    assert outcome.decided and outcome.exact == set(outcome.selection.pick.picked)


@pytest.mark.parametrize(("rule", "weight"), RULES)
@given(world=worlds(), recorded=MARGINS, margin=MARGINS)
def test_what_is_called_exact_is_what_a_selection_would_find(world: World, rule: SelectionRule, weight: Decimal | None,
                                                             recorded: Decimal, margin: Decimal) -> None:
    outcome = at_margin(world.recorded(rule, weight, recorded), margin, world.points())
    selection, found = world.truth(rule, weight, margin)
    assert outcome.selection.pick == selection.pick
    pruned = {verdict.number: verdict.pruned for verdict in outcome.selection.verdicts if verdict.pruned is not None}
    assert {number: pruned[number] for number in outcome.exact} == {number: found[number] for number in outcome.exact}
    if outcome.decided:
        assert outcome.selection.chosen == selection.chosen


@given(world=worlds(), recorded=MARGINS, margin=MARGINS)
def test_a_bound_never_exceeds_the_exact_answer(world: World, recorded: Decimal, margin: Decimal) -> None:
    outcome = at_margin(world.recorded(SelectionRule.SPARSEST, None, recorded), margin, world.points())
    selection, found = world.truth(SelectionRule.SPARSEST, None, margin)
    assert outcome.selection.chosen.free_neurons <= selection.chosen.free_neurons
    for verdict in outcome.selection.verdicts:
        assert verdict.pruned is None or verdict.pruned.free_neurons <= found[verdict.number].free_neurons


@given(world=worlds(), recorded=MARGINS, margins=st.tuples(MARGINS, MARGINS))
def test_free_neurons_never_fall_when_the_margin_grows(world: World, recorded: Decimal,
                                                       margins: tuple[Decimal, Decimal]) -> None:
    record = world.recorded(SelectionRule.SPARSEST, None, recorded)
    less, more = (at_margin(record, margin, world.points()).selection.chosen for margin in sorted(margins))
    assert less.free_neurons <= more.free_neurons


@pytest.mark.parametrize(("rule", "weight"), RULES)
@given(world=worlds(), recorded=MARGINS, margin=MARGINS)
def test_scans_make_everything_exact(world: World, rule: SelectionRule, weight: Decimal | None, recorded: Decimal,
                                     margin: Decimal) -> None:
    selection, found = world.truth(rule, weight, margin)
    outcome = at_margin(world.recorded(rule, weight, recorded), margin, {}, found)
    assert outcome.selection == selection and outcome.decided


def test_a_smaller_margin_that_the_chosen_network_still_passes_is_exact_although_others_are_not_known() -> None:
    world = World((TrainedTrial(0, 40), TrainedTrial(1, 40)), (((0.1, 40, 8), (0.2, 39, 15)), ((0.1, 39, 5), (0.2, 37, 10))),
                  ((0,), (0,)))
    outcome = at_margin(world.recorded(SelectionRule.SPARSEST, None, Decimal(10)), Decimal("2.5"), world.points())
    assert outcome.decided and outcome.exact == {0}
    assert outcome.selection.chosen == PrunedTrial(0, (0.2, 0.2), 39, 15)
    assert outcome.selection.verdicts[1].pruned == PrunedTrial(1, (0.1, 0.1), 39, 5)


def test_a_point_that_contradicts_an_exact_scan_is_not_believed() -> None:
    world = World((TrainedTrial(0, 40),), (((0.1, 40, 8), (0.2, 30, 15)),), ((0, 1),))
    record = world.recorded(SelectionRule.SPARSEST, None, Decimal(5))
    miscounted = {0: [PrunedTrial(0, (0.15, 0.15), 38, 9)]}  # the scan says that nothing above 0.1 has 38
    assert at_margin(record, Decimal(20), miscounted).selection.chosen == PrunedTrial(0, (0.1, 0.1), 40, 8)


def test_without_a_curve_a_trial_is_as_good_as_unpruned() -> None:
    world = World((TrainedTrial(0, 40), TrainedTrial(1, 38)), (((0.1, 40, 8),), ((0.1, 38, 9),)), ((), ()))
    outcome = at_margin(world.recorded(SelectionRule.SPARSEST, None, Decimal(0)), Decimal(5), world.points())
    assert outcome.selection.verdicts[1].pruned == PrunedTrial(1, (None, None), 38, 0)
    assert outcome.selection.verdicts[2].verdict is Verdict.FAILED and not outcome.decided


REAL_MARGINS = [Decimal(0), Decimal("0.5"), Decimal(2), Decimal(3), Decimal(5), Decimal(12)]


@cache
def real_found(mode: ThresholdMode, rule: SelectionRule, margin: Decimal) -> dict[int, PrunedTrial]:
    """What a selection finds in two trained networks."""
    found, trained = {}, real_trained()
    picked = pick(trained, 200, margin)
    judged_by = real_record(mode, rule, Decimal(0), {}).trade_off(margin)
    for number in picked.picked:
        scan = SCANS[number]
        exact = find_thresholds(scan.network, scan.task, scan.activities, scan.inputs, scan.labels,
                                picked.required_val_correct, mode)
        found[number] = PrunedTrial(number, exact.thresholds, exact.val_correct, exact.free_neurons)
        if judged_by is not None:
            def confirm(each: PrunedTrial, number: int = number) -> PrunedTrial:
                own = SCANS[number]
                pruned = prune(own.network, own.task, own.activities, each.thresholds)
                return PrunedTrial(number, each.thresholds, evaluate(pruned, own.inputs, own.labels, own.task).correct,
                                   each.free_neurons)
            found[number] = best_candidate(found[number], real_points()[number], judged_by, picked.required_val_correct,
                                           confirm)
    return found


@cache
def real_trained() -> tuple[TrainedTrial, ...]:
    return tuple(TrainedTrial(number, evaluate(scan.network, scan.inputs, scan.labels, scan.task).correct)
                 for number, scan in enumerate(SCANS))


@cache
def real_points() -> dict[int, list[PrunedTrial]]:
    return {number: curve_candidates(number, 2, (
        (point.threshold, point.val_correct, point.free_neurons) for point in threshold_curve(
            scan.network, scan.task, scan.activities, scan.inputs, scan.labels, 9))) for number, scan in enumerate(SCANS)}


def real_record(mode: ThresholdMode, rule: SelectionRule, margin: Decimal, found: dict[int, PrunedTrial]) -> StageRecord:
    trained = real_trained()
    best = max(trial.val_correct for trial in trained)
    used = sum(int((owner == 1).sum()) for owner in SCANS[0].network.activated_by)
    return StageRecord(trained, (), found, 200, 44, 2, mode, rule, None, margin, required_correct(best, 200, margin), 44 - used,
                       2)


SCANS = [trained_scan(mlp(INPUTS, (24, 20), CLASSES, Activation.RELU, HeadKind.MULTI, True), seed) for seed in (1, 2)]


def _pairs() -> Iterator[tuple[Decimal, Decimal]]:
    yield from ((recorded, margin) for recorded in (Decimal(2), Decimal(5)) for margin in REAL_MARGINS)


@pytest.mark.parametrize("mode", ThresholdMode)
@pytest.mark.parametrize("rule", SelectionRule)
def test_real_networks(mode: ThresholdMode, rule: SelectionRule) -> None:
    for recorded, margin in _pairs():
        record = real_record(mode, rule, recorded, real_found(mode, rule, recorded))
        outcome, found = at_margin(record, margin, real_points()), real_found(mode, rule, margin)
        judged_by = record.trade_off(margin)
        truth = (select(record.trained, (), found, 200, margin) if judged_by is None else
                 select_by_trade_off(record.trained, (), found, judged_by, margin))
        assert outcome.selection.pick == truth.pick
        if recorded == margin:
            assert outcome.selection == truth and outcome.decided
        if outcome.decided:
            assert outcome.selection.chosen == truth.chosen
        if judged_by is None and mode is ThresholdMode.SHARED:
            assert outcome.selection.chosen.free_neurons <= truth.chosen.free_neurons
