"""Write about one trial, from its start to its result or its failure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import insert
from sqlalchemy.orm import Session

from clnp_core.errors import StateError
from clnp_core.values import Epoch, TrialResult
from db.dialect import database_now, upsert
from db.records import Lease, TrialFailure, TrialReport
from db.schema.models import Artifact, ThresholdCurvePoint, Trial, TrialEpoch
from db.schema.types import finite
from db.states import StageState, TrialState, check_transition
from db.store.writer import Writer, name_of, record_event, stage_in, trial_in


class TrialWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def trial_started(self, lease: Lease, task: int, number: int, ray_trial_id: str, host: str, device: str,
                      seconds_ago: float = 0.0) -> bool:
        """PENDING → RUNNING, or RUNNING again after its worker was lost; counts the attempt, which began ``seconds_ago``.
        Attempts are distinguished by their Ray Tune id, so reporting one twice counts it once.

        Returns:
            Whether it was recorded: False for a FINISHED trial, which a repeated pack may report.

        Raises:
            StateError: the stage is not SWEEPING, or the trial has failed and was not reset for a retry.
        """
        with self._driving(lease) as session:
            trial = _sweeping_trial(session, lease, task, number, "trial_started", TrialState.RUNNING)
            if trial is None:
                return False
            _start_attempt(session, trial, ray_trial_id, seconds_ago)
            trial.host, trial.device = host, device
            return True

    def trial_epochs(self, lease: Lease, task: int, number: int, epochs: Sequence[Epoch]) -> bool:
        """Record epochs of the running attempt; an epoch that was already recorded is overwritten.

        Returns:
            Whether they were recorded: False for a FINISHED trial, whose history never changes.

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

    def trial_finished(self, lease: Lease, task: int, number: int, success: TrialResult) -> bool:
        """RUNNING → FINISHED with its result and its curve; its artifact must already be stored safely.

        Returns:
            Whether it was recorded now: False if the same result was already recorded.

        Raises:
            StateError: the trial is not RUNNING, or is FINISHED with another result.
        """
        caller = "trial_finished"
        with self._driving(lease) as session:
            trial = _sweeping_trial(session, lease, task, number, caller, TrialState.FINISHED)
            if trial is None:
                _compare_result(session, lease, task, number, success)
                return False
            _require_running(lease, task, trial, caller)
            _record_result(session, trial, success)
            return True

    def trial_failed(self, lease: Lease, task: int, number: int, failure: TrialFailure) -> bool:
        """RUNNING → FAILED, or PENDING → FAILED for a trial that was never started (the sweep reached its time limit).

        Returns:
            Whether it was recorded now: False if the trial had already FAILED or FINISHED. A result takes precedence over the
            failure of its worker; the ignored failure is then recorded as an event.

        Raises:
            StateError: the stage is not SWEEPING.
        """
        caller = "trial_failed"
        with self._driving(lease) as session:
            return _record_failure(session, lease, task, number, failure, caller)

    def trial_reported(self, lease: Lease, task: int, number: int, report: TrialReport) -> bool:
        """Record the last report of a trial: its start if that is not recorded yet, its epochs, its result or its failure.

        Equivalent to :meth:`trial_started`, :meth:`trial_epochs` and then :meth:`trial_finished` or :meth:`trial_failed`, in
        one transaction, which is most of the driver's cost of a short trial.

        Returns:
            Whether it was recorded now: False for a trial that already ended in the same way, or already has a result.

        Raises:
            StateError: the stage is not SWEEPING; the trial has failed, or is FINISHED with another result; or it is not
                RUNNING and the report contains no start.
        """
        with self._driving(lease) as session:
            return _record_report(session, lease, task, number, report, "trial_reported")

    def trials_reported(self, lease: Lease, task: int, reports: Mapping[int, TrialReport]) -> frozenset[int]:
        """Record reports of several trials, by number, in one transaction: each as in :meth:`trial_reported`, or only its start
        and epochs if it is still running.

        Returns:
            The numbers of the trials of which something was recorded.

        Raises:
            StateError: as in :meth:`trial_reported`, for any of them; then nothing is recorded.
        """
        with self._driving(lease) as session:
            return frozenset([number for number, report in reports.items()
                              if _record_report(session, lease, task, number, report, "trials_reported")])


def _record_report(session: Session, lease: Lease, task: int, number: int, report: TrialReport, caller: str) -> bool:
    """Record the report of one trial; return whether it was recorded now."""
    outcome, state = report.outcome, trial_in(session, lease, task, number)[1].state
    if isinstance(outcome, TrialFailure) and state.has_ended:
        return _record_failure(session, lease, task, number, outcome, caller)
    trial = _sweeping_trial(session, lease, task, number, caller, TrialState.RUNNING)
    if trial is None:
        if isinstance(outcome, TrialResult):
            _compare_result(session, lease, task, number, outcome)
        return False
    if report.start is not None:
        _start_attempt(session, trial, report.start.ray_trial_id, report.start.seconds_ago)
    _require_running(lease, task, trial, caller)
    _record_epochs(session, trial, report.epochs)
    if isinstance(outcome, TrialFailure):
        return _record_failure(session, lease, task, number, outcome, caller)
    if outcome is not None:
        _record_result(session, trial, outcome)
    return True


