"""Exact permutation tests against brute force and scipy, and the sentences that they allow."""

import itertools
import random
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clnp_core.analysis.significance
from clnp_core.analysis.significance import (
    PermutationTest,
    claim,
    holm,
    paired_permutation_test,
    together,
    unpaired_permutation_test,
)
from clnp_core.errors import ConfigError, StateError
from tests.messages import naming, tells

Values = Sequence[float | Fraction | None]


def seeded(*values: float | Fraction | None) -> dict[int, float | Fraction | None]:
    return dict(enumerate(values, start=1))


def paired(first: Values, second: Values) -> PermutationTest:
    return paired_permutation_test(seeded(*first), seeded(*second))


def unpaired(first: Values, second: Values) -> PermutationTest:
    return unpaired_permutation_test(seeded(*first), seeded(*second))


def test_three_pairs_by_hand() -> None:
    """Differences 1, 2, 3: of the sums ±1 ±2 ±3 only 6 and −6 are as far from 0 as 6."""
    test = paired([11, 22, 33], [10, 20, 30])
    assert test == PermutationTest(True, 3, 3, Fraction(2), Fraction(2, 8), Fraction(1, 4), 3, 0, (), ())


def test_a_pair_against_the_trend_by_hand() -> None:
    """Differences −1, 2, 3 sum to 4: ±4 and ±6 count, of 8."""
    test = paired([10, 22, 33], [11, 20, 30])
    assert (test.p, test.mean_difference, test.first_higher, test.second_higher) == (Fraction(4, 8), Fraction(4, 3), 2, 1)


def test_two_against_two_by_hand() -> None:
    """{3, 4} against {1, 2}: of six groupings it and its mirror image."""
    test = unpaired([3, 4], [1, 2])
    assert test == PermutationTest(False, 2, 2, Fraction(2), Fraction(2, 6), Fraction(2, 6), None, None, (), ())


def test_groups_of_different_sizes_by_hand() -> None:
    """10 against {0, 1}: apart by 9.5; 0 and 1 alone would be apart by 5.5 and 4."""
    test = unpaired([10], [0, 1])
    assert (test.p, test.smallest_p, test.mean_difference) == (Fraction(1, 3), Fraction(1, 3), Fraction(19, 2))


def test_ties_in_decimals_are_ties() -> None:
    """0.3 − 0.2 = 0.2 − 0.1 on paper: all eight sums of ±1 ±1 ±0 tenths but those at 0 are as far. In binary p were 1/4."""
    assert paired([0.3, 0.2, 0.5], [0.2, 0.1, 0.5]).p == Fraction(1, 2)
    assert paired([0.3, 0.1], [0.2, 0.2]).mean_difference == 0
    assert paired([0.3, 0.1], [0.2, 0.2]).p == 1


COUNTS = st.integers(0, 30)


@given(pairs=st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=8))
def test_the_paired_test_is_brute_force_over_all_signs(pairs: list[tuple[int, int]]) -> None:
    test = paired([a for a, _ in pairs], [b for _, b in pairs])
    differences = [a - b for a, b in pairs]
    sums = [sum(sign * difference for sign, difference in zip(signs, differences, strict=True))
            for signs in itertools.product((1, -1), repeat=len(pairs))]
    assert test.p == Fraction(sum(abs(value) >= abs(sum(differences)) for value in sums), len(sums))
    assert test.mean_difference == Fraction(sum(differences), len(pairs))
    assert test.smallest_p == Fraction(2, 2**len(pairs)) <= test.p <= 1
    assert test.first_n == test.second_n == len(pairs)


@given(first=st.lists(COUNTS, min_size=1, max_size=5), second=st.lists(COUNTS, min_size=1, max_size=5))
def test_the_unpaired_test_is_brute_force_over_all_groupings(first: list[int], second: list[int]) -> None:
    test, pooled, n, m = unpaired(first, second), [*first, *second], len(first), len(second)

    def apart(group: Sequence[int]) -> Fraction:
        return abs(Fraction(sum(group), n) - Fraction(sum(pooled) - sum(group), m))

    groups = list(itertools.combinations(pooled, n))
    assert test.p == Fraction(sum(apart(group) >= apart(first) for group in groups), len(groups))
    assert test.mean_difference == Fraction(sum(first), n) - Fraction(sum(second), m)
    assert test.smallest_p == Fraction(2 if n == m else 1, len(groups)) <= test.p <= 1


