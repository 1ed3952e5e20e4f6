"""Whether a network has learnt anything: a test of its correct samples against guessing."""

import math

LEVEL = 0.01
"""A count of correct samples that guessing reaches with at least this probability says nothing for the network."""


def is_at_chance(correct: int, total: int, classes: int) -> bool:
    """Return whether guessing reaches such a count of correct samples with a probability of at least :data:`LEVEL`.

    Guessing takes one of the classes at random, so that its count is binomial with 1 / ``classes``. A network that always gives
    the same class is at chance where all classes have the same share of the samples; where one is more frequent this test does
    not see it.

    Args:
        correct: samples that the network has right.
        total: all samples; with none nothing is said.
        classes: of the task; with one nothing is said.
    """
    if total < 1 or classes < 2:
        return False
    chance = 1 / classes
    if correct <= total * chance:
        return True
    probability = tail = math.exp(math.lgamma(total + 1) - math.lgamma(correct + 1) - math.lgamma(total - correct + 1)
                                  + correct * math.log(chance) + (total - correct) * math.log1p(-chance))
    for right in range(correct + 1, total + 1):  # each less likely than the one before it
        probability *= (total - right + 1) / right * chance / (1 - chance)
        tail += probability
        if tail >= LEVEL or probability < LEVEL * 1e-12:
            break
    return tail >= LEVEL