def _start_attempt(session: Session, trial: Trial, ray_trial_id: str, seconds_ago: float) -> None:
    """Set the trial RUNNING since ``seconds_ago`` and count the attempt, unless this attempt is already recorded."""
    if trial.state is TrialState.RUNNING and trial.ray_trial_id == ray_trial_id:
        return
    trial.state, trial.attempts, trial.ray_trial_id = TrialState.RUNNING, trial.attempts + 1, ray_trial_id
    trial.started_at = database_now(session) - timedelta(seconds=seconds_ago)


def _record_result(session: Session, trial: Trial, success: TrialResult) -> None:
    """Set the trial FINISHED, with its result and its curve."""
    now = database_now(session)
    upsert(session, Artifact, [{"digest": success.artifact.digest, "artifact_bytes": success.artifact.bytes_written,
                                "created_at": now, "removed_at": None}], ["digest"], ["removed_at"])
    for name, value in _determined(success).items():
        setattr(trial, name, value)
    trial.state, trial.finished_at = TrialState.FINISHED, now
    trial.val_accuracy = success.val_correct / success.val_total
    trial.train_seconds, trial.total_seconds = success.train_seconds, success.total_seconds
    trial.host, trial.device = success.host, success.device
    curve = [{"trial_id": trial.id, "position": position, "threshold": point.threshold, "val_correct": point.val_correct,
              "free_neurons": point.free_neurons} for position, point in enumerate(success.curve)]
    if curve:
        session.execute(insert(ThresholdCurvePoint), curve)


def _determined(success: TrialResult) -> dict[str, int | str]:
    """Return, by column, the values that the key of a trial determines. Durations, host and device may differ."""
    return {"val_correct": success.val_correct, "val_total": success.val_total, "best_epoch": success.best_epoch,
            "epochs_run": success.epochs_run, "hidden_total": success.hidden_total,
            "artifact_digest": success.artifact.digest}


def _record_failure(session: Session, lease: Lease, task: int, number: int, failure: TrialFailure, caller: str) -> bool:
    """Set the trial FAILED, unless it has already ended; return whether it was recorded now."""
    stage, trial = trial_in(session, lease, task, number)
    details = {"task": task, "number": number, "kind": failure.kind.value, "attempts": trial.attempts}
    if trial.state is TrialState.FINISHED:
        record_event(session, lease.run_id, "trial", f"task {task}, trial {number}: ignored a failure after its result: "
                     f"{failure.reason}", details)
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


def _sweeping_trial(session: Session, lease: Lease, task: int, number: int, caller: str,
                    to: TrialState) -> Trial | None:
    """Return the trial if it may become ``to`` now; None if it is FINISHED.

    Raises:
        StateError: it must not, or its stage is not SWEEPING.
    """
    stage, trial = trial_in(session, lease, task, number)
    if trial.state is TrialState.FINISHED:
        return None
    stage_in(session, lease, stage.task, caller, StageState.SWEEPING)
    check_transition(caller, name_of(lease, task, number), trial.state, to)
    return trial


def _require_running(lease: Lease, task: int, trial: Trial, caller: str) -> None:
    """Refuse a report without a running attempt; only a reused result has none."""
    if trial.state is not TrialState.RUNNING:
        raise StateError(f"{caller}: {name_of(lease, task, trial.number)} is {trial.state.value}, expected running",
                         "record its start first")


def _record_epochs(session: Session, trial: Trial, epochs: Sequence[Epoch]) -> None:
    values = [{"trial_id": trial.id, "attempt": trial.attempts, "epoch": epoch.epoch,
               "train_loss": finite(epoch.train_loss), "l1_penalty": finite(epoch.l1_penalty),
               "val_correct": epoch.val_correct, "val_total": epoch.val_total, "seconds": epoch.seconds}
              for epoch in epochs]
    upsert(session, TrialEpoch, values, ["trial_id", "attempt", "epoch"],
           ["train_loss", "l1_penalty", "val_correct", "val_total", "seconds"])


def _compare_result(session: Session, lease: Lease, task: int, number: int, success: TrialResult) -> None:
    trial = trial_in(session, lease, task, number)[1]
    different = [f"{name} {getattr(trial, name)} recorded, {value} now"
                 for name, value in _determined(success).items() if getattr(trial, name) != value]
    if different:
        raise StateError(f"trial_finished: {name_of(lease, task, number)} has finished with another result: "
                         f"{'; '.join(different)}",
                         "the same key must give the same result: the training is not reproducible on this machine")
