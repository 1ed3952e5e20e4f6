"""Test whether a network has learnt anything: compare its correct samples with guessing."""

import math

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