@pytest.mark.parametrize("n", range(1, 9))
def test_the_smallest_p_is_reached_by_results_that_do_not_overlap(n: int) -> None:
    low, high = [k / 100 for k in range(n)], [100 + k * k / 100 for k in range(n)]
    assert paired(high, low).p == paired(high, low).smallest_p
    assert unpaired(high, low).p == unpaired(high, low).smallest_p
    assert unpaired(high, low[:2]).p == unpaired(high, low[:2]).smallest_p


@given(pairs=st.lists(st.tuples(VALUE := st.floats(-100, 100), VALUE), min_size=1, max_size=6))
def test_the_two_methods_are_treated_alike(pairs: list[tuple[float, float]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    for test in (paired, unpaired):
        there, back = test(first, second), test(second, first)
        assert there.p == back.p and there.mean_difference == -back.mean_difference
        assert (there.first_higher, there.second_higher) == (back.second_higher, back.first_higher)


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=6))
def test_equal_results_have_p_1(values: list[float]) -> None:
    for test in (paired(values, values), unpaired(values, values)):
        assert test.p == 1 and test.mean_difference == 0


@given(pairs=st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=6), shift=st.integers(-50, 50), order=st.randoms())
def test_neither_order_nor_a_common_shift_matters(pairs: list[tuple[int, int]], shift: int, order: random.Random) -> None:
    shuffled = [(a + shift, b + shift) for a, b in pairs]
    order.shuffle(shuffled)
    for test in (paired, unpaired):
        assert test([a for a, _ in pairs], [b for _, b in pairs]) == test([a for a, _ in shuffled], [b for _, b in shuffled])


def test_pairs_are_made_by_seed_and_not_by_position() -> None:
    test = paired_permutation_test({3: 30.0, 1: 10.0, 2: 20.0}, {1: 9.0, 2: 19.0, 3: 29.0})
    assert (test.p, test.first_higher, test.mean_difference) == (Fraction(1, 4), 3, 1)


def test_runs_without_a_result_are_left_out_and_named() -> None:
    first, second = {1: 5.0, 2: None, 3: 7.0, 4: 8.0, 9: 9.0}, {1: 4.0, 2: 5.0, 3: None, 4: 6.0, 5: 1.0}
    test = paired_permutation_test(first, second)
    assert (test.first_n, test.mean_difference) == (2, Fraction(3, 2))
    assert (test.first_missing, test.second_missing) == ((2, 5), (3, 9))
    test = unpaired_permutation_test(first, second)
    assert (test.first_n, test.second_n, test.first_missing, test.second_missing) == (4, 4, (2,), (3,))


@pytest.mark.parametrize(("first", "second", "message", "hint"), [
    ([1.0, None], [None, 2.0], "no seed has a result of both methods, so there are no pairs to compare",
     "run both methods with the same seeds, or compare them unpaired"),
    ([], [], "no seed has a result of both methods, so there are no pairs to compare",
     "run both methods with the same seeds, or compare them unpaired"),
    ([1.0, float("nan")], [1.0, 2.0], "the run with seed 2 has the value nan, which is not a number to average",
     "give None for a run without a result: it is listed as missing and left out"),
])
def test_pairs_that_cannot_be_compared_are_refused(first: Values, second: Values, message: str, hint: str) -> None:
    with pytest.raises(StateError) as refused:
        paired(first, second)
    assert (refused.value.message, refused.value.hint) == (message, hint)


@pytest.mark.parametrize(("first", "second", "which"), [([None], [1.0], "first"), ([1.0], [], "second"), ([], [], "first")])
def test_a_method_without_a_result_is_refused(first: Values, second: Values, which: str) -> None:
    with pytest.raises(StateError) as refused:
        unpaired(first, second)
    assert tells(refused.value, which)


def test_many_seeds_of_counts_are_still_exact() -> None:
    """Sixty differences of 1: a sum of ±1 reaches 60 in two of 2⁶⁰ ways."""
    assert paired([2] * 60, [1] * 60).p == Fraction(2, 2**60)
    assert unpaired([2] * 30, [1] * 30).p == Fraction(2, 118264581564861424)  # C(60, 30)


