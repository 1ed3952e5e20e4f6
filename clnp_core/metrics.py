"""Numbers of a whole sequence, from its accuracy matrix. Pure arithmetic.

``accuracy[i][j]`` is the test accuracy on task j after task i (0-based, j ≤ i), a fraction.
"""

from collections.abc import Sequence
from statistics import fmean

Matrix = Sequence[Sequence[float]]


def average_accuracy(accuracy: Matrix) -> float:
    """Mean test accuracy over all tasks after the last one."""
    return fmean(accuracy[-1])


def backward_transfer(accuracy: Matrix) -> float:
    """Mean of (accuracy after the last task − accuracy right after the task) over all tasks but the last.

    Exactly 0 for this method; 0 by convention for a single task.
    """
    last = len(accuracy) - 1
    return fmean(accuracy[last][task] - accuracy[task][task] for task in range(last)) if last else 0.0
