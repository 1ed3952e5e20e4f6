"""Build rows of :mod:`db.rows` from database objects; shared by :mod:`db.reads.reads` and :mod:`db.reads.pages`."""

from collections.abc import Sequence

from sqlalchemy import Integer, cast, select
from sqlalchemy.orm import Session, aliased

from clnp_core.values import CutCandidate, CutSearch, FineTuningRound, SearchEnd
from db.dialect import database_now
from db.liveness import driver_lives, lease_holds, owner_of
from db.rows import EventRow, RunRow, StageRow, TrialRow
from db.schema.models import Commit, Event, Request, Run, RunGroup, Stage, Trial, TrialJudgement
from db.states import RequestKind, StageState, TrialState, derive_run_state, tasks_committed

TRIAL_COLUMNS = tuple(sorted({column.key for column in Trial.__table__.columns} - {"id", "stage_id", "alpha"}))


def as_tuple(values: list[float | None] | None) -> tuple[float | None, ...] | None:
    """Convert a list of a JSON column, which may be missing, to a tuple."""
    return None if values is None else tuple(values)


def rounds_of(commit: Commit) -> tuple[FineTuningRound, ...] | None:
    """Return the rounds of fine-tuning that a commit recorded; None if there were none."""
    if commit.fine_tuning is None:
        return None
    return tuple(FineTuningRound(**{**values, "thresholds": tuple(values["thresholds"])}) for values in commit.fine_tuning)


def search_of(commit: Commit) -> CutSearch | None:
    """Return the search for the sparsest network that a commit recorded; None if there was none."""
    recorded = commit.search
    if recorded is None:
        return None
    final = recorded["final"]
    return CutSearch(**{**recorded, "candidates": tuple(CutCandidate(**values) for values in recorded["candidates"]),
                        "end": SearchEnd(recorded["end"]), "final": None if final is None else CutCandidate(**final)})


def run_rows(session: Session, runs: Sequence[Run]) -> list[RunRow]:
    """Return runs with their derived states, in the given order, with four queries for any number of runs."""
    now, source, ids = database_now(session), aliased(Run), [run.id for run in runs]
    states: dict[int, dict[int, StageState]] = {}
    task_number = cast(Stage.task, Integer)  # text written into this column of SQLite stays text, which has no order
    for run_id, task, state in session.execute(select(Stage.run_id, task_number, Stage.state).where(Stage.run_id.in_(ids))):
        states.setdefault(run_id, {})[task] = state
    cancelled = set(session.scalars(select(Request.run_id).where(
        Request.run_id.in_(ids), Request.kind == RequestKind.CANCEL)))
    named = {run_id: (group, origin) for run_id, group, origin in session.execute(
        select(Run.id, RunGroup.name, source.name).outerjoin(RunGroup, RunGroup.id == Run.group_id)
        .outerjoin(source, source.id == Run.forked_from_run_id).where(Run.id.in_(ids)))}
    rows = []
    for run in runs:
        stages = states.get(run.id, {})
        group, origin = named[run.id]
        rows.append(RunRow(
            run.id, run.name, group,
            derive_run_state(tuple(stages.values()), run.id in cancelled, lease_holds(run, now)), run.method, run.benchmark,
            run.tasks, min(stages, default=1), tasks_committed(stages), run.seed, run.margin_points, run.config,
            run.config_digest, run.code_version, run.package_versions, run.environment, origin, run.forked_after_task,
            run.created_at, owner_of(run), driver_lives(run, now), run.heartbeat_at))
    return rows


def event_row(event: Event) -> EventRow:
    """Return an event of a run."""
    return EventRow(event.id, event.at, event.kind, event.message, event.details)


def stage_row(run: str, stage: Stage, counts: dict[TrialState, int]) -> StageRow:
    """Return a task of a run with the number of its trials by state."""
    return StageRow(
        run, stage.task, stage.state, stage.failed_from, stage.reason, stage.train_total, stage.val_total,
        stage.test_total, None if stage.input_shape is None else tuple(stage.input_shape), stage.classes,
        stage.split_digest, stage.task_fingerprint, stage.environment, stage.architecture, stage.base_digest,
        stage.sweep_started_at, stage.sweep_ended_at, stage.selected_at, stage.ended_at,
        *(counts.get(state, 0) for state in (
            TrialState.PENDING, TrialState.RUNNING, TrialState.FINISHED, TrialState.FAILED)))


def trial_row(run: str, task: int, trial: Trial, judgement: TrialJudgement | None) -> TrialRow:
    """Return a trial of a task with its verdict, if there is one."""
    of_trial = {name: getattr(trial, name) for name in TRIAL_COLUMNS}
    correct, free = (judgement.pruned_val_correct, judgement.free_neurons) if judgement else (None, None)
    return TrialRow(
        run=run, task=task, alpha=tuple(trial.alpha), **of_trial,
        verdict=judgement.verdict if judgement else None, verdict_reason=judgement.reason if judgement else None,
        thresholds=as_tuple(judgement.thresholds) if judgement else None,
        pruned_val_correct=correct, pruned_val_accuracy=_fraction(correct, trial.val_total),
        free_neurons=free, sparsity=_fraction(free, trial.hidden_total))


def _fraction(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole
