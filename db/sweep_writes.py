"""Writes about the trials of a stage, from its plan to the end of its sweep."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clnp_core.errors import StateError
from db.columns import finite, storable_json
from db.lookup import database_now
from db.models import Artifact, Epoch, Stage, ThresholdCurvePoint, Trial
from db.records import EpochRecord, Lease, PlannedTrial, StageFacts, TrialFailure, TrialSuccess
from db.states import FailureKind, StageState, TrialState, check_transition
from db.writer import Writer, move_stage, name_of, record_event, stage_in, trial_in, upsert

RESULT = ("val_correct", "val_total", "best_epoch", "epochs_run", "hidden_total", "artifact_digest")
"""What the key of a trial determines. Durations, host and device it does not."""


class SweepWrites(Writer):
    """See :class:`db.store.Store`."""

    def begin_sweep(self, lease: Lease, task: int, facts: StageFacts, architecture: dict[str, Any],
                    base_digest: str | None, planned: Sequence[PlannedTrial]) -> None:
        """PENDING → SWEEPING with every trial of the grid, PENDING.

        For a stage that is SWEEPING already, the same plan changes nothing, and neither does an empty one (a sampler's,
        whose points came by :meth:`add_trials`); other facts about the worker's environment go into the events.

        Raises:
            StateError: an earlier task is not committed, the stage is past its sweep, or another plan was recorded.
        """
        caller = "begin_sweep"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            if stage.state is StageState.SWEEPING:
                _compare_plan(session, lease, stage, planned)
                environment = storable_json(facts.environment)
                if stage.environment != environment:
                    record_event(session, lease.run_id, "environment", f"task {task} goes on in another environment",
                                 {"task": task, "before": stage.environment, "after": environment})
                return
            open_task = session.scalars(select(Stage.task).where(
                Stage.run_id == lease.run_id, Stage.task < task, Stage.state != StageState.COMMITTED)
                .order_by(Stage.task)).first()
            if open_task is not None:
                raise StateError(f"{caller}: {name_of(lease, task)} would start before task {open_task} is committed",
                                 "a task builds on the commit of the one before it")
            move_stage(session, lease, stage, StageState.SWEEPING, caller, f"{len(planned)} trials planned")
            stage.train_total, stage.val_total, stage.test_total = facts.train_total, facts.val_total, facts.test_total
            stage.input_shape, stage.classes = list(facts.input_shape), facts.classes
            stage.split_digest, stage.task_fingerprint = facts.split_digest, facts.task_fingerprint
            stage.environment, stage.architecture = dict(facts.environment), architecture
            stage.base_digest, stage.sweep_started_at = base_digest, database_now(session)
            _insert_trials(session, stage, planned)

    def add_trials(self, lease: Lease, task: int, planned: Sequence[PlannedTrial]) -> None:
        """Further trials, of a sampler that invents its points as it goes. A trial that is there already stays.

        Raises:
            StateError: the stage is not SWEEPING, or a number is taken by another grid point.
        """
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, "add_trials", StageState.SWEEPING)
            keys = _keys(session, stage)
            for trial in planned:
                if keys.get(trial.number, trial.key) != trial.key:
                    raise StateError(f"add_trials: {name_of(lease, task, trial.number)} is another grid point already",
                                     "a number belongs to one grid point for good: go on after the highest")
            _insert_trials(session, stage, [trial for trial in planned if trial.number not in keys])

    def trial_started(self, lease: Lease, task: int, number: int, ray_trial_id: str, host: str, device: str) -> bool:
        """PENDING → RUNNING, or RUNNING again after its worker was lost; counts the attempt.

        Returns:
            Whether that was recorded: False for a trial that has FINISHED, which a pack that is re-run brings along.

        Raises:
            StateError: the stage is not SWEEPING, or the trial has failed and is not retried.
        """
        with self._driving(lease) as session:
            trial = _sweeping_trial(session, lease, task, number, "trial_started", TrialState.RUNNING)
            if trial is None:
                return False
            trial.state, trial.attempts, trial.started_at = TrialState.RUNNING, trial.attempts + 1, database_now(session)
            trial.ray_trial_id, trial.host, trial.device = ray_trial_id, host, device
            return True

    def trial_epochs(self, lease: Lease, task: int, number: int, epochs: Sequence[EpochRecord]) -> bool:
        """Record epochs of the running attempt; an epoch that was recorded before is written again.

        Returns:
            Whether they were recorded: False for a trial that has FINISHED, whose history never changes.

        Raises:
            StateError: the trial is not RUNNING, or the stage not SWEEPING.
        """
        with self._driving(lease) as session:
            trial = _sweeping_trial(session, lease, task, number, "trial_epochs", TrialState.RUNNING)
            if trial is None:
                return False
            _require_running(lease, task, trial, "trial_epochs")
            _record_epochs(session, trial, epochs)
            return True

    def trial_finished(self, lease: Lease, task: int, number: int, success: TrialSuccess) -> bool:
        """RUNNING → FINISHED with its result and its curve; its artifact must be safe in the store already.

        Returns:
            Whether it was recorded now: False if the same result was there.

        Raises:
            StateError: the trial is not RUNNING, or has FINISHED with another result.
        """
        caller = "trial_finished"
        with self._driving(lease) as session:
            trial = _sweeping_trial(session, lease, task, number, caller, TrialState.FINISHED)
            if trial is None:
                _compare_result(session, lease, task, number, success)
                return False
            _require_running(lease, task, trial, caller)
            now = database_now(session)
            upsert(session, Artifact, [{"digest": success.artifact_digest, "artifact_bytes": success.artifact_bytes,
                                        "created_at": now, "removed_at": None}], ["digest"], ["removed_at"])
            for name in RESULT:
                setattr(trial, name, getattr(success, name))
            trial.state, trial.finished_at = TrialState.FINISHED, now
            trial.val_accuracy = success.val_correct / success.val_total
            trial.train_seconds, trial.total_seconds = success.train_seconds, success.total_seconds
            trial.host, trial.device = success.host, success.device
            session.add_all(
                ThresholdCurvePoint(trial_id=trial.id, position=position, threshold=point.threshold,
                                    val_correct=point.val_correct, free_neurons=point.free_neurons)
                for position, point in enumerate(success.curve))
            return True

    def trial_failed(self, lease: Lease, task: int, number: int, failure: TrialFailure) -> bool:
        """RUNNING → FAILED, or PENDING → FAILED for a trial that was never started (the sweep's time ran out).

        Returns:
            Whether it was recorded now: False if it had failed, or had FINISHED: a result outlives its worker. That
            the failure was set aside is then in the events.

        Raises:
            StateError: the stage is not SWEEPING.
        """
        caller = "trial_failed"
        with self._driving(lease) as session:
            stage, trial = trial_in(session, lease, task, number)
            details = {"task": task, "number": number, "kind": failure.kind.value, "attempts": trial.attempts}
            if trial.state is TrialState.FINISHED:
                record_event(session, lease.run_id, "trial", f"task {task}, trial {number}: a failure after its result "
                             f"was set aside: {failure.reason}", details)
                return False
            if trial.state is TrialState.FAILED:
                return False
            stage_in(session, lease, stage.task, caller, StageState.SWEEPING)
            check_transition(caller, name_of(lease, task, number), trial.state, TrialState.FAILED)
            trial.state, trial.finished_at = TrialState.FAILED, database_now(session)
            trial.failure_kind, trial.failure_reason = failure.kind, failure.reason
            record_event(session, lease.run_id, "trial",
                         f"task {task}, trial {number} {failure.kind.value}: {failure.reason}", details)
            return True

    def release_trials(self, lease: Lease, task: int) -> tuple[int, ...]:
        """RUNNING → PENDING for every trial that no worker trains any more, after a stop or a crash.

        Returns:
            Their numbers.
        """
        with self._driving(lease) as session:
            return release_running(session, stage_in(session, lease, task, "release_trials"))

    def retry_trials(self, lease: Lease, task: int, kinds: Collection[FailureKind]) -> tuple[int, ...]:
        """FAILED → PENDING for every trial that failed in one of these ways; the reasons go into the events.

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
                record_event(session, lease.run_id, "trial", f"task {task}, trial {trial.number} will be tried again",
                             {"task": task, "number": trial.number, "kind": str(trial.failure_kind),
                              "reason": trial.failure_reason, "attempts": trial.attempts})
                trial.state, trial.finished_at = TrialState.PENDING, None
                trial.failure_kind = trial.failure_reason = None
            return tuple(trial.number for trial in failed)

    def end_sweep(self, lease: Lease, task: int) -> None:
        """SWEEPING → SELECTING; nothing to do if the stage is SELECTING already.

        Raises:
            StateError: a trial has not ended, or failed in a way that blocks the selection, or there is none.
        """
        caller = "end_sweep"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            if stage.state is StageState.SELECTING:
                return
            trials = session.scalars(select(Trial).where(Trial.stage_id == stage.id).order_by(Trial.number)).all()
            if stage.state is StageState.SWEEPING:
                _check_ended(lease, task, trials)
            move_stage(session, lease, stage, StageState.SELECTING, caller, f"{len(trials)} trials ended")
            stage.sweep_ended_at = database_now(session)


def release_running(session: Session, stage: Stage) -> tuple[int, ...]:
    """RUNNING → PENDING for all trials of a stage; their numbers."""
    running = session.scalars(select(Trial).where(Trial.stage_id == stage.id, Trial.state == TrialState.RUNNING)
                              .order_by(Trial.number)).all()
    for trial in running:
        trial.state = TrialState.PENDING
    return tuple(trial.number for trial in running)


def _sweeping_trial(session: Session, lease: Lease, task: int, number: int, caller: str,
                    to: TrialState) -> Trial | None:
    """The trial if it may become ``to`` now; None if it has FINISHED.

    Raises:
        StateError: it may not, or its stage is not SWEEPING.
    """
    stage, trial = trial_in(session, lease, task, number)
    if trial.state is TrialState.FINISHED:
        return None
    stage_in(session, lease, stage.task, caller, StageState.SWEEPING)
    check_transition(caller, name_of(lease, task, number), trial.state, to)
    return trial


def _require_running(lease: Lease, task: int, trial: Trial, caller: str) -> None:
    """What a worker reports belongs to an attempt; only a result that is taken over comes without one."""
    if trial.state is not TrialState.RUNNING:
        raise StateError(f"{caller}: {name_of(lease, task, trial.number)} is {trial.state.value}, expected running",
                         "record its start first")


def _keys(session: Session, stage: Stage) -> dict[int, str]:
    found = session.execute(select(Trial.number, Trial.key).where(Trial.stage_id == stage.id))
    return {number: key for number, key in found}


def _insert_trials(session: Session, stage: Stage, planned: Sequence[PlannedTrial]) -> None:
    now = database_now(session)
    session.add_all(
        Trial(stage_id=stage.id, number=trial.number, key=trial.key, alpha=list(trial.alpha), seed=trial.seed,
              learning_rate=trial.learning_rate, state=TrialState.PENDING, attempts=0, created_at=now)
        for trial in planned)


def _compare_plan(session: Session, lease: Lease, stage: Stage, planned: Sequence[PlannedTrial]) -> None:
    recorded, wanted = _keys(session, stage), {trial.number: trial.key for trial in planned}
    if wanted and wanted != recorded:
        different = sorted(number for number in recorded.keys() | wanted.keys()
                           if recorded.get(number) != wanted.get(number))
        raise StateError(
            f"begin_sweep: another plan is recorded for {name_of(lease, stage.task)}: "
            f"{len(recorded)} trials against {len(wanted)}, first different at trial {different[0]}",
            "data, code or config changed since the sweep began: undo that, or `clnp fork` from the task before")


def _record_epochs(session: Session, trial: Trial, epochs: Sequence[EpochRecord]) -> None:
    values = [{"trial_id": trial.id, "attempt": trial.attempts, "epoch": epoch.epoch,
               "train_loss": finite(epoch.train_loss), "l1_penalty": finite(epoch.l1_penalty),
               "val_correct": epoch.val_correct, "val_total": epoch.val_total, "seconds": epoch.seconds}
              for epoch in epochs]
    upsert(session, Epoch, values, ["trial_id", "attempt", "epoch"],
           ["train_loss", "l1_penalty", "val_correct", "val_total", "seconds"])


def _compare_result(session: Session, lease: Lease, task: int, number: int, success: TrialSuccess) -> None:
    trial = trial_in(session, lease, task, number)[1]
    different = [f"{name} {getattr(trial, name)} recorded, {getattr(success, name)} now"
                 for name in RESULT if getattr(trial, name) != getattr(success, name)]
    if different:
        raise StateError(f"trial_finished: {name_of(lease, task, number)} has finished with another result: "
                         f"{'; '.join(different)}",
                         "the same key must give the same result: the training is not reproducible on this machine")


def _check_ended(lease: Lease, task: int, trials: Sequence[Trial]) -> None:
    open_trials = [trial.number for trial in trials if not trial.state.has_ended]
    blocking = [trial.number for trial in trials
                if trial.failure_kind is not None and not trial.failure_kind.excluded_from_selection]
    if not trials:
        raise StateError(f"end_sweep: {name_of(lease, task)} has no trials", "plan some first")
    if open_trials:
        raise StateError(f"end_sweep: {name_of(lease, task)} has trials that have not ended: {_listed(open_trials)}",
                         "go on with the sweep")
    if blocking:
        raise StateError(f"end_sweep: trials of {name_of(lease, task)} failed and block the selection: {_listed(blocking)}",
                         f"`clnp resume {lease.run_name} --retry-failed` trains them again")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers[:10]) + (", …" if len(numbers) > 10 else "")
