"""Test whether one method is better than another, with few seeds: exact permutation tests, and a sentence with the result.

If two methods did not differ, chance would decide which of them got which result. All possible assignments of the results to
the methods are counted, and p is the share of those whose means differ at least as much as the measured ones, in either
direction. No distribution is assumed, nothing is sampled, and p is an exact fraction. The price is seeds: n pairs can never
give less than 2/2ⁿ, however large the difference is.

*Paired*: both methods ran with the same seeds; chance swaps the two results of a seed (the signs of the differences).
*Unpaired*: with different seeds; chance regroups all results into groups of the same sizes.

Assignments with equal sums are counted together, which does not change the result: any 20 pairs, or any 20 results in total,
are counted in seconds, and many more if the values are counts on one test set. A test that would need more memory is refused.

A level applies to *one* comparison. Comparing ten pairs of methods requires more of each: :func:`holm` raises p so that the
level holds for all comparisons together, and :func:`together` says which claims remain.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from clnp_core.analysis.statistics import SEEDS, Value, exact, require_level
from clnp_core.errors import StateError

MOST_SUMS = 2**20
"""Maximum number of different sums in memory, some hundred megabytes."""

FEW = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """An exact two-sided test of the difference of two means, first minus second.

    Attributes:
        paired: whether the seeds are the same.
        first_n: runs of the first method with a result.
        second_n: of the second; if paired, both are the number of pairs.
        mean_difference: in the unit of the values.
        p: the share of assignments that are at least as extreme.
        smallest_p: the lowest p that is possible with this number of runs.
        first_higher: pairs in which the first method has the higher value; None if unpaired.
        second_higher: pairs in which the second has; None if unpaired.
        first_missing: seeds without a result of the first method, ascending; if paired, also seeds that only the second ran.
        second_missing: the same for the second.
    """

    paired: bool
    first_n: int
    second_n: int
    mean_difference: Fraction
    p: Fraction
    smallest_p: Fraction
    first_higher: int | None
    second_higher: int | None
    first_missing: tuple[int, ...] = field(metadata={SEEDS: True})
    second_missing: tuple[int, ...] = field(metadata={SEEDS: True})

    def supports_claim(self, level: float = 0.05) -> bool:
        """Return whether a difference between the methods can be claimed: p < level, and each method has more than one run.

        Raises:
            ConfigError: the level is not between 0 and 1.
        """
        return min(self.first_n, self.second_n) > 1 and self.p < _exact_level(level)


def paired_permutation_test(first: Mapping[int, Value | None], second: Mapping[int, Value | None]) -> PermutationTest:
    """Test the seeds for which both methods have a result: all 2ⁿ signs of the n differences.

    Args:
        first: values of the first method by seed; None marks a run without a result.
        second: of the second method. See :func:`clnp_core.analysis.statistics.exact` for floats.

    Raises:
        StateError: a value is not finite, no seed has both results, or there are too many seeds to count exactly.
    """
    a, b = exact(first), exact(second)
    seeds = sorted({*first, *second})
    pairs = [a[seed] - b[seed] for seed in seeds if seed in a and seed in b]
    if not pairs:
        raise StateError("no seed has a result of both methods, so there are no pairs to compare",
                         "run both methods with the same seeds, or compare them unpaired")
    differences, denominator = _integers(pairs)
    # Flipping all signs mirrors every sum, so the first sign can stay fixed.
    sums = {differences[0]: 1}
    for difference in differences[1:]:
        flipped: dict[int, int] = defaultdict(int)
        for value, times in sums.items():
            flipped[value + difference] += times
            flipped[value - difference] += times
        sums = flipped
        _require_room(len(sums), len(pairs), len(pairs))
    n, observed = len(pairs), abs(sum(differences))
    extreme = sum(times for value, times in sums.items() if abs(value) >= observed)
    return PermutationTest(True, n, n, Fraction(sum(differences), n * denominator), Fraction(extreme, 2**(n - 1)),
                           _smallest_paired_p(n), sum(value > 0 for value in pairs), sum(value < 0 for value in pairs),
                           tuple(seed for seed in seeds if seed not in a), tuple(seed for seed in seeds if seed not in b))


def unpaired_permutation_test(first: Mapping[int, Value | None], second: Mapping[int, Value | None]) -> PermutationTest:
    """Test all C(n + m, n) groupings of the results, regardless of their seeds.

    Args:
        first: n values of the first method by seed; None marks a run without a result.
        second: m values of the second. See :func:`clnp_core.analysis.statistics.exact` for floats.

    Raises:
        StateError: a value is not finite, a method has no result, or there are too many results to count exactly.
    """
    a, b = exact(first), exact(second)
    n, m = len(a), len(b)
    if not a or not b:
        raise StateError(f"the {'second' if a else 'first'} method has no result, so there is nothing to compare",
                         "compare methods that have at least one run with a result each")
    pooled, denominator = _integers([*a.values(), *b.values()])
    total = sum(pooled)
    groups: list[dict[int, int]] = [defaultdict(int) for _ in range(n + 1)]  # by size: how many groups have which sum
    groups[0][0] = 1
    for left, value in zip(range(n + m - 1, -1, -1), pooled, strict=True):
        for size in range(n, 0, -1):  # descending, so that no value is used twice
            if size + left >= n:
                for partial, times in groups[size - 1].items():
                    groups[size][partial + value] += times
        for size in range(n - left):  # too small to reach n with the remaining values
            groups[size].clear()
        _require_room(sum(map(len, groups)), n, m)

    def apart(of_first: int) -> int:
        """Return n · m times the difference of the two means, in steps of 1 / denominator."""
        return of_first * (n + m) - total * n

    observed = apart(sum(pooled[:n]))
    extreme = sum(times for of_first, times in groups[n].items() if abs(apart(of_first)) >= abs(observed))
    return PermutationTest(False, n, m, Fraction(observed, n * m * denominator), Fraction(extreme, math.comb(n + m, n)),
                           _smallest_unpaired_p(n, m), None, None,
                           tuple(sorted(set(first) - set(a))), tuple(sorted(set(second) - set(b))))


def claim(test: PermutationTest, first: str, second: str, level: float = 0.05, unit: str = "points",
          higher_is_better: bool = True) -> str:
    """Describe the result of a test in a sentence, with the runs that were left out.

    Args:
        test: its values in ``unit``; use accuracies in percent for differences in points.
        first: name of the first method.
        second: name of the second.
        level: a difference is claimed if p is below it.
        unit: plural name of the unit of the values.
        higher_is_better: False if lower values are better (seconds, neurons used).

    Raises:
        ConfigError: the level is not between 0 and 1.
    """
    return " ".join([_verdict(test, first, second, level, unit, higher_is_better), *_left_out(test, first, second)])


def holm(p_values: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Raise p of several comparisons so that a level holds for all of them together, however they depend on each other (Holm
    1979): the smallest of n is multiplied by n, the next by n − 1, and so on; none is less than the previous one or more than
    1.

    Args:
        p_values: in any order.

    Returns:
        The raised values, in the same order.
    """
    raised, least = [Fraction(0)] * len(p_values), Fraction(0)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        least = raised[index] = min(Fraction(1), max(least, p_values[index] * (len(p_values) - rank)))
    return tuple(raised)


