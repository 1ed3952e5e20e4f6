"""Fork a run: create a new run that continues another one after a commit, with all its records up to there."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.orm import Session

from clnp_core.errors import StateError
from clnp_core.words import plural
from db.reads.lookup import find_run
from db.records import NewRun
from db.schema.models import (
    Capacity,
    Commit,
    Event,
    Run,
    SelectionOutcome,
    Stage,
    TaskEvaluation,
    ThresholdCurvePoint,
    Trial,
    TrialEpoch,
    TrialJudgement,
)
from db.schema.types import Base
from db.states import StageState
from db.store.run_writes import insert_run
from db.store.writer import Writer, record_event

Ids = Mapping[int, int]
"""Old row id → new row id."""

TRIALS_AT_ONCE = 500
"""Trials whose epochs and curves are copied together; those of a large sweep would not fit into memory."""


class ForkWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def fork_run(self, source_name: str, after_task: int, new: NewRun) -> int:
        """Create a run with a copy of the tasks of another run up to ``after_task``: trials, selections, commits. Its later
        tasks are PENDING with the new config. Both runs share artifacts and can be removed independently. The environment
        and its changes are copied with the tasks, so that a driver in another environment is noticed.

        Args:
            source_name: the run to fork.
            after_task: the last task to copy; 0 copies nothing.
            new: the new run.

        Returns:
            The new run's id.

        Raises:
            NotFoundError: no such run.
            StateError: the name is taken, a task to copy is not committed or was learnt together with later ones, or no task
                would be left to learn.
        """
        with self._transaction() as session:
            source = find_run(session, source_name, lock=True)
            stages = session.scalars(select(Stage).where(Stage.run_id == source.id, Stage.task <= after_task)).all()
            first = session.scalars(select(func.min(Stage.task)).where(Stage.run_id == source.id)).one()
            if first > 1 and after_task:
                raise StateError(f"run {source_name!r} learns its {source.tasks} tasks at once, so there is no "
                                 f"commit after task {after_task} to fork from", "start over instead: fork after task 0")
            committed = sum(stage.state is StageState.COMMITTED for stage in stages)
            if committed < after_task:
                raise StateError(f"task {after_task} of run {source_name!r} is not committed",
                                 f"`clnp status {source_name}` shows its commits; fork after one of them")
            if not 0 <= after_task < new.tasks:
                raise StateError(f"a run of {plural(new.tasks, 'task')} forked after task {after_task} has nothing to do",
                                 "fork after an earlier task, or give the new run more: "
                                 f"`--set benchmark.tasks={after_task + 1}`")
            run = insert_run(session, new, max(after_task + 1, new.first_task))
            run.forked_from_run_id, run.forked_after_task = source.id, after_task
            record_event(session, run.id, "run", f"forked from {source_name} after task {after_task}",
                         {"source": source_name, "after_task": after_task})
            if stages:
                _copy_stages(session, [stage.id for stage in stages], source.id, run.id)
                _copy_environment(session, source, run, max(stage.ended_at for stage in stages if stage.ended_at))
            return run.id


def _copy_stages(session: Session, stage_ids: list[int], source_id: int, target_id: int) -> None:
    stages = _copy(session, Stage, Stage.id.in_(stage_ids), run_id={source_id: target_id})
    trials = _copy(session, Trial, Trial.stage_id.in_(stages), stage_id=stages)
    choices = _copy(session, SelectionOutcome, SelectionOutcome.stage_id.in_(stages),
                    stage_id=stages, chosen_trial_id=trials)
    for some in _portions(sorted(trials)):
        _copy(session, TrialEpoch, TrialEpoch.trial_id.in_(some), trial_id=trials)
        _copy(session, ThresholdCurvePoint, ThresholdCurvePoint.trial_id.in_(some), trial_id=trials)
        _copy(session, TrialJudgement, TrialJudgement.trial_id.in_(some), trial_id=trials, selection_id=choices)
    commits = _copy(session, Commit, Commit.stage_id.in_(stages), stage_id=stages)
    _copy(session, Capacity, Capacity.commit_id.in_(commits), commit_id=commits)
    _copy(session, TaskEvaluation, TaskEvaluation.commit_id.in_(commits), commit_id=commits)


def _portions(trials: list[int]) -> Iterator[list[int]]:
    yield from (trials[start:start + TRIALS_AT_ONCE] for start in range(0, len(trials), TRIALS_AT_ONCE))


def _copy_environment(session: Session, source: Run, run: Run, until: datetime) -> None:
    """Copy the environment at the time of the last copied commit, and its changes up to then."""
    change = (Event.run_id == source.id) & (Event.kind == "environment")
    later = session.scalars(select(Event).where(change, Event.at > until).order_by(Event.id)).first()
    run.environment = source.environment if later is None else later.details["before"]
    _copy(session, Event, change & (Event.at <= until), run_id={source.id: run.id})


def _copy(session: Session, model: type[Base], where: ColumnElement[bool], **references: Ids) -> dict[int, int]:
    """Copy rows, replacing references to rows copied before. Return old and new ids, for tables that have ids."""
    table = model.__table__
    ids: dict[int, int] = {}
    bulk: list[dict[str, object]] = []
    for row in session.execute(select(table).where(where)).mappings().all():
        values = {name: references[name][value] if name in references else value for name, value in row.items()}
        if "id" not in values:
            bulk.append(values)
            continue
        old = values.pop("id")
        ids[old] = session.scalars(insert(model).values(values).returning(table.c.id)).one()
    if bulk:
        session.execute(insert(model), bulk)
    return ids
