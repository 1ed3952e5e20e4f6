"""Summarise one number over several runs that differ in their seed: its mean, its spread, and the confidence in the mean; and
test whether a network has learnt anything, by comparing its correct samples with guessing.

A run without a result (it diverged, failed, or has not ended) is None: it is listed as missing and excluded from the mean.
Deviation and interval need two runs. The interval is Student's: mean ± t · s / √n, with s the sample standard deviation over n
seeds.

Values are exact internally: see :func:`exact`.
"""

import itertools
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from clnp_core.errors import ConfigError, StateError

SEEDS = "seeds"
"""Key in the metadata of a field whose numbers are seeds. Seeds have up to 63 bits and are text in JSON."""

Value = float | Fraction
"""A measured value, ideally an exact Fraction of counts."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One number over seeds, in the unit of its values.

    Attributes:
        n: runs with a result.
        mean: None without a result.
        deviation: sample standard deviation (n − 1 in the denominator); None for fewer than two runs.
        interval: confidence interval of the mean, low and high; None for fewer than two runs.
        level: of that interval, 0.95 for 95 %.
        minimum: None without a result.
        maximum: None without a result.
        missing: the seeds without a result, ascending.
    """

    n: int
    mean: float | None
    deviation: float | None
    interval: tuple[float, float] | None
    level: float
    minimum: float | None
    maximum: float | None
    missing: tuple[int, ...] = field(metadata={SEEDS: True})


def summarise(values: Mapping[int, Value | None], level: float = 0.95) -> Summary:
    """Return the mean, deviation, interval and extremes of the runs with a result.

    Args:
        values: by seed; None marks a run without a result.
        level: of the confidence interval, between 0 and 1.

    Raises:
        StateError: a value is not finite.
        ConfigError: the level is not between 0 and 1.
    """
    require_level(level)
    known = exact(values)
    missing = tuple(sorted(set(values) - set(known)))
    measured = list(known.values())
    if not measured:
        return Summary(0, None, None, None, level, None, None, missing)
    mean = float(statistics.mean(measured))
    deviation, interval = None, None
    if len(measured) > 1:
        deviation = float(statistics.stdev(measured))
        half = student_t(level, len(measured) - 1) * deviation / math.sqrt(len(measured))
        interval = (mean - half, mean + half)
    return Summary(len(measured), mean, deviation, interval, level, float(min(measured)), float(max(measured)), missing)


def exact(values: Mapping[int, Value | None]) -> dict[int, Fraction]:
    """Return the values that exist, by ascending seed, as rationals.

    A float becomes the shortest decimal that represents it: 98.31 is 9831/100. Two differences that are equal in decimal are
    then equal (in binary 0.3 − 0.2 is less than 0.2 − 0.1), which matters for ties in an exact test. Pass a Fraction for
    values that are not short decimals, such as a third.

    Raises:
        StateError: a value is not finite.
    """
    known = {}
    for seed, value in sorted(values.items()):
        if value is None:
            continue
        if not math.isfinite(value):
            raise StateError(f"the run with seed {seed} has the value {float(value)}, which is not a number to average",
                             "give None for a run without a result: it is listed as missing and left out")
        known[seed] = Fraction(repr(float(value))) if isinstance(value, float) else Fraction(value)
    return known


def require_level(level: float) -> None:
    """Check that a level of confidence or of significance is between 0 and 1.

    Raises:
        ConfigError: it does not.
    """
    if not 0 < level < 1:
        raise ConfigError(f"the level is {level}, which is not between 0 and 1", "write 0.95 for 95 %, 0.05 for 5 %")


def student_t(level: float, degrees_of_freedom: int) -> float:
    """Return the two-sided quantile of Student's t: the t with P(|T| ≤ t) = ``level``.

    P(|T| > t) = I_x(ν/2, 1/2) with x = ν / (ν + t²) decreases strictly in t, so it is bisected to neighbouring floats.

    Raises:
        ConfigError: the level is not between 0 and 1, or there are no degrees of freedom.
    """
    require_level(level)
    if degrees_of_freedom < 1:
        raise ConfigError(f"Student's t with {degrees_of_freedom} degrees of freedom does not exist",
                          "measuring the spread of runs takes at least two")

    def outside(t: float) -> float:
        return incomplete_beta(degrees_of_freedom / 2, 0.5, degrees_of_freedom / (degrees_of_freedom + t * t))

    low, high = 0.0, 1.0
    while outside(high) > 1 - level:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if outside(middle) > 1 - level else (low, middle)
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 ≤ x ≤ 1.

    Uses its continued fraction (DLMF 8.17.22), evaluated forward by Lentz's method, which converges fast below
    x = (a + 1) / (a + b + 2); above that, I_x(a, b) = 1 − I_{1−x}(b, a).
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    fraction, above, below = 1.0, 1.0, 0.0
    for k in itertools.count(1):
        m, odd = divmod(k, 2)
        share = x / ((a + k - 1) * (a + k))
        d = -(a + m) * (a + b + m) * share if odd else m * (b - m) * share
        above, below = 1 + d / above, 1 / (1 + d * below)
        fraction *= above * below
        if abs(above * below - 1) < 1e-15:
            break
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * fraction)


LEVEL = 0.01
"""A count of correct samples that guessing reaches with at least this probability is no evidence of learning."""


def is_at_chance(correct: int, total: int, classes: int) -> bool:
    """Return whether guessing reaches this count of correct samples with a probability of at least :data:`LEVEL`.

    Guessing chooses one of the classes at random, so its count is binomial with 1 / ``classes``. A network that always predicts
    the same class is at chance if all classes have the same share of the samples; if one class is more frequent, this test does
    not detect it.

    Args:
        correct: samples that the network classifies correctly.
        total: all samples; False without samples.
        classes: of the task; False with fewer than two.
    """
    if total < 1 or classes < 2:
        return False
    chance = 1 / classes
    if correct <= total * chance:
        return True
    probability = tail = math.exp(math.lgamma(total + 1) - math.lgamma(correct + 1) - math.lgamma(total - correct + 1)
                                  + correct * math.log(chance) + (total - correct) * math.log1p(-chance))
    for right in range(correct + 1, total + 1):  # each less likely than the previous one
        probability *= (total - right + 1) / right * chance / (1 - chance)
        tail += probability
        if tail >= LEVEL or probability < LEVEL * 1e-12:
            break
    return tail >= LEVEL
