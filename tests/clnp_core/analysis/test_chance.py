"""A count of correct samples against guessing."""

from fractions import Fraction
from math import comb

import pytest

from clnp_core.analysis.chance import LEVEL, is_at_chance


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
