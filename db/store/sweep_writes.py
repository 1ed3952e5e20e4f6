"""Write about all trials of a stage, from its plan to the end of its sweep."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from clnp_core.errors import StateError
from clnp_core.values import TaskFacts, TrialRole
from clnp_core.words import plural
from db.dialect import database_now
from db.records import Lease, PlannedTrial
from db.schema.models import Stage, Trial
from db.schema.types import storable_json
from db.states import FailureKind, StageState, TrialState
from db.store.writer import Writer, move_stage, name_of, record_event, stage_in


class SweepWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def begin_sweep(self, lease: Lease, task: int, facts: TaskFacts, architecture: dict[str, object],
                    base_digest: str | None, planned: Sequence[PlannedTrial]) -> None:
        """PENDING → SWEEPING with every trial of the grid and every teacher, PENDING.

        For a stage that is already SWEEPING, the same plan changes nothing, and neither does a plan without candidates (of a
        sampler, whose points are added by :meth:`add_trials`); a changed environment of the worker is recorded as an event.

        Raises:
            StateError: an earlier task is not committed, the sweep of the stage has ended, or another plan was recorded.
        """
        caller = "begin_sweep"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            if stage.state is StageState.SWEEPING:
                _compare_plan(session, lease, stage, planned)
                environment = storable_json(facts.environment)
                if stage.environment != environment:
                    record_event(session, lease.run_id, "environment", f"task {task} continues in another environment",
                                 {"task": task, "before": stage.environment, "after": environment})
                return
            stage_in(session, lease, task, caller, StageState.PENDING, StageState.FAILED)
            open_task = session.scalars(select(Stage.task).where(
                Stage.run_id == lease.run_id, Stage.task < task, Stage.state != StageState.COMMITTED)
                .order_by(Stage.task)).first()
            if open_task is not None:
                raise StateError(f"{caller}: {name_of(lease, task)} would start before task {open_task} is committed",
                                 "a task builds on the commit of the one before it")
            move_stage(session, lease, stage, StageState.SWEEPING, caller, f"{plural(len(planned), 'trial')} planned")
            stage.train_total, stage.val_total, stage.test_total = facts.train_total, facts.val_total, facts.test_total
            stage.input_shape, stage.classes = list(facts.input_shape), facts.classes
            stage.split_digest, stage.task_fingerprint = facts.split_digest, facts.task_fingerprint
            stage.environment, stage.architecture = dict(facts.environment), architecture
            stage.base_digest, stage.sweep_started_at = base_digest, database_now(session)
            _insert_trials(session, stage, planned)

    def add_trials(self, lease: Lease, task: int, planned: Sequence[PlannedTrial]) -> None:
        """Add trials of a sampler, which chooses its points during the sweep. Existing trials stay.

        Raises:
            StateError: the stage is not SWEEPING, or a number is taken by another grid point.
        """
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, "add_trials", StageState.SWEEPING)
            keys = _keys(session, stage, [trial.number for trial in planned])
            for trial in planned:
                if keys.get(trial.number, trial.key) != trial.key:
                    raise StateError(f"add_trials: {name_of(lease, task, trial.number)} is another grid point already",
                                     "a number belongs to one grid point: continue after the highest one")
            _insert_trials(session, stage, [trial for trial in planned if trial.number not in keys])

    def release_trials(self, lease: Lease, task: int) -> tuple[int, ...]:
        """RUNNING → PENDING for every trial, after a stop or a crash left them without a worker.

        Returns:
            Their numbers.
        """
        with self._driving(lease) as session:
            return release_running(session, stage_in(session, lease, task, "release_trials"))

    def retry_trials(self, lease: Lease, task: int, kinds: Collection[FailureKind]) -> tuple[int, ...]:
        """FAILED → PENDING for every trial with one of these kinds of failure; the reasons are recorded as events.

        Returns:
            Their numbers.

        Raises:
            StateError: the stage is not SWEEPING.
        """
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, "retry_trials", StageState.SWEEPING)
            failed = session.scalars(select(Trial).where(
                Trial.stage_id == stage.id, Trial.state == TrialState.FAILED, Trial.failure_kind.in_(kinds))
                .order_by(Trial.number)).all()
            for trial in failed:
                record_event(session, lease.run_id, "trial", f"task {task}, trial {trial.number} will be retried",
                             {"task": task, "number": trial.number, "kind": str(trial.failure_kind),
                              "reason": trial.failure_reason, "attempts": trial.attempts})
                trial.state, trial.finished_at = TrialState.PENDING, None
                trial.failure_kind = trial.failure_reason = None
            return tuple(trial.number for trial in failed)

    def end_sweep(self, lease: Lease, task: int) -> None:
        """SWEEPING → SELECTING; changes nothing if the stage is already SELECTING.

        Raises:
            StateError: a trial has not ended or has failed in a way that blocks the selection, or there are no trials.
        """
        caller = "end_sweep"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            if stage.state is StageState.SELECTING:
                return
            trials = session.scalars(select(Trial).where(Trial.stage_id == stage.id).order_by(Trial.number)).all()
            if stage.state is StageState.SWEEPING:
                _check_ended(lease, task, trials)
            move_stage(session, lease, stage, StageState.SELECTING, caller, f"{plural(len(trials), 'trial')} ended")
            stage.sweep_ended_at = database_now(session)


def release_running(session: Session, stage: Stage) -> tuple[int, ...]:
    """RUNNING → PENDING for all trials of a stage; return their numbers."""
    running = session.scalars(select(Trial).where(Trial.stage_id == stage.id, Trial.state == TrialState.RUNNING)
                              .order_by(Trial.number)).all()
    for trial in running:
        trial.state = TrialState.PENDING
    return tuple(trial.number for trial in running)


def _keys(session: Session, stage: Stage, numbers: Sequence[int] | None = None,
          roles: Collection[TrialRole] = tuple(TrialRole)) -> dict[int, str]:
    """Return the keys of all trials with these roles, or of those between the lowest and the highest of these numbers."""
    query = select(Trial.number, Trial.key).where(Trial.stage_id == stage.id, Trial.role.in_(roles))
    if numbers is not None:
        query = query.where(Trial.number.between(min(numbers, default=0), max(numbers, default=0)))
    return {number: key for number, key in session.execute(query)}


def _insert_trials(session: Session, stage: Stage, planned: Sequence[PlannedTrial]) -> None:
    now = database_now(session)
    session.add_all(
        Trial(stage_id=stage.id, number=trial.number, role=trial.role, key=trial.key, alpha=list(trial.alpha), seed=trial.seed,
              learning_rate=trial.learning_rate, state=TrialState.PENDING, attempts=0, created_at=now)
        for trial in planned)


def _compare_plan(session: Session, lease: Lease, stage: Stage, planned: Sequence[PlannedTrial]) -> None:
    recorded = _keys(session, stage, roles={trial.role for trial in planned})
    wanted = {trial.number: trial.key for trial in planned}
    if wanted and wanted != recorded:
        different = sorted(number for number in recorded.keys() | wanted.keys()
                           if recorded.get(number) != wanted.get(number))
        raise StateError(
            f"begin_sweep: another plan is recorded for {name_of(lease, stage.task)}: "
            f"{len(recorded)} trials instead of {len(wanted)}, first difference at trial {different[0]}",
            "data, code or config changed since the sweep began: undo the change, or `clnp fork` from the task before")


def _check_ended(lease: Lease, task: int, trials: Sequence[Trial]) -> None:
    open_trials = [trial.number for trial in trials if not trial.state.has_ended]
    blocking = [trial.number for trial in trials
                if trial.failure_kind is not None and not trial.failure_kind.excluded_from_selection]
    if not trials:
        raise StateError(f"end_sweep: {name_of(lease, task)} has no trials", "plan some first")
    if open_trials:
        raise StateError(f"end_sweep: {name_of(lease, task)} has trials that have not ended: {_listed(open_trials)}",
                         "continue the sweep")
    if blocking:
        raise StateError(f"end_sweep: trials of {name_of(lease, task)} failed and block the selection: {_listed(blocking)}",
                         f"`clnp resume {lease.run_name} --retry-failed` trains them again")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers[:10]) + (", …" if len(numbers) > 10 else "")
