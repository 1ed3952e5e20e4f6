"""One number over several seeds, against hand-computed numbers and scipy."""

import math
import random
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clnp_core.analysis.statistics import LEVEL, Summary, exact, incomplete_beta, is_at_chance, student_t, summarise
from clnp_core.errors import ConfigError, StateError
from tests.messages import tells

VALUES = st.floats(-1e6, 1e6, allow_nan=False)
BY_SEED = st.dictionaries(st.integers(0, 1_000), VALUES, min_size=1, max_size=12)


def test_the_summary_of_five_seeds_by_hand() -> None:
    """Mean 3, squares 4 + 1 + 0 + 1 + 4 = 10 over 4; t for four degrees of freedom is 2.7764451052 in every table."""
    summary = summarise({7: 1.0, 8: 2.0, 9: 3.0, 10: 4.0, 11: 5.0})
    assert (summary.n, summary.mean, summary.minimum, summary.maximum) == (5, 3.0, 1.0, 5.0)
    assert summary.deviation == math.sqrt(2.5)
    half = 2.7764451051977987 * math.sqrt(2.5) / math.sqrt(5)
    assert summary.interval == pytest.approx((3 - half, 3 + half), rel=1e-12)
    assert (summary.level, summary.missing) == (0.95, ())


def test_one_run_has_no_spread() -> None:
    assert summarise({3: 98.4}) == Summary(1, 98.4, None, None, 0.95, 98.4, 98.4, ())


def test_runs_without_a_result_are_named_and_never_averaged_in() -> None:
    summary = summarise({5: None, 1: 90.0, 4: None, 2: 92.0}, level=0.5)
    assert (summary.n, summary.mean, summary.deviation, summary.missing) == (2, 91.0, math.sqrt(2), (4, 5))
    assert summary.interval == pytest.approx((90.0, 92.0))  # t is 1 at 50 % for one degree of freedom
    assert summarise({2: None, 1: None}) == Summary(0, None, None, None, 0.95, None, None, (1, 2))
    assert summarise({}) == Summary(0, None, None, None, 0.95, None, None, ())


def test_equal_values_have_no_spread_at_all() -> None:
    assert summarise({seed: 0.1 for seed in range(7)}) == Summary(7, 0.1, 0.0, (0.1, 0.1), 0.95, 0.1, 0.1, ())


def test_fractions_and_floats_are_summarised_alike() -> None:
    assert summarise({1: Fraction(9842, 10_000), 2: Fraction(9836, 10_000)}) == summarise({1: 0.9842, 2: 0.9836})


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_a_value_that_is_not_finite_is_refused(value: float, shown: str) -> None:
    with pytest.raises(StateError) as refused:
        summarise({1: 98.0, 4: value})
    assert tells(refused.value, "seed 4", shown)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95.0, math.nan])
def test_a_level_must_lie_between_0_and_1(level: float) -> None:
    for call in (lambda: summarise({}, level), lambda: student_t(level, 3)):
        with pytest.raises(ConfigError) as refused:
            call()
        assert tells(refused.value, level, 0, 1, "0.95", 95, "0.05", 5)


def test_no_degree_of_freedom_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        student_t(0.95, 0)
    assert tells(refused.value, 0)


def test_floats_are_the_decimals_that_they_are_written_as() -> None:
    """In binary the two steps from 0.1 to 0.3 differ; in decimals they do not, and that decides ties."""
    assert 0.3 - 0.2 != 0.2 - 0.1
    assert exact({3: 0.3, 1: None, 2: 0.2, 0: 5}) == {0: 5, 2: Fraction(1, 5), 3: Fraction(3, 10)}
    assert list(exact({3: 0.3, 2: 0.2})) == [2, 3]
    assert exact({1: Fraction(1, 3)}) == {1: Fraction(1, 3)}


@given(values=BY_SEED, order=st.randoms())
def test_the_order_of_the_runs_says_nothing(values: dict[int, float], order: random.Random) -> None:
    shuffled = list(values.items())
    order.shuffle(shuffled)
    assert summarise(dict(shuffled)) == summarise(values)


@given(values=BY_SEED)
def test_the_mean_lies_within_its_interval_and_between_the_extremes(values: dict[int, float]) -> None:
    summary = summarise(values)
    assert summary.mean is not None and summary.minimum is not None and summary.maximum is not None
    assert summary.minimum <= summary.mean <= summary.maximum
    assert (summary.interval is None) == (summary.deviation is None) == (len(values) == 1)
    if summary.interval is not None:
        assert summary.interval[0] <= summary.mean <= summary.interval[1]


