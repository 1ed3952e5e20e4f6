"""Reads of one page at a time: some rows of a list, and the length of the whole list.

Filters, order and paging are SQL, so that the cost of a page depends on its rows; a count, and sorting by a column without an
index, scan an index or a column of one task's trials. See :mod:`db.reads.reads` for the rows themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Engine, Select, String, column, func, select, table
from sqlalchemy.orm import Session

from clnp_core.selection import Verdict
from db.reads.assemble import as_tuple, run_rows, trial_row
from db.reads.lookup import find_run, find_stage
from db.reads.reads import Reads
from db.rows import RunRow, TrialRow, VerdictRow
from db.schema.models import Commit, Event, Run, RunGroup, Stage, TaskEvaluation, Trial, TrialEpoch, TrialJudgement
from db.states import RunState, StageState, TrialState

Row = TypeVar("Row")

Counts = dict[tuple[int, datetime | None], dict[TrialState, int]]
"""Trials by state of committed stages, by the stage's id and the time of its commit; these no longer change."""

STATES = table("clnp_v_runs", column("run", String), column("state", String))
"""The derived states in SQL; :func:`db.states.derive_run_state` derives the same in Python."""

STAGES_AT_ONCE = 500
RECENT_TRIALS = 64
"""Number of the latest trials from which the speed of a sweep is estimated."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the number of rows of the whole list."""

    items: tuple[Row, ...]
    total: int


@dataclass(frozen=True, slots=True)
class StageCounts:
    """The progress of one task: its state, its trials by state, and when its sweep and the task ended."""

    task: int
    state: StageState
    trials_pending: int
    trials_running: int
    trials_finished: int
    trials_failed: int
    sweep_ended_at: datetime | None
    ended_at: datetime | None

    @property
    def trials_ended(self) -> int:
        """Return the number of trials with a result or a failure."""
        return self.trials_finished + self.trials_failed

    @property
    def trials_planned(self) -> int:
        """Return the number of recorded trials."""
        return self.trials_pending + self.trials_running + self.trials_ended


@dataclass(frozen=True, slots=True)
class TrialTimes:
    """When the training of a trial started and ended."""

    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run and its progress.

    Attributes:
        run: the run.
        stages: its tasks in order.
        recent: the last trials of the last task that trained any, latest first, at most :data:`RECENT_TRIALS`; empty if no
            driver is running.
        mean_test_accuracy: over the tasks of the last commit, a fraction; None before the first commit.
        driver_begins: whether a driver is running that has recorded nothing since it took the lease.
    """

    run: RunRow
    stages: tuple[StageCounts, ...]
    recent: tuple[TrialTimes, ...]
    mean_test_accuracy: float | None
    driver_begins: bool = False


@dataclass(frozen=True, slots=True)
class RunningTrial:
    """A trial that is being trained: the last epoch that its attempt recorded (from 1; None before the first), and its
    validation accuracy, a fraction."""

    task: int
    number: int
    attempt: int
    epoch: int | None
    val_accuracy: float | None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Conditions on runs; None matches all. ``name`` is a substring of the name, ignoring case."""

    state: RunState | None = None
    method: str | None = None
    benchmark: str | None = None
    group: str | None = None
    name: str | None = None