def test_more_than_memory_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clnp_core.analysis.significance, "MOST_SUMS", 2**10)
    powers = [2.0**k for k in range(12)]
    assert paired(powers[:11], [0] * 11).p == Fraction(2, 2**11)
    for test, n in ((paired, 12), (unpaired, 12)):
        with pytest.raises(StateError) as refused:
            test(powers, [-power / 4096 for power in powers])
        assert tells(refused.value, n, "1,024")


@settings(max_examples=20)
@given(pairs=st.lists(st.tuples(COUNTS, COUNTS), min_size=2, max_size=5))
def test_both_tests_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    first, second = [a for a, _ in pairs], [b for _, b in pairs]

    def apart(one: Sequence[float], other: Sequence[float]) -> float:
        return abs(sum(one) / len(one) - sum(other) / len(other))

    for test, kind, other in ((paired, "samples", second), (unpaired, "independent", second),
                              (unpaired, "independent", [5, 25])):
        found = stats.permutation_test((first, other), apart, permutation_type=kind, vectorized=False,
                                       n_resamples=10**6, alternative="greater")
        assert float(test(first, other).p) == pytest.approx(found.pvalue, rel=1e-12)


def by(*differences: float) -> PermutationTest:
    return paired([90 + difference for difference in differences], [90.0] * len(differences))


@pytest.mark.parametrize(("test", "sentence"), [
    (by(1.2, 1.3, 1.4, 1.31, 1.34),
     "CLNP is 1.31 points better than EWC on average, better in 5 of 5 seeds, but no difference can be claimed (exact paired "
     "permutation test, p = 0.0625): five seeds can never reach p < 0.05; at least six are needed."),
    (by(1, 1, 1, 1, 1, 1),
     "CLNP is 1.00 points better than EWC on average, better in 6 of 6 seeds (exact paired permutation test, p = 0.03125, "
     "below 0.05)."),
    (by(-1, -2, -3, -1, -1, -1, -0.5),
     "CLNP is 1.36 points worse than EWC on average, worse in 7 of 7 seeds (exact paired permutation test, p = 0.015625, below "
     "0.05)."),
    (by(1, 1, 1, 1, 1, -1),
     "CLNP is 0.67 points better than EWC on average, better in 5 of 6 seeds, but no difference can be claimed (exact paired "
     "permutation test, p = 0.21875, not below 0.05)."),
    (by(1, -1, 2, -2), "CLNP and EWC are equal on average over 4 seeds: no difference can be claimed (exact paired permutation "
                       "test, p = 1)."),
    (by(0.001, 0.002), "CLNP is less than 0.01 points better than EWC on average, better in 2 of 2 seeds, but no difference "
                       "can be claimed (exact paired permutation test, p = 0.5): two seeds can never reach p < 0.05; at least "
                       "six are needed."),
    (by(1.31), "CLNP is 1.31 points better than EWC in one run of each: one seed supports no claim about the methods, "
               "only about these two runs."),
    (by(0.0), "CLNP and EWC are equal in one run of each: one seed supports no claim about the methods, only about these two "
              "runs."),
    (by(*[1] * 20), "CLNP is 1.00 points better than EWC on average, better in 20 of 20 seeds (exact paired permutation test, "
                    "p < 0.0001, below 0.05)."),
    (unpaired([91, 92, 93, 94], [81, 82, 83, 84]),
     "CLNP is 10.00 points better than EWC on average over 4 runs against 4 (exact unpaired permutation test, p = 0.0286, "
     "below 0.05)."),
    (unpaired([91, 92, 93], [81, 82, 83]),
     "CLNP is 10.00 points better than EWC on average over 3 runs against 3, but no difference can be claimed (exact unpaired "
     "permutation test, p = 0.1): three runs against three can never reach p < 0.05; four of each could."),
    (unpaired([91], [81 + k / 10 for k in range(30)]),
     "CLNP is 8.55 points better than EWC on average, but CLNP has one run only: one seed supports no claim about a method."),
    (unpaired([91, 93], [93]),
     "CLNP is 1.00 points worse than EWC on average, but EWC has one run only: one seed supports no claim about a method."),
    (paired([91, None, 93, None], [90, 90, None, None, 90]),
     "CLNP is 1.00 points better than EWC in one run of each: one seed supports no claim about the methods, only about these "
     "two runs. Without a result, and left out: CLNP with seeds 2, 4, 5; EWC with seeds 3, 4."),
    (unpaired([1, 1], [1, 1, None]),
     "CLNP and EWC are equal on average over 2 runs against 2: no difference can be claimed (exact unpaired permutation test, "
     "p = 1). Without a result, and left out: EWC with seed 3."),
])
def test_what_may_be_said(test: PermutationTest, sentence: str) -> None:
    assert claim(test, "CLNP", "EWC") == sentence


