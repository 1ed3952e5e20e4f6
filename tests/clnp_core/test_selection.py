"""The graceful-forgetting rule on numbers alone."""

import itertools
from collections.abc import Sequence
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
    pick,
    required_correct,
    select,
    select_most_accurate,
)
from tests.messages import tells


def within(best: int, correct: int, total: int, margin: Decimal) -> bool:
    """The page of the method, word for word: 100·(best_correct − correct) ≤ m·n, in rationals."""
    return Fraction(100 * (best - correct)) <= Fraction(margin) * total


@pytest.mark.parametrize(("margin", "total", "allowed"), [
    ("0.29", 10_000, 29),  # 0.29 / 100 * 10_000 is 28.999999999999996 in floats
    ("0.57", 10_000, 57),
    ("0.58", 10_000, 58),
    ("1.1", 1_000, 11),
    ("0.07", 10_000, 7),
    ("0.05", 10_000, 5),
    ("0.05", 1_999, 0),
    ("0.05", 2_000, 1),
    ("1", 500, 5),
    ("1", 499, 4),
    ("0", 10_000, 0),
    ("33.3", 3, 0),
    ("33.4", 3, 1),
])
def test_the_margin_is_an_exact_number_of_samples(margin: str, total: int, allowed: int) -> None:
    best = total - 1
    assert required_correct(best, total, Decimal(margin)) == max(0, best - allowed)


def test_floats_would_have_been_wrong() -> None:
    assert int(0.29 / 100 * 10_000) == 28
    assert required_correct(9_800, 10_000, Decimal("0.29")) == 9_800 - 29


def test_a_margin_of_everything_asks_for_nothing_and_never_for_less() -> None:
    assert required_correct(70, 100, Decimal(100)) == 0
    assert required_correct(0, 100, Decimal("0.5")) == 0


MARGINS = st.decimals(min_value=0, max_value=100, places=3)
TOTALS = st.integers(min_value=1, max_value=20_000)


@given(total=TOTALS, share=st.integers(0, 1000), margin=MARGINS)
def test_the_required_count_is_the_smallest_within_the_margin(total: int, share: int, margin: Decimal) -> None:
    best = total * share // 1000
    required = required_correct(best, total, margin)
    assert within(best, required, total, margin)
    assert required == 0 or not within(best, required - 1, total, margin)


@given(total=TOTALS, share=st.integers(0, 1000), margins=st.tuples(MARGINS, MARGINS))
def test_a_larger_margin_never_asks_for_more(total: int, share: int, margins: tuple[Decimal, Decimal]) -> None:
    best, (low, high) = total * share // 1000, sorted(margins)
    assert required_correct(best, total, high) <= required_correct(best, total, low) <= best


def test_a_trial_on_the_boundary_is_picked_and_one_sample_less_is_not() -> None:
    trained = [TrainedTrial(0, 9_800), TrainedTrial(1, 9_771), TrainedTrial(2, 9_770)]
    picked = pick(trained, 10_000, Decimal("0.29"))
    assert (picked.best_val_correct, picked.required_val_correct, picked.val_total) == (9_800, 9_771, 10_000)
    assert picked.picked == (0, 1)


def test_picked_numbers_ascend_whatever_the_order_of_the_trials() -> None:
    trials = [TrainedTrial(3, 90), TrainedTrial(0, 89), TrainedTrial(7, 90), TrainedTrial(2, 70)]
    for order in itertools.permutations(trials):
        assert pick(order, 100, Decimal(1)).picked == (0, 3, 7)


def pruned(number: int, free: int, correct: int) -> PrunedTrial:
    return PrunedTrial(number, (0.25, None), correct, free)


def chosen_of(*results: PrunedTrial, best: int = 100) -> Selection:
    trained = [TrainedTrial(result.number, best) for result in results]
    return select(trained, [], {result.number: result for result in results}, 100, Decimal(10))


def test_the_sparsest_wins_even_with_the_lowest_accuracy() -> None:
    assert chosen_of(pruned(0, 5, 100), pruned(1, 6, 90), pruned(2, 4, 99)).chosen.number == 1


def test_equal_sparsity_goes_to_the_higher_pruned_accuracy() -> None:
    assert chosen_of(pruned(0, 6, 95), pruned(1, 6, 96), pruned(2, 5, 100)).chosen.number == 1


def test_equal_sparsity_and_accuracy_goes_to_the_lower_number() -> None:
    assert chosen_of(pruned(4, 6, 95), pruned(1, 6, 95), pruned(9, 6, 95)).chosen.number == 1


def mixed_stage() -> tuple[list[TrainedTrial], list[FailedTrial], dict[int, PrunedTrial]]:
    trained = [TrainedTrial(0, 97), TrainedTrial(1, 98), TrainedTrial(2, 80), TrainedTrial(3, 97), TrainedTrial(4, 96),
               TrainedTrial(6, 96)]
    results = [pruned(0, 10, 96), pruned(1, 12, 95), pruned(3, 12, 94), pruned(4, 12, 95), pruned(6, 11, 97)]
    return trained, [FailedTrial(5, "the loss was not a number in epoch 3")], {p.number: p for p in results}