class TrialOrder(StrEnum):
    """The order of trials; a leading dash means descending. Trials without the value come last in both directions, and equal
    values are ordered by number."""

    NUMBER = "number"
    NUMBER_DOWN = "-number"
    VAL_ACCURACY = "val_accuracy"
    VAL_ACCURACY_DOWN = "-val_accuracy"
    FREE_NEURONS = "free_neurons"
    FREE_NEURONS_DOWN = "-free_neurons"

    @property
    def column(self) -> str:
        """Return the name of the column, without the direction."""
        return self.value.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Return whether the largest values come first."""
        return self.value.startswith("-")


class Pages(Reads):
    """The reads of :class:`~db.reads.reads.Reads` and pages. Raises the same errors."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._final: Counts = {}

    def snapshot(self, name: str) -> RunSnapshot:
        """Return one run and its progress."""
        with self._session() as session:
            return _snapshots(session, [find_run(session, name)], self._final)[0]

    def snapshots(self, wanted: RunFilter, limit: int, offset: int) -> Page[RunSnapshot]:
        """Return runs and their progress, newest first."""
        with self._session() as session:
            query = _runs(wanted)
            total = session.scalar(query.with_only_columns(func.count(Run.id)))
            runs = session.scalars(query.order_by(Run.id.desc()).limit(limit).offset(offset)).all()
            return Page(tuple(_snapshots(session, runs, self._final)), total or 0)

    def running_trials(self, run: str) -> list[RunningTrial]:
        """Return the trials of a run that are being trained, with their last epochs, by task and number."""
        last = (select(func.max(TrialEpoch.epoch)).where(TrialEpoch.trial_id == Trial.id, TrialEpoch.attempt == Trial.attempts)
                .correlate(Trial).scalar_subquery())
        with self._session() as session:
            found = session.execute(
                select(Stage.task, Trial.number, Trial.attempts, TrialEpoch.epoch, TrialEpoch.val_correct, TrialEpoch.val_total)
                .join(Stage, Stage.id == Trial.stage_id)
                .outerjoin(TrialEpoch, (TrialEpoch.trial_id == Trial.id) & (TrialEpoch.attempt == Trial.attempts)
                           & (TrialEpoch.epoch == last))
                .where(Stage.run_id == find_run(session, run).id, Stage.state == StageState.SWEEPING,
                       Trial.state == TrialState.RUNNING)
                .order_by(Stage.task, Trial.number))
            return [RunningTrial(task, number, attempt, epoch, None if epoch is None else correct / total)
                    for task, number, attempt, epoch, correct, total in found]

    def version_of_commits(self, run: str) -> tuple[tuple[int, str, datetime], ...]:
        """Return a value that changes with the commits of a run: the task, digest and time of each."""
        with self._session() as session:
            found = session.execute(
                select(Stage.task, Commit.digest, Commit.created_at).join(Commit, Commit.stage_id == Stage.id)
                .where(Stage.run_id == find_run(session, run).id).order_by(Stage.task))
            return tuple((task, digest, created) for task, digest, created in found)

    def version_of_stage(self, run: str, task: int) -> tuple[str, datetime | None, tuple[tuple[str, int], ...]]:
        """Return a value that changes when a trial of a task begins or ends, or when the task is selected: the state, the time
        of the selection, and the trials by state."""
        with self._session() as session:
            stage = find_stage(session, find_run(session, run).id, run, task)
            counts = session.execute(select(Trial.state, func.count()).where(Trial.stage_id == stage.id).group_by(Trial.state))
            return stage.state.value, stage.selected_at, tuple(sorted((state.value, count) for state, count in counts))

    def runs_by_state(self) -> dict[RunState, int]:
        """Return the number of runs in each state; states without runs are omitted."""
        with self._session() as session:
            counted = session.execute(select(STATES.c.state, func.count()).group_by(STATES.c.state))
            return {RunState(value): count for value, count in counted}

    def trials_by_state(self) -> dict[TrialState, int]:
        """Return the number of trials of all runs in each state; states without trials are omitted."""
        with self._session() as session:
            return {state: count for state, count in session.execute(
                select(Trial.state, func.count()).group_by(Trial.state))}

    def trial_page(self, run: str, task: int, limit: int, offset: int, state: TrialState | None = None,
                   verdict: Verdict | None = None, order: TrialOrder = TrialOrder.NUMBER) -> Page[TrialRow]:
        """Return trials of one task.

        Args:
            run, task: of which task.
            limit, offset: return at most ``limit`` rows, after skipping ``offset``.
            state, verdict: only trials with this state or verdict; None matches all.
            order: the order of the trials.
        """
        with self._session() as session:
            stage = find_stage(session, find_run(session, run).id, run, task)
            wanted = [Trial.stage_id == stage.id]
            wanted += [] if state is None else [Trial.state == state]
            wanted += [] if verdict is None else [TrialJudgement.verdict == verdict]
            counting, ids = select(func.count()).select_from(Trial), select(Trial.id)
            if verdict is not None:
                counting = counting.join(TrialJudgement, TrialJudgement.trial_id == Trial.id)
            if verdict is not None or order.column == "free_neurons":
                ids = ids.outerjoin(TrialJudgement, TrialJudgement.trial_id == Trial.id)
            total = session.scalar(counting.where(*wanted)) or 0
            # Sort ids alone first: the rows of trials are wide.
            found = session.scalars(ids.where(*wanted).order_by(*_ordered(order)).limit(limit).offset(offset)).all()
            place = {trial_id: index for index, trial_id in enumerate(found)}
            rows = session.execute(
                select(Trial, TrialJudgement).outerjoin(TrialJudgement, TrialJudgement.trial_id == Trial.id)
                .where(Trial.id.in_(found))).all()
            rows = sorted(rows, key=lambda row: place[row[0].id])
            return Page(tuple(trial_row(run, task, trial, judgement) for trial, judgement in rows), total)

    def verdict_page(self, run: str, task: int, limit: int, offset: int) -> Page[VerdictRow]:
        """Return the selector's verdicts on one task, by trial number."""
        with self._session() as session:
            stage = find_stage(session, find_run(session, run).id, run, task)
            judged = (select(Trial.number, TrialJudgement).join(TrialJudgement, TrialJudgement.trial_id == Trial.id)
                      .where(Trial.stage_id == stage.id))
            total = session.scalar(select(func.count()).select_from(judged.with_only_columns(Trial.id).subquery())) or 0
            rows = session.execute(judged.order_by(Trial.number).limit(limit).offset(offset))
            return Page(tuple(VerdictRow(task, number, v.verdict, v.reason, as_tuple(v.thresholds), v.pruned_val_correct,
                                         v.free_neurons) for number, v in rows), total)


