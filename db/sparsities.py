"""How far every trial of a task can be pruned within the margin of its own accuracy: one query over all of its curves."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select

from clnp_core.selection import required_correct
from db.reads.lookup import find_run, find_stage
from db.reads.reads import Reads
from db.schema.models import ThresholdCurvePoint, Trial

SHIFT = 2**31
"""More than any count of validation samples, so that two counts fit into one number that is compared by the first of them."""


@dataclass(frozen=True, slots=True)
class PrunedPoint:
    """A trial's network, pruned: correct validation samples, and free neurons over all hidden layers."""

    val_correct: int
    free_neurons: int


def pruned_within_margin(reads: Reads, run: str, task: int, margin_points: str) -> dict[int, PrunedPoint]:
    """The sparsest point on each trial's recorded curve whose accuracy is within the margin of the trial's own.

    Among points that are equally sparse it is the most accurate one. Trials without a curve are left out. Ten thousand curves
    cost one statement and as many rows, and the margin is exact: how many samples it allows to lose is counted beforehand.

    Args:
        reads: of the database.
        run: the run.
        task: counted from 1.
        margin_points: m in percentage points, exact decimal text.

    Returns:
        The number of a trial → its point.

    Raises:
        NotFoundError: no such run or task.
        DatabaseError: the database cannot be read.
    """
    with reads._session() as session:
        stage = find_stage(session, find_run(session, run).id, run, task)
        allowed = stage.val_total - required_correct(stage.val_total, stage.val_total, Decimal(margin_points)) \
            if stage.val_total else 0
        best = func.max(ThresholdCurvePoint.free_neurons * SHIFT + ThresholdCurvePoint.val_correct)
        query = (select(Trial.number, best).join(ThresholdCurvePoint, ThresholdCurvePoint.trial_id == Trial.id)
                 .where(Trial.stage_id == stage.id, ThresholdCurvePoint.val_correct >= Trial.val_correct - allowed)
                 .group_by(Trial.id, Trial.number).order_by(Trial.number))
        return {number: PrunedPoint(found % SHIFT, found // SHIFT) for number, found in session.execute(query)}
