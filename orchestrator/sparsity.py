"""How sparse a trial can be within the margin of its own accuracy: the second objective beside accuracy."""

from collections.abc import Sequence
from decimal import Decimal

from clnp_core.selection import required_correct
from db.rows import ThresholdRow, TrialRow


def sparsity_within_margin(trial: TrialRow, curve: Sequence[ThresholdRow], margin_points: Decimal) -> float:
    """The largest sparsity, a fraction, on a trial's recorded curve whose accuracy is within the margin of the trial's own.

    It is known as soon as the trial is finished; what the selection later finds in the margin of the best trial is exact, and
    another number. 0 for a trial without a curve.
    """
    required = required_correct(trial.val_correct or 0, trial.val_total or 1, margin_points)
    return max((point.sparsity for point in curve if point.val_correct >= required), default=0.0)