def together(tests: Mapping[str, PermutationTest], level: float = 0.05) -> str | None:
    """Describe what can be claimed of several comparisons together; None for fewer than two, or if none supports a claim alone.

    Args:
        tests: by the name of the comparison.
        level: to hold for all of them together.

    Raises:
        ConfigError: the level is not between 0 and 1.
    """
    alone = [name for name, test in tests.items() if test.supports_claim(level)]
    if len(tests) < 2 or not alone:
        return None
    raised = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    held = [name for name in alone if raised[name] < _exact_level(level)]
    said = f"These are {_few(len(tests))} comparisons. Held together, by Holm's rule, "
    if not held:
        return said + f"none of them is below {level:g}: the smallest p becomes {float(min(raised.values())):.3g}."
    which = "all of them" if len(held) == len(tests) else f"{_few(len(held))} of them ({', '.join(held)})"
    return said + f"{which} {'is' if len(held) == 1 else 'are'} below {level:g}."


def _verdict(test: PermutationTest, first: str, second: str, level: float, unit: str, higher_is_better: bool) -> str:
    limit = _exact_level(level)
    found = _difference(test, first, second, unit, higher_is_better)
    if test.first_n == test.second_n == 1:
        return f"{found} in one run of each: one seed supports no claim about the methods, only about these two runs."
    if min(test.first_n, test.second_n) == 1:
        lone = first if test.first_n == 1 else second
        return f"{found} on average, but {lone} has one run only: one seed supports no claim about a method."
    found += f" on average{_over_how_many(test, higher_is_better)}"
    evidence = f"exact {'paired' if test.paired else 'unpaired'} permutation test, {_p(test.p, limit)}"
    if test.mean_difference == 0:
        return f"{found}: no difference can be claimed ({evidence})."
    if test.supports_claim(level):
        return f"{found} ({evidence}, below {level:g})."
    if test.smallest_p >= limit:
        return f"{found}, but no difference can be claimed ({evidence}): {_unreachable(test, limit, level)}."
    return f"{found}, but no difference can be claimed ({evidence}, not below {level:g})."