def _ordered(order: TrialOrder) -> list[ColumnElement[Any]]:
    if order.column == "number":
        return [Trial.number.desc() if order.is_descending else Trial.number.asc()]
    column: Any = Trial.val_accuracy if order.column == "val_accuracy" else TrialJudgement.free_neurons
    return [(column.desc() if order.is_descending else column.asc()).nulls_last(), Trial.number.asc()]


def _runs(wanted: RunFilter) -> "Select[Run]":
    query = select(Run)
    if wanted.state is not None:
        query = query.join(STATES, STATES.c.run == Run.name).where(STATES.c.state == wanted.state.value)
    if wanted.method is not None:
        query = query.where(Run.method == wanted.method)
    if wanted.benchmark is not None:
        query = query.where(Run.benchmark == wanted.benchmark)
    if wanted.group is not None:
        query = query.join(RunGroup, RunGroup.id == Run.group_id).where(RunGroup.name == wanted.group)
    if wanted.name is not None:
        query = query.where(Run.name.icontains(wanted.name, autoescape=True))
    return query


def _snapshots(session: Session, runs: Sequence[Run], final: Counts) -> list[RunSnapshot]:
    rows, ids = run_rows(session, runs), [run.id for run in runs]
    stages = session.scalars(select(Stage).where(Stage.run_id.in_(ids)).order_by(Stage.run_id, Stage.task)).all()
    counts = _trial_counts(session, stages, final)
    of_run: dict[int, list[Stage]] = {}
    for stage in stages:
        of_run.setdefault(stage.run_id, []).append(stage)
    accuracies = _mean_test_accuracies(session, ids)
    return [RunSnapshot(row, tuple(_counts(stage, counts.get(stage.id, {})) for stage in of_run.get(row.id, ())),
                        _recent(session, of_run.get(row.id, ()), counts) if row.driver_lives else (), accuracies.get(row.id),
                        row.driver_lives and _last_event_kind(session, row.id) == "lease")
            for row in rows]


def _last_event_kind(session: Session, run_id: int) -> str | None:
    return session.scalars(select(Event.kind).where(Event.run_id == run_id).order_by(Event.id.desc()).limit(1)).first()


def _trial_counts(session: Session, stages: Sequence[Stage], final: Counts) -> dict[int, dict[TrialState, int]]:
    """Return the trials by state, by the stage's id; those of committed stages are counted only once."""
    counts = {stage.id: final[stage.id, stage.ended_at] for stage in stages if (stage.id, stage.ended_at) in final}
    wanted = [stage for stage in stages if stage.id not in counts]
    for start in range(0, len(wanted), STAGES_AT_ONCE):
        some = wanted[start:start + STAGES_AT_ONCE]
        counts |= {stage.id: {} for stage in some}
        for stage_id, state, count in session.execute(
                select(Trial.stage_id, Trial.state, func.count()).where(Trial.stage_id.in_([stage.id for stage in some]))
                .group_by(Trial.stage_id, Trial.state)):
            counts[stage_id][state] = count
    final.update({(stage.id, stage.ended_at): counts[stage.id] for stage in wanted if stage.state is StageState.COMMITTED})
    return counts


def _counts(stage: Stage, counts: dict[TrialState, int]) -> StageCounts:
    return StageCounts(stage.task, stage.state, counts.get(TrialState.PENDING, 0), counts.get(TrialState.RUNNING, 0),
                       counts.get(TrialState.FINISHED, 0), counts.get(TrialState.FAILED, 0), stage.sweep_ended_at,
                       stage.ended_at)


def _mean_test_accuracies(session: Session, ids: Sequence[int]) -> dict[int, float]:
    last = (select(Stage.run_id, func.max(Stage.task).label("task"))
            .where(Stage.run_id.in_(ids), Stage.state == StageState.COMMITTED)
            .group_by(Stage.run_id).subquery())
    means = session.execute(
        select(Stage.run_id, func.avg(TaskEvaluation.test_accuracy))
        .join(last, (last.c.run_id == Stage.run_id) & (last.c.task == Stage.task))
        .join(Commit, Commit.stage_id == Stage.id).join(TaskEvaluation, TaskEvaluation.commit_id == Commit.id)
        .group_by(Stage.run_id))
    return {run_id: float(mean) for run_id, mean in means}


def _recent(session: Session, stages: Sequence[Stage], counts: dict[int, dict[TrialState, int]]) -> tuple[TrialTimes, ...]:
    """Return the last trials of the last task that trained any; reused results have no training time."""
    for stage in reversed(stages):
        if not counts.get(stage.id, {}).get(TrialState.FINISHED):
            continue
        times = session.execute(
            select(Trial.started_at, Trial.finished_at)
            .where(Trial.stage_id == stage.id, Trial.state == TrialState.FINISHED, Trial.reused_from.is_(None))
            .order_by(Trial.id.desc()).limit(RECENT_TRIALS)).all()
        found = tuple(TrialTimes(started, finished) for started, finished in times if started and finished)
        if found:
            return found
    return ()
