"""Reads of whole stages: the candidates that a selection can choose from, points of their threshold curves, and how far each
can be pruned within the margin.

``judged_at`` is the required count of the recorded verdicts; None ignores them. A verdict holds the exact sparsest pruning of
its trial at that count, so points at this count or above with at least as many free neurons are omitted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session

from clnp_core.selection import required_correct
from clnp_core.values import TrialRole
from db.reads.lookup import find_run, find_stage
from db.reads.reads import Reads
from db.schema.models import ThresholdCurvePoint, Trial
from db.schema.models import ThresholdCurvePoint as Point
from db.schema.models import TrialJudgement as Judged
from db.states import TrialState

PLACES = 2**31
"""Larger than any trial's number, so that free neurons and a number fit into one integer."""


@dataclass(frozen=True, slots=True)
class EndedTrial:
    """A candidate that ended, and the pruned network that the selection found, None if it was not pruned."""

    number: int
    state: TrialState
    failure_reason: str | None
    val_correct: int | None
    artifact_digest: str | None
    thresholds: tuple[float | None, ...] | None
    pruned_val_correct: int | None
    free_neurons: int | None


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """A point of a trial's threshold curve."""

    number: int
    threshold: float
    val_correct: int
    free_neurons: int


@dataclass(frozen=True, slots=True)
class StagePoint:
    """A point that no other point of its stage replaces. ``most_required`` is the highest required count at which it is within
    the margin, because its trial must be within the margin before pruning, too."""

    most_required: int
    val_correct: int
    free_neurons: int
    number: int


def ended_trials(reads: Reads, run: str, task: int) -> list[EndedTrial]:
    """Return the candidates of a task that ended, with a result or a failure, by number."""
    with _of_stage(reads, run, task) as (session, own):
        query = (select(Trial.number, Trial.state, Trial.failure_reason, Trial.val_correct, Trial.artifact_digest,
                        Judged.thresholds, Judged.pruned_val_correct, Judged.free_neurons)
                 .outerjoin(Judged, Judged.trial_id == Trial.id)
                 .where(own, Trial.state.in_((TrialState.FINISHED, TrialState.FAILED))).order_by(Trial.number))
        return [EndedTrial(number, state, reason, count, digest, thetas if thetas is None else tuple(thetas), correct, free)
                for number, state, reason, count, digest, thetas, correct, free in session.execute(query)]


def points_within(reads: Reads, run: str, task: int, required: int) -> list[TrialPoint]:
    """Return all points with at least ``required`` correct samples, of trials with as many before pruning; by trial and θ."""
    with _of_stage(reads, run, task) as (session, own):
        query = (select(Trial.number, Point.threshold, Point.val_correct, Point.free_neurons)
                 .join(Point, Point.trial_id == Trial.id)
                 .where(own, Trial.val_correct >= required, Point.val_correct >= required)
                 .order_by(Trial.number, Point.position))
        return [TrialPoint(*row) for row in session.execute(query)]


def sparsest_within(reads: Reads, run: str, task: int, required: int, judged_at: int | None = None) -> list[TrialPoint]:
    """Return the sparsest point with at least ``required`` correct samples of each trial with as many before pruning; by trial.
    Trials without such a point are omitted."""
    with _of_stage(reads, run, task) as (session, own):
        last = (select(Trial.id.label("trial"), func.max(Point.position).label("position"))
                .join(Point, Point.trial_id == Trial.id).outerjoin(Judged, Judged.trial_id == Trial.id)
                .where(own, Trial.val_correct >= required, Point.val_correct >= required, *_credible(judged_at))
                .group_by(Trial.id).subquery())
        query = (select(Trial.number, Point.threshold, Point.val_correct, Point.free_neurons)
                 .join(last, last.c.trial == Trial.id)
                 .join(Point, and_(Point.trial_id == last.c.trial, Point.position == last.c.position)).order_by(Trial.number))
        return [TrialPoint(*row) for row in session.execute(query)]


def stage_points(reads: Reads, run: str, task: int, judged_at: int | None = None) -> list[StagePoint]:
    """Return the points of a stage that can be chosen at some margin, the most accurate first: of all points with the same
    counts the sparsest one, of the lowest trial number if several are equally sparse."""
    with _of_stage(reads, run, task) as (session, own):
        most = case((Point.val_correct < Trial.val_correct, Point.val_correct), else_=Trial.val_correct)
        best = func.max(cast(Point.free_neurons, BigInteger) * PLACES + (PLACES - 1 - Trial.number))
        query = (select(most, Point.val_correct, best).select_from(Trial).join(Point, Point.trial_id == Trial.id)
                 .outerjoin(Judged, Judged.trial_id == Trial.id).where(own, *_credible(judged_at))
                 .group_by(most, Point.val_correct).order_by(most.desc(), Point.val_correct.desc()))
        return [StagePoint(required, correct, found // PLACES, PLACES - 1 - found % PLACES)
                for required, correct, found in session.execute(query)]


def most_correct_points(reads: Reads, run: str, task: int) -> dict[int, int]:
    """Return the highest count on each trial's curve, by number. Trials without a curve are omitted."""
    with _of_stage(reads, run, task) as (session, own):
        query = (select(Trial.number, func.max(Point.val_correct)).select_from(Trial).join(Point, Point.trial_id == Trial.id)
                 .where(own).group_by(Trial.id, Trial.number))
        return {number: correct for number, correct in map(tuple, session.execute(query))}


@contextmanager
def _of_stage(reads: Reads, run: str, task: int) -> Iterator[tuple[Session, ColumnElement[bool]]]:
    """Open a session, and return it with the condition that a trial is a candidate of the stage."""
    with reads._session() as session:
        stage = find_stage(session, find_run(session, run).id, run, task)
        yield session, and_(Trial.stage_id == stage.id, Trial.role == TrialRole.CANDIDATE)


def _credible(judged_at: int | None) -> tuple[Any, ...]:
    """Return conditions for points that the recorded verdicts do not contradict; see the docstring of this module."""
    if judged_at is None:
        return ()
    return (or_(Judged.free_neurons.is_(None), Point.val_correct < judged_at, Point.free_neurons < Judged.free_neurons),)


SHIFT = 2**31
"""Larger than any count of validation samples: two counts fit into one number, which is compared by the first of them."""


@dataclass(frozen=True, slots=True)
class PrunedPoint:
    """The pruned network of a trial: correct validation samples, and free neurons over all hidden layers."""

    val_correct: int
    free_neurons: int


def pruned_within_margin(reads: Reads, run: str, task: int, margin_points: str) -> dict[int, PrunedPoint]:
    """Return the sparsest point on each trial's recorded curve whose accuracy is within the margin of the trial's own.

    Of equally sparse points it is the most accurate one. Trials without a curve are omitted. This takes one statement and one
    row per trial; the margin is exact, because the number of samples that it allows to lose is computed first.

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
                 .where(Trial.stage_id == stage.id, Trial.role == TrialRole.CANDIDATE,
                        ThresholdCurvePoint.val_correct >= Trial.val_correct - allowed)
                 .group_by(Trial.id, Trial.number).order_by(Trial.number))
        return {number: PrunedPoint(found % SHIFT, found // SHIFT) for number, found in session.execute(query)}
