"""Choosing by the trade-off of accuracy against free neurons, on numbers alone."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clnp_core.errors import StateError
from clnp_core.selection import (
    FailedTrial,
    PrunedTrial,
    Selection,
    TrainedTrial,
    Verdict,
    required_correct,
    select,
)
from clnp_core.tradeoff import TradeOff, best_candidate, curve_candidates, select_by_trade_off
from tests.messages import tells

ENORMOUS = Decimal(10**9)


def pruned(number: int, free: int, correct: int, threshold: float | None = 0.5) -> PrunedTrial:
    return PrunedTrial(number, (threshold, threshold), correct, free)


def as_recorded(candidate: PrunedTrial) -> PrunedTrial:
    """A confirmation that finds what was recorded."""
    return candidate


def test_using_one_fair_share_costs_the_weight() -> None:
    judged_by = TradeOff(val_total=1000, free_before=300, tasks_left=6, weight_points=Decimal("0.7"))
    assert judged_by.fair_shares(pruned(0, 250, 950)) == 1, "300 free neurons for six tasks are 50 each"
    assert judged_by.utility(pruned(0, 250, 950)) == 95 - Fraction(7, 10)
    assert judged_by.utility(pruned(0, 300, 950)) == 95
    assert judged_by.utility(pruned(0, 0, 950)) == 95 - Fraction(42, 10)


def test_the_last_task_may_use_all_that_is_left_for_one_share() -> None:
    assert TradeOff(100, 40, 1, Decimal(1)).fair_shares(pruned(0, 0, 90)) == 1


def test_a_full_network_costs_nothing_and_divides_by_nothing() -> None:
    judged_by = TradeOff(100, 0, 3, Decimal(5))
    assert judged_by.fair_shares(pruned(0, 0, 90)) == 0
    assert judged_by.utility(pruned(0, 0, 90)) == 90


def test_utilities_are_exact_where_floats_are_not() -> None:
    judged_by = TradeOff(3, 3, 1, Decimal("0.1"))
    assert judged_by.utility(pruned(0, 2, 1)) == Fraction(100, 3) - Fraction(1, 30)


def test_ties_go_to_accuracy_then_sparsity_then_the_lower_number_then_the_higher_threshold() -> None:
    priced = TradeOff(100, 100, 1, Decimal(100))  # one neuron costs one sample
    assert priced.utility(pruned(0, 50, 90)) == priced.utility(pruned(0, 51, 89))
    assert priced.rank(pruned(0, 50, 90)) > priced.rank(pruned(0, 51, 89))
    unpriced = TradeOff(100, 100, 1, Decimal(0))
    assert unpriced.rank(pruned(1, 51, 90)) > unpriced.rank(pruned(0, 50, 90))
    assert unpriced.rank(pruned(1, 50, 90)) > unpriced.rank(pruned(2, 50, 90))
    assert unpriced.rank(pruned(1, 50, 90, 0.3)) > unpriced.rank(pruned(1, 50, 90, 0.2)) > unpriced.rank(
        pruned(1, 50, 90, None))


class TestOneTrial:
    judged_by = TradeOff(val_total=100, free_before=100, tasks_left=1, weight_points=Decimal(10))

    def best(self, exact: PrunedTrial, recorded: list[PrunedTrial],
             confirm: Callable[[PrunedTrial], PrunedTrial] = as_recorded) -> PrunedTrial:
        return best_candidate(exact, recorded, self.judged_by, 90, confirm)

    def test_a_point_of_the_curve_may_beat_the_highest_threshold(self) -> None:
        assert self.best(pruned(0, 60, 90), [pruned(0, 40, 97, 0.1)]) == pruned(0, 40, 97, 0.1)

    def test_a_point_below_the_margin_does_not_count(self) -> None:
        assert self.best(pruned(0, 10, 90), [pruned(0, 99, 89, 0.9)]) == pruned(0, 10, 90)

    def test_what_the_confirmation_finds_below_the_margin_is_out(self) -> None:
        found = self.best(pruned(0, 10, 90), [pruned(0, 99, 90, 0.9)], lambda candidate: pruned(0, 99, 89, 0.9))
        assert found == pruned(0, 10, 90)

    def test_what_the_confirmation_finds_below_the_next_one_waits_its_turn(self) -> None:
        counts = {0.1: 94, 0.2: 95}
        asked = []

        def confirm(candidate: PrunedTrial) -> PrunedTrial:
            threshold = candidate.thresholds[0]
            assert threshold is not None
            asked.append(threshold)
            return pruned(0, candidate.free_neurons, counts[threshold], threshold)

        recorded = [pruned(0, 50, 96, 0.1), pruned(0, 50, 95, 0.2)]
        assert self.best(pruned(0, 60, 90), recorded, confirm) == pruned(0, 50, 95, 0.2)
        assert asked == [0.1, 0.2]

    def test_the_exact_one_is_not_confirmed_again_and_only_what_could_win_is(self) -> None:
        def never(candidate: PrunedTrial) -> PrunedTrial:
            raise AssertionError(candidate)

        exact = pruned(0, 60, 97)
        assert self.best(exact, [pruned(0, 60, 99), pruned(0, 40, 98, 0.1)], never) == exact

    def test_thresholds_of_none_are_a_candidate_like_others(self) -> None:
        unpruned = pruned(0, 0, 99, None)
        assert self.best(unpruned, []) == unpruned


def test_a_curve_becomes_candidates_with_one_threshold_for_all_layers() -> None:
    assert curve_candidates(4, 3, [(0.5, 90, 7)]) == [PrunedTrial(4, (0.5, 0.5, 0.5), 90, 7)]


def mixed_stage() -> tuple[list[TrainedTrial], list[FailedTrial], dict[int, PrunedTrial]]:
    trained = [TrainedTrial(number, correct) for number, correct in enumerate([980, 990, 800, 970, 975, 985, 982])]
    best = [pruned(0, 60, 975), pruned(1, 50, 971), pruned(3, 70, 965), pruned(4, 55, 973), pruned(5, 60, 975),
            pruned(6, 65, 971)]
    return trained, [FailedTrial(7, "the loss was not a number in epoch 3")], {p.number: p for p in best}


def test_every_trial_gets_a_verdict_and_a_reason_in_words() -> None:
    trained, failed, best = mixed_stage()
    judged_by = TradeOff(1000, 100, 2, Decimal(4))  # 50 neurons cost 4 points, one 0.08
    selection = select_by_trade_off(trained, failed, best, judged_by, Decimal(3))
    assert selection.chosen is best[0]
    assert [(v.number, v.verdict, v.reason) for v in selection.verdicts] == [
        (0, Verdict.CHOSEN, "best trade-off within the margin, 94.30: 97.50 % at 0.80 fair shares"),
        (1, Verdict.BETTER_TRADE_OFF_EXISTS, "trade-off 93.10: 97.10 % at 1.00 fair shares; trial 0 reaches 94.30"),
        (2, Verdict.OUTSIDE_MARGIN, "800 of 1000 correct, 160 short of the 960 that the margin requires"),
        (3, Verdict.BETTER_TRADE_OFF_EXISTS, "trade-off 94.10: 96.50 % at 0.60 fair shares; trial 0 reaches 94.30"),
        (4, Verdict.BETTER_TRADE_OFF_EXISTS, "trade-off 93.70: 97.30 % at 0.90 fair shares; trial 0 reaches 94.30"),
        (5, Verdict.WORSE_TIE, "as good a trade-off as trial 0, with the same counts, and that one has the lower number"),
        (6, Verdict.WORSE_TIE, "as good a trade-off as trial 0, but 971 correct against 975"),
        (7, Verdict.FAILED, "the loss was not a number in epoch 3"),
    ]
    assert [v.pruned for v in selection.verdicts] == [best.get(number) for number in range(8)]


def test_two_utilities_that_differ_never_read_the_same() -> None:
    trained, judged_by = [TrainedTrial(0, 90_000), TrainedTrial(1, 89_999)], TradeOff(100_000, 10, 1, Decimal(0))
    best = {0: pruned(0, 5, 90_000), 1: pruned(1, 5, 89_999)}
    assert select_by_trade_off(trained, [], best, judged_by, Decimal(1)).verdicts[1].reason == (
        "trade-off 89.999: 90.00 % at 0.50 fair shares; trial 0 reaches 90.000")


def test_a_tie_that_sparsity_decides_says_so() -> None:
    trained, judged_by = [TrainedTrial(0, 90), TrainedTrial(1, 90)], TradeOff(100, 10, 1, Decimal(0))
    best = {0: pruned(0, 5, 90), 1: pruned(1, 6, 90)}
    assert select_by_trade_off(trained, [], best, judged_by, Decimal(1)).verdicts[0].reason == (
        "as good a trade-off as trial 1, and as accurate, but 5 neurons free against 6")


def test_a_utility_below_zero_has_a_sign() -> None:
    judged_by = TradeOff(100, 10, 1, Decimal(200))
    assert select_by_trade_off([TrainedTrial(0, 90)], [], {0: pruned(0, 0, 90)}, judged_by, Decimal(1)).verdicts[
        0].reason == "best trade-off within the margin, -110.00: 90.00 % at 1.00 fair shares"


@pytest.mark.parametrize(("best", "message"), [
    ({}, ("trial 0",)),
    ({0: pruned(0, 3, 88)}, ("trial 0", "88", "89"))])
def test_the_margin_is_never_broken(best: dict[int, PrunedTrial], message: tuple[str, ...]) -> None:
    with pytest.raises(StateError) as refused:
        select_by_trade_off([TrainedTrial(0, 90)], [], best, TradeOff(100, 10, 1, Decimal(0)), Decimal(1))
    assert tells(refused.value, *message)


def test_nothing_to_select_from() -> None:
    with pytest.raises(StateError):
        select_by_trade_off([], [], {}, TradeOff(100, 10, 1, Decimal(0)), Decimal(1))


@dataclass(frozen=True)
class Stage:
    """A stage with curves whose recorded counts may be off by one, and the counts that a canonical evaluation finds."""

    trained: list[TrainedTrial]
    exact: dict[int, PrunedTrial]
    recorded: dict[int, list[PrunedTrial]]
    canonical: dict[tuple[int, float], int]
    judged_by: TradeOff
    margin: Decimal

    @property
    def required(self) -> int:
        return required_correct(max(trial.val_correct for trial in self.trained), self.judged_by.val_total, self.margin)

    def confirm(self, candidate: PrunedTrial) -> PrunedTrial:
        threshold = candidate.thresholds[0]
        assert threshold is not None
        return PrunedTrial(candidate.number, candidate.thresholds, self.canonical[candidate.number, threshold],
                           candidate.free_neurons)

    def choose(self, judged_by: TradeOff | None = None) -> Selection:
        terms = judged_by or self.judged_by
        best = {number: best_candidate(exact, self.recorded[number], terms, self.required, self.confirm)
                for number, exact in self.exact.items()}
        return select_by_trade_off(self.trained, [], best, terms, self.margin)


@st.composite
def stages(draw: st.DrawFn, off_by: int = 0, free_before: st.SearchStrategy[int] | None = None) -> Stage:
    total = draw(st.integers(1, 200))
    margin = draw(st.decimals(min_value=0, max_value=100, places=2))
    counts = draw(st.lists(st.integers(0, total), min_size=1, max_size=5))
    trained = [TrainedTrial(number, count) for number, count in enumerate(counts)]
    required = required_correct(max(counts), total, margin)
    before = draw(free_before if free_before is not None else st.integers(0, 30))
    exact, recorded, canonical = {}, {}, {}
    for trial in trained:
        if trial.val_correct < required:
            continue
        sparsest = draw(st.integers(0, before))
        exact[trial.number] = PrunedTrial(trial.number, (1.0,), draw(st.integers(required, total)), sparsest)
        recorded[trial.number] = []
        for position, free in enumerate(sorted(draw(st.lists(st.integers(0, sparsest), max_size=6)))):
            threshold, true = position / 10, draw(st.integers(0, total))
            canonical[trial.number, threshold] = true
            seen = min(total, max(0, true + draw(st.integers(-off_by, off_by))))
            recorded[trial.number].append(PrunedTrial(trial.number, (threshold,), seen, free))
    weight = draw(st.decimals(min_value=0, max_value=500, places=2))
    judged_by = TradeOff(total, before, draw(st.integers(1, 10)), weight)
    return Stage(trained, exact, recorded, canonical, judged_by, margin)


def everything_within(stage: Stage) -> list[PrunedTrial]:
    """Every candidate of a stage whose recorded counts are exact."""
    points = itertools.chain(stage.exact.values(), *stage.recorded.values())
    return [candidate for candidate in points if candidate.val_correct >= stage.required]


@given(stages())
def test_with_exact_curves_the_choice_is_the_best_of_all_candidates(stage: Stage) -> None:
    terms = stage.judged_by

    def utility_in_words_of_the_page(candidate: PrunedTrial) -> Fraction:
        new = terms.free_before - candidate.free_neurons
        share = Fraction(terms.free_before, terms.tasks_left)
        price = Fraction(terms.weight_points) * new / share if share else Fraction(0)
        return Fraction(100 * candidate.val_correct, terms.val_total) - price

    def order(candidate: PrunedTrial) -> tuple[Fraction, int, int, int, float]:
        return (utility_in_words_of_the_page(candidate), candidate.val_correct, candidate.free_neurons, -candidate.number,
                candidate.thresholds[0] or 0.0)

    assert stage.choose().chosen == max(everything_within(stage), key=order)


@given(stages(off_by=2))
def test_the_margin_holds_and_counts_are_canonical_however_wrong_the_curves_are(stage: Stage) -> None:
    selection = stage.choose()
    chosen = selection.chosen
    assert chosen.val_correct >= stage.required
    assert chosen == stage.exact[chosen.number] or chosen == stage.confirm(chosen)
    for verdict in selection.verdicts:
        assert (verdict.verdict is Verdict.OUTSIDE_MARGIN) == (verdict.number not in stage.exact)
        if verdict.pruned is not None:
            assert stage.judged_by.rank(verdict.pruned) <= stage.judged_by.rank(chosen)
            assert stage.judged_by.rank(verdict.pruned) >= stage.judged_by.rank(stage.exact[verdict.number])
    assert [verdict.verdict for verdict in selection.verdicts].count(Verdict.CHOSEN) == 1


@given(stages(), st.integers(1, 10))
def test_a_weight_of_zero_takes_the_most_accurate_whatever_it_uses(stage: Stage, tasks_left: int) -> None:
    terms = TradeOff(stage.judged_by.val_total, stage.judged_by.free_before, tasks_left, Decimal(0))
    most = max(everything_within(stage), key=lambda candidate: (candidate.val_correct, candidate.free_neurons))
    chosen = stage.choose(terms).chosen
    assert (chosen.val_correct, chosen.free_neurons) == (most.val_correct, most.free_neurons)


@given(stages(free_before=st.integers(1, 30)))
def test_an_enormous_weight_is_as_sparse_as_the_papers_rule(stage: Stage) -> None:
    terms = TradeOff(stage.judged_by.val_total, stage.judged_by.free_before, stage.judged_by.tasks_left, ENORMOUS)
    papers = select(stage.trained, [], stage.exact, terms.val_total, stage.margin).chosen
    chosen = stage.choose(terms).chosen
    assert chosen.free_neurons == papers.free_neurons
    assert chosen.val_correct >= papers.val_correct


@given(stages(off_by=1), st.data())
def test_the_order_in_which_trials_ended_changes_nothing(stage: Stage, data: st.DataObject) -> None:
    shuffled = Stage(data.draw(st.permutations(stage.trained)), dict(data.draw(st.permutations(list(stage.exact.items())))),
                     {number: data.draw(st.permutations(points)) for number, points in stage.recorded.items()},
                     stage.canonical, stage.judged_by, stage.margin)
    assert shuffled.choose() == stage.choose()


@given(stages(), st.decimals(min_value=0, max_value=500, places=2))
def test_a_larger_weight_never_uses_more_neurons(stage: Stage, more: Decimal) -> None:
    terms = stage.judged_by
    dearer = TradeOff(terms.val_total, terms.free_before, terms.tasks_left, terms.weight_points + more)
    assert stage.choose(dearer).chosen.free_neurons >= stage.choose().chosen.free_neurons or terms.free_before == 0