def test_less_can_be_better() -> None:
    assert claim(by(-1_500, -1_500), "A", "B", 0.6, "seconds", higher_is_better=False) == (
        "A is 1,500.00 seconds better than B on average, better in 2 of 2 seeds (exact paired permutation test, p = 0.5, below "
        "0.6).")
    assert "A is 2.00 seconds worse than B" in claim(by(2, 2), "A", "B", unit="seconds", higher_is_better=False)


def test_a_stricter_level_needs_more_seeds() -> None:
    assert claim(by(*[1] * 6), "A", "B", 0.01).endswith("six seeds can never reach p < 0.01; at least eight are needed.")
    assert claim(by(*[1] * 6), "A", "B", 1e-6).endswith("six seeds can never reach p < 1e-06; at least 21 are needed.")


def test_p_must_be_below_the_level_and_not_at_it() -> None:
    test = by(1, 1, 1, 1)
    assert test.p == Fraction(1, 8)
    assert not test.supports_claim(0.125) and test.supports_claim(0.126)
    assert "five are needed" in claim(test, "A", "B", 0.125)


def test_a_p_next_to_the_level_is_written_so_that_it_can_be_told_from_it() -> None:
    """34/8192 = 0.004150390625 is 0.00415 in three digits."""
    test = by(*[1] * 7)
    near = PermutationTest(True, 14, 14, Fraction(1), Fraction(34, 8192), test.smallest_p / 128, 14, 0, (), ())
    assert "p = 0.00415, below 0.05" in claim(near, "A", "B")
    assert "p = 0.0041504, not below 0.00415)" in claim(near, "A", "B", 0.00415)


def test_one_run_of_a_method_never_supports_a_claim() -> None:
    test = unpaired([91], [81 + k / 10 for k in range(30)])
    assert test.p == Fraction(1, 31) and not test.supports_claim()


def test_the_level_is_checked() -> None:
    for call in (lambda: claim(by(1.0), "A", "B", 5.0), lambda: by(1.0, 2.0).supports_claim(5.0)):
        with pytest.raises(ConfigError, match=naming("5.0", 0, 1)):
            call()


def test_holm_by_hand() -> None:
    """Sorted 1/100, 2/100, 3/100, 60/100: times 4, 3, 2, 1; the third may not be less than the second."""
    p = [Fraction(3, 100), Fraction(1, 100), Fraction(60, 100), Fraction(2, 100)]
    assert holm(p) == (Fraction(6, 100), Fraction(4, 100), Fraction(60, 100), Fraction(6, 100))
    assert holm([Fraction(9, 10), Fraction(8, 10)]) == (1, 1)
    assert holm([]) == ()


@given(st.lists(st.fractions(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_stepwise_rule_rejects(p: list[Fraction]) -> None:
    """From the smallest on, p(k) is held against level / (n − k + 1) until one is not below it."""
    level, rejected = Fraction(1, 20), set()
    for rank, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        if p[index] >= level / (len(p) - rank):
            break
        rejected.add(index)
    assert {index for index, raised in enumerate(holm(p)) if raised < level} == rejected


def test_what_comparisons_claim_together() -> None:
    six = paired([10, 20, 30, 40, 50, 60], [9, 18, 27, 36, 45, 54])
    eight = paired([10, 20, 30, 40, 50, 60, 70, 80], [9, 18, 27, 36, 45, 54, 63, 72])
    nothing = paired([1, 2, 3], [3, 2, 1])
    assert (six.p, eight.p) == (Fraction(1, 32), Fraction(1, 128))
    assert together({"a": six}) is None and together({"a": nothing, "b": nothing}) is None
    assert together({"a": six, "b": six}) == (
        "These are two comparisons. Held together, by Holm's rule, none of them is below 0.05: the smallest p becomes 0.0625.")
    assert together({"a": nothing, "b": eight, "c": six}) == (
        "These are three comparisons. Held together, by Holm's rule, one of them (b) is below 0.05.")
    assert together({"a": eight, "b": eight}) == (
        "These are two comparisons. Held together, by Holm's rule, all of them are below 0.05.")