@given(values=BY_SEED.filter(lambda values: len(values) > 1), without=st.sets(st.integers(2_000, 2_009)))
def test_missing_runs_change_no_number(values: dict[int, float], without: set[int]) -> None:
    summary = summarise({**dict.fromkeys(without), **values})
    assert summary.missing == tuple(sorted(without))
    assert (summary.mean, summary.interval) == (summarise(values).mean, summarise(values).interval)


@pytest.mark.parametrize("degrees_of_freedom", [1, 2, 3, 4, 5, 9, 10, 29, 99, 1_000])
@pytest.mark.parametrize("level", [0.05, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.999999])
def test_students_t_is_that_of_scipy(level: float, degrees_of_freedom: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    assert student_t(level, degrees_of_freedom) == pytest.approx(stats.t.isf((1 - level) / 2, degrees_of_freedom), rel=1e-9)


def test_students_t_by_hand() -> None:
    """One degree of freedom is Cauchy's distribution, two have a closed form."""
    for level in (0.1, 0.5, 0.95, 0.999):
        assert student_t(level, 1) == pytest.approx(math.tan(math.pi * level / 2), rel=1e-10)
        assert student_t(level, 2) == pytest.approx(level * math.sqrt(2 / (1 - level**2)), rel=1e-10)


@given(values=BY_SEED.filter(lambda values: len(set(values.values())) > 1), level=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_that_of_scipy(values: dict[int, float], level: float) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    summary = summarise(values, level)
    assert summary.deviation is not None and summary.interval is not None
    low, high = stats.t.interval(level, len(values) - 1, loc=summary.mean,
                                 scale=summary.deviation / math.sqrt(len(values)))
    assert summary.interval == pytest.approx((low, high), rel=1e-9, abs=1e-9 * summary.deviation)


@pytest.mark.parametrize("a", [0.5, 1.0, 2.0, 7.5, 50.0])
@pytest.mark.parametrize("b", [0.5, 1.0, 3.0, 20.0])
def test_the_incomplete_beta_function_is_that_of_scipy(a: float, b: float) -> None:
    special = pytest.importorskip("scipy.special", reason="scipy is not installed")
    for x in (0.0, 1e-9, 0.01, 0.3, 0.5, 0.9, 0.999, 1.0):
        assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-12, abs=1e-14)


@given(a=st.floats(0.5, 50), b=st.floats(0.5, 50), x=st.floats(0, 1))
def test_the_incomplete_beta_function_is_a_share_and_mirrors(a: float, b: float, x: float) -> None:
    assert -1e-12 <= incomplete_beta(a, b, x) <= 1 + 1e-12
    assert incomplete_beta(a, b, x) + incomplete_beta(b, a, 1 - x) == pytest.approx(1, abs=1e-12)
    assert incomplete_beta(1.0, 1.0, x) == pytest.approx(x, abs=1e-12)


@pytest.mark.parametrize(("total", "classes"), [(1, 2), (4, 2), (10, 10), (37, 3), (200, 10), (359, 2)])
def test_it_is_the_tail_of_the_binomial_distribution(total: int, classes: int) -> None:
    chance = Fraction(1, classes)
    for correct in range(total + 1):
        tail = sum(comb(total, right) * chance ** right * (1 - chance) ** (total - right)
                   for right in range(correct, total + 1))
        assert is_at_chance(correct, total, classes) is (tail >= Fraction(LEVEL)), correct


@pytest.mark.parametrize(("correct", "total", "classes", "expected"), [
    (0, 359, 10, True), (35, 359, 10, True), (48, 359, 10, True), (55, 359, 10, False), (351, 359, 10, False),
    (5_000, 10_000, 2, True), (5_200, 10_000, 2, False), (1_080, 10_000, 10, False), (1_060, 10_000, 10, True),
    (10**6, 10**7, 10, True), (10**6 + 10**4, 10**7, 10, False),
    (4, 4, 2, True), (7, 7, 2, False),
    (0, 0, 10, False), (5, 5, 1, False), (5, 5, 0, False)])
def test_counts_of_real_sizes(correct: int, total: int, classes: int, expected: bool) -> None:
    assert is_at_chance(correct, total, classes) is expected