def test_every_trial_gets_a_verdict_and_a_reason_in_words() -> None:
    trained, failed, results = mixed_stage()
    selection = select(trained, failed, results, 100, Decimal(4))
    assert selection.chosen is results[1]
    assert [(v.number, v.verdict, v.reason) for v in selection.verdicts] == [
        (0, Verdict.SPARSER_ONE_EXISTS, "10 neurons free, trial 1 leaves 12"),
        (1, Verdict.CHOSEN, "sparsest within the margin: 12 neurons free, 95 of 100 correct after pruning"),
        (2, Verdict.OUTSIDE_MARGIN, "80 of 100 correct, 14 short of the 94 that the margin requires"),
        (3, Verdict.WORSE_TIE, "as sparse as trial 1, but 94 correct against 95"),
        (4, Verdict.WORSE_TIE, "as sparse and as accurate as trial 1, which has the lower number"),
        (5, Verdict.FAILED, "the loss was not a number in epoch 3"),
        (6, Verdict.SPARSER_ONE_EXISTS, "11 neurons free, trial 1 leaves 12"),
    ]
    assert [v.pruned for v in selection.verdicts] == [results.get(n) for n in range(7)]


def test_methods_that_prune_nothing_take_the_most_accurate_and_speak_of_no_margin() -> None:
    trained = [TrainedTrial(0, 90), TrainedTrial(1, 98), TrainedTrial(3, 98)]
    selection = select_most_accurate(trained, [FailedTrial(2, "lost")], 100)
    assert [(v.number, v.verdict, v.reason) for v in selection.verdicts] == [
        (0, Verdict.OUTSIDE_MARGIN, "90 of 100 correct, 8 fewer than trial 1"),
        (1, Verdict.CHOSEN, "the most accurate: 98 of 100 correct"),
        (2, Verdict.FAILED, "lost"),
        (3, Verdict.WORSE_TIE, "as accurate as trial 1, which has the lower number")]


def test_the_answer_does_not_depend_on_the_order_of_the_input() -> None:
    trained, failed, results = mixed_stage()
    expected = select(trained, failed, results, 100, Decimal(4))
    for order in itertools.islice(itertools.permutations(trained), 0, None, 17):
        shuffled = {number: results[number] for number in reversed(list(results))}
        assert select(order, failed, shuffled, 100, Decimal(4)) == expected


def test_the_values_of_a_verdict_are_what_the_database_stores() -> None:
    assert [str(verdict) for verdict in Verdict] == [
        "chosen", "sparser one exists", "better trade-off exists", "worse tie", "outside margin", "failed"]


def test_nothing_to_select_from() -> None:
    with pytest.raises(StateError) as refused:
        select([], [FailedTrial(0, "no memory")], {}, 100, Decimal(1))
    assert tells(refused.value, "clnp resume RUN --retry-failed")


def test_a_picked_trial_must_have_been_pruned() -> None:
    with pytest.raises(StateError) as refused:
        select([TrainedTrial(0, 90), TrainedTrial(1, 90)], [], {0: pruned(0, 3, 90)}, 100, Decimal(1))
    assert tells(refused.value, "trial 1")


def test_a_pruned_trial_below_the_margin_is_an_error_at_exactly_one_sample() -> None:
    trained = [TrainedTrial(0, 90)]
    assert select(trained, [], {0: pruned(0, 3, 89)}, 100, Decimal(1)).chosen.val_correct == 89
    with pytest.raises(StateError) as refused:
        select(trained, [], {0: pruned(0, 3, 88)}, 100, Decimal(1))
    assert tells(refused.value, "trial 0", 88, 89)


def test_a_pruned_result_of_a_trial_outside_the_margin_does_not_count() -> None:
    trained = [TrainedTrial(0, 90), TrainedTrial(1, 50)]
    selection = select(trained, [], {0: pruned(0, 3, 90), 1: pruned(1, 99, 50)}, 100, Decimal(1))
    assert selection.chosen.number == 0
    assert selection.verdicts[1].pruned is None


@st.composite
def stages(draw: st.DrawFn) -> tuple[list[TrainedTrial], dict[int, PrunedTrial], int, Decimal]:
    total = draw(st.integers(1, 200))
    margin = draw(st.decimals(min_value=0, max_value=100, places=2))
    counts = draw(st.lists(st.integers(0, total), min_size=1, max_size=8))
    trained = [TrainedTrial(number, count) for number, count in enumerate(counts)]
    required = required_correct(max(counts), total, margin)
    results = {trial.number: PrunedTrial(trial.number, (0.0,), draw(st.integers(required, total)), draw(st.integers(0, 4)))
               for trial in trained if trial.val_correct >= required}
    return trained, results, total, margin


@given(stage=stages(), data=st.data())
def test_the_chosen_is_within_the_margin_and_nobody_picked_beats_it(
        stage: tuple[list[TrainedTrial], dict[int, PrunedTrial], int, Decimal], data: st.DataObject) -> None:
    trained, results, total, margin = stage
    selection = select(trained, [], results, total, margin)
    best = max(trial.val_correct for trial in trained)
    assert within(best, selection.chosen.val_correct, total, margin)
    assert [v.verdict for v in selection.verdicts].count(Verdict.CHOSEN) == 1
    for verdict in selection.verdicts:
        assert (verdict.verdict is Verdict.OUTSIDE_MARGIN) == (verdict.number not in results)
    assert rank(selection.chosen) == max(rank(result) for result in results.values())
    shuffled: Sequence[TrainedTrial] = data.draw(st.permutations(trained))
    assert select(shuffled, [], results, total, margin) == selection


def rank(result: PrunedTrial) -> tuple[int, int, int]:
    return result.free_neurons, result.val_correct, -result.number
