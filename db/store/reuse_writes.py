"""Reuse recorded results instead of training again.

The key of a trial determines its result in one environment, in any run: runs that differ only in their margin, for example,
share the trials of their first task. This file finds such results and copies them, even if their weights have been removed to
save space; if such a trial is selected, its weights are trained again.
"""

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, aliased

from clnp_core.errors import StateError
from db.dialect import among, database_now
from db.errors import translated
from db.records import Lease, ReusableTrial
from db.schema.models import Artifact, Event, Run, Stage, ThresholdCurvePoint, Trial, TrialEpoch
from db.states import StageState, TrialState, check_transition
from db.store.writer import Writer, name_of, record_event, stage_in, trial_in

TAKEN_OVER = ("host", "device", "val_correct", "val_total", "val_accuracy", "hidden_total", "best_epoch", "epochs_run",
              "train_seconds", "total_seconds", "artifact_digest")
"""Columns that are copied from the reused trial. Attempts and their times stay those of the reusing run."""


class ReuseWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def reusable_trials(self, lease: Lease, task: int) -> tuple[ReusableTrial, ...]:
        """Return recorded results for the PENDING trials of a stage: FINISHED trials of other runs with the same key, trained
        in the environment that is recorded for this run.

        Returns:
            Sorted by number, then those with weights first, then by age, oldest first; several for a number are possible.
        """
        with translated(self._reading.url), Session(self._reading) as session:
            stage = stage_in(session, lease, task, "reusable_trials")
            environment = session.get_one(Run, lease.run_id).environment
            missing = aliased(Trial)
            found = session.execute(
                select(missing.number, Trial, Stage, Run.name, Artifact.removed_at)
                .join(Trial, Trial.key == missing.key).join(Stage, Stage.id == Trial.stage_id)
                .join(Run, Run.id == Stage.run_id).join(Artifact, Artifact.digest == Trial.artifact_digest)
                .where(missing.stage_id == stage.id, missing.state == TrialState.PENDING, Stage.run_id != lease.run_id,
                       Trial.state == TrialState.FINISHED)
                .order_by(missing.number, Artifact.removed_at.is_not(None), Trial.id)).all()
            changes = _environment_changes(session, {of.run_id for _, _, of, _, _ in found})
            return tuple(
                ReusableTrial(number, trial.id, f"{run}/{of.task}/{trial.number}", trial.artifact_digest or "",
                              removed_at is not None)
                for number, trial, of, run, removed_at in found
                if environment is not None and of.environment == environment
                and not any(_between(change, of, trial) for change in changes.get(of.run_id, ())))

    def reuse_trials(self, lease: Lease, task: int, chosen: Sequence[ReusableTrial]) -> tuple[ReusableTrial, ...]:
        """PENDING → FINISHED for each trial, with the result, the epochs and the curve of the trial that it reuses; in one
        transaction, with one event.

        Args:
            lease: of the run that reuses the results.
            task: of the stage, which is SWEEPING.
            chosen: at most one per number, of those that :meth:`reusable_trials` returned.

        Returns:
            The reused ones: a FINISHED trial stays as it is, and a trial whose source has been removed meanwhile must be
            trained.

        Raises:
            StateError: the stage is not SWEEPING, the trial is not PENDING, or the source is another grid point.
        """
        caller = "reuse_trials"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller, StageState.SWEEPING)
            # Locked in the same way as in db.store.references.unreferenced: a process that removes the other run either sees
            # these references, or has deleted these rows before they can be referred to.
            there = set(session.scalars(
                select(Artifact.digest).where(among(session, Artifact.digest, {source.artifact_digest for source in chosen}))
                .order_by(Artifact.digest).with_for_update()))
            taken = tuple(source for source in chosen
                          if source.artifact_digest in there and _take_over(session, lease, stage.task, source))
            if taken:
                record_event(session, lease.run_id, "reuse", f"task {task}: {_counted(taken)}",
                             {"task": task, "trials": {str(source.number): source.reused_from for source in taken}})
            return taken


def _take_over(session: Session, lease: Lease, task: int, source: ReusableTrial) -> bool:
    caller, trial = "reuse_trials", trial_in(session, lease, task, source.number)[1]
    recorded = session.get(Trial, source.trial_id)
    if trial.state is TrialState.FINISHED or recorded is None or recorded.artifact_digest != source.artifact_digest:
        return False
    if trial.state is not TrialState.PENDING:
        raise StateError(f"{caller}: {name_of(lease, task, source.number)} is {trial.state.value}, expected pending",
                         "release or retry it first")
    if recorded.key != trial.key:
        raise StateError(f"{caller}: {name_of(lease, task, source.number)} is another grid point than {source.reused_from}",
                         "only the same key gives the same result")
    check_transition(caller, name_of(lease, task, source.number), trial.state, TrialState.FINISHED)
    for name in TAKEN_OVER:
        setattr(trial, name, getattr(recorded, name))
    trial.state, trial.finished_at, trial.reused_from = TrialState.FINISHED, database_now(session), source.reused_from
    # As another attempt, so that the history of interrupted attempts stays.
    _copy(session, TrialEpoch, recorded, {"trial_id": trial.id, "attempt": trial.attempts + 1}, attempt=recorded.attempts or 1)
    _copy(session, ThresholdCurvePoint, recorded, {"trial_id": trial.id})
    return True


def _copy(session: Session, model: type[TrialEpoch] | type[ThresholdCurvePoint], source: Trial, changes: dict[str, int],
          **where: int) -> None:
    table = model.__table__
    query = select(table).where(table.c.trial_id == source.id, *(table.c[name] == value for name, value in where.items()))
    rows: list[dict[str, object]] = [{**row, **changes} for row in session.execute(query).mappings()]
    if rows:
        session.execute(insert(model), rows)


def _environment_changes(session: Session, run_ids: set[int]) -> dict[int, list[Event]]:
    changes: dict[int, list[Event]] = {}
    for event in session.scalars(select(Event).where(Event.run_id.in_(run_ids), Event.kind == "environment")):
        changes.setdefault(event.run_id, []).append(event)
    return changes


def _between(change: Event, stage: Stage, trial: Trial) -> bool:
    """Return whether the environment changed while the stage was swept and before this trial ended; it is then unknown in which
    of the two environments the trial was trained."""
    assert stage.sweep_started_at is not None and trial.finished_at is not None, "a finished trial has been swept"
    return stage.sweep_started_at <= change.at <= trial.finished_at


def _counted(taken: Sequence[ReusableTrial]) -> str:
    runs = sorted({source.source_run for source in taken})
    return (f"{len(taken)} trial{'' if len(taken) == 1 else 's'} reused from "
            f"run{'' if len(runs) == 1 else 's'} {', '.join(runs)}")