def _difference(test: PermutationTest, first: str, second: str, unit: str, higher_is_better: bool) -> str:
    if test.mean_difference == 0:
        return f"{first} and {second} are equal"
    size = abs(test.mean_difference)
    amount = f"{float(size):,.2f}" if size >= Fraction(5, 1000) else "less than 0.01"
    return f"{first} is {amount} {unit} {_word(test, higher_is_better)} than {second}"


def _word(test: PermutationTest, higher_is_better: bool) -> str:
    return "better" if (test.mean_difference > 0) == higher_is_better else "worse"


def _over_how_many(test: PermutationTest, higher_is_better: bool) -> str:
    """Describe the number of runs, and for pairs in how many the difference has the direction of the mean."""
    if test.first_higher is None or test.second_higher is None:
        return f" over {test.first_n} runs against {test.second_n}"
    if test.mean_difference == 0:
        return f" over {test.first_n} seeds"
    same = test.first_higher if test.mean_difference > 0 else test.second_higher
    return f", {_word(test, higher_is_better)} in {same} of {test.first_n} seeds"


def _unreachable(test: PermutationTest, limit: Fraction, level: float) -> str:
    if test.paired:
        needed = next(n for n in range(1, 10_000) if _smallest_paired_p(n) < limit)
        return f"{_few(test.first_n)} seeds can never reach p < {level:g}; at least {_few(needed)} are needed"
    needed = next(n for n in range(1, 10_000) if _smallest_unpaired_p(n, n) < limit)
    return (f"{_few(test.first_n)} runs against {_few(test.second_n)} can never reach p < {level:g}; "
            f"{_few(needed)} of each could")


def _left_out(test: PermutationTest, first: str, second: str) -> list[str]:
    parts = [f"{name} with {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"
             for name, seeds in ((first, test.first_missing), (second, test.second_missing)) if seeds]
    return [f"Without a result, and left out: {'; '.join(parts)}."] if parts else []


def _p(p: Fraction, limit: Fraction) -> str:
    """Format p exactly if six decimals suffice, else with three digits, or as many as distinguish it from the limit."""
    if p < Fraction(1, 10_000) <= limit:
        return "p < 0.0001"
    if (p * 10**6).denominator == 1:
        return "p = " + f"{float(p):.6f}".rstrip("0").rstrip(".")
    texts = (f"{float(p):.{digits}g}" for digits in range(3, 17))
    return "p = " + next((text for text in texts if (Fraction(text) < limit) == (p < limit) and Fraction(text) != limit),
                         str(float(p)))


def _few(number: int) -> str:
    return FEW[number] if number < len(FEW) else str(number)


def _smallest_paired_p(n: int) -> Fraction:
    """The given signs and their mirror image are always among the most extreme assignments."""
    return Fraction(2, 2**n)


def _smallest_unpaired_p(n: int, m: int) -> Fraction:
    """The given grouping is always counted, and for groups of equal size its mirror image, too."""
    return Fraction(2 if n == m else 1, math.comb(n + m, n))


def _exact_level(level: float) -> Fraction:
    require_level(level)
    return Fraction(repr(float(level)))


def _integers(values: Sequence[Fraction]) -> tuple[list[int], int]:
    """Return the values times their common denominator, and that denominator."""
    denominator = math.lcm(*(value.denominator for value in values))
    return [int(value * denominator) for value in values], denominator


def _require_room(sums: int, n: int, m: int) -> None:
    if sums > MOST_SUMS:
        raise StateError(f"{n} and {m} results are too many to count exactly: more than {MOST_SUMS:,} different sums",
                         "compare fewer seeds, or give values as counts on one test set, whose sums repeat")
