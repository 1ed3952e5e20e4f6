"""SWEEPING → SELECTING: train the trials that have no result yet."""

import errno
import os
from collections.abc import Sequence

from clnp_core.errors import ArtifactError, DataError, RunFailedError
from clnp_core.values import TrialRole
from db.records import TrialFailure
from db.rows import StageRow, TrialRow
from db.states import FailureKind, TrialState
from orchestrator.config.choices import ExecutorKind
from orchestrator.config.sweep_section import GridPoint
from orchestrator.driver import plan
from orchestrator.driver.executor import SweepWork
from orchestrator.driver.recorder import Recorder
from orchestrator.driver.sampler import Draws, SampledTrial
from orchestrator.driver.stages.begin_sweep import facts_of, planned, take_over
from orchestrator.driver.stages.context import RunContext
from orchestrator.driver.stages.early_scans import ScansAhead
from orchestrator.driver.stages.judge_teachers import judge_teachers
from orchestrator.driver.submitted_job import SubmittedJob
from orchestrator.render.format import plural
from orchestrator.runs.optuna_export import sparsity_within_margin
from workers.jobs import trial_job
from workers.spec import StageSpec, TrialSpec
from workers.training.resume import StoppedError

NO_SPACE = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT)))
"""The system's message for a full disk, as it occurs in the failure reason of a trial."""


def sweep(run: RunContext, stage: StageRow) -> None:
    """Train the planned trials that have no recorded result, and end the sweep if every trial has ended.

    Raises:
        StoppedError: the driver was asked to stop; finished trials are recorded.
        RunFailedError: no trial has a result, or results were lost with a machine.
        ArtifactError: the same, because the disk of the artifact store is full.
    """
    config, task = run.config, stage.task
    spec = run.spec(stage)
    facts = facts_of(run, task)
    if facts.split_digest != stage.split_digest:
        raise DataError(f"the data of task {task} has changed since its sweep began",
                        "restore the old data or benchmark code, or launch a new run")
    run.store.release_trials(run.lease, task)
    taken_over = take_over(run, task) if config.sweep.reuse_trials else ""
    rows = run.reads.trials(run.name, task)
    done = {row.number for row in rows if row.state.has_ended}
    missing = [pack for pack in planned(run, spec) if any(trial.number not in done for trial in pack)]
    drawn_before = sum(row.role.can_be_chosen for row in rows if row.number in done)
    to_draw = plan.candidate_count(config, task) - drawn_before if plan.sampled(config, task) else 0
    run.progress.stage_started(task, plan.trial_count(config, task), len(done))
    if taken_over:
        run.progress.notice(f"  {taken_over}")
    recorder = Recorder(run.store, run.lease, spec, run.progress, config.resources.trial_time_limit_seconds,
                        _ahead(run, spec, rows, facts.val_total, len(missing) + to_draw), done)
    workers = min(run.executor.parallel_trials, len(missing) + to_draw)
    if workers and run.executor.kind is ExecutorKind.RAY:
        run.step(f"starting {plural(workers, 'worker')}", task)
    if plan.sampled(config, task):
        _sample(run, spec, rows, missing, recorder)
    elif missing:
        run.executor.train(SweepWork(config, run.storage, recorder, run.grace, missing, done))
    _end_sweep(run, task)


def _ahead(run: RunContext, spec: StageSpec, rows: list[TrialRow], val_total: int, unfinished: int) -> ScansAhead | None:
    """Return the early scans; None for the rule trade-off, which needs all trials, and for methods that do not prune."""
    if run.config.selection.weight_points is not None or not run.config.method.divides_the_network:
        return None

    def scan(digest: str, required: int) -> SubmittedJob:
        return run.submit(trial_job.scan, spec, digest, run.storage, required, run.config.selection.threshold)

    ahead = ScansAhead(scan, run.executor.parallel_trials, unfinished, val_total, run.config.selection.margin_points)
    for row in rows:
        if row.role.can_be_chosen and row.state is TrialState.FINISHED and row.artifact_digest is not None:
            ahead.trained(row.number, row.val_correct or 0, row.artifact_digest)
    run.ahead[spec.task] = ahead
    return ahead


def _sample(run: RunContext, spec: StageSpec, rows: list[TrialRow], teachers: Sequence[Sequence[TrialSpec]],
            recorder: Recorder) -> None:
    """Train the drawn but unfinished points first; then the sampler draws the rest, beside the unfinished teachers."""
    config, task = run.config, spec.task
    drawn = [row for row in rows if row.role.can_be_chosen]
    again = [[plan.trial_spec(spec, config.seed, row.number, GridPoint(row.alpha, row.learning_rate))]
             for row in drawn if not row.state.has_ended]
    draws = len(drawn) < plan.candidate_count(config, task)
    if not draws:
        again += map(list, teachers)
    if again:
        run.executor.train(SweepWork(config, run.storage, recorder, run.grace, again))
    if draws and not run.keeper.should_stop():
        finished = [row for row in run.reads.trials(run.name, task, role=TrialRole.CANDIDATE)
                    if row.state is TrialState.FINISHED]
        recorded = [SampledTrial(row.alpha[0], row.learning_rate, row.val_accuracy or 0.0, _sparsity(run, row))
                    for row in finished]
        run.executor.train(SweepWork(config, run.storage, recorder, run.grace, teachers,
                                     draws=Draws(config, spec, recorded, len(drawn))))


def _sparsity(run: RunContext, row: TrialRow) -> float:
    """Return the sampler's second objective of a recorded trial, from its curve (see ``clnp_core.values.TrialResult``)."""
    curve = run.reads.threshold_curve(run.name, row.task, row.number)
    return sparsity_within_margin(row, curve, run.config.selection.margin_points)


def _end_sweep(run: RunContext, task: int) -> None:
    if run.keeper.should_stop():
        run.store.release_trials(run.lease, task)
        raise StoppedError
    rows = run.reads.trials(run.name, task)
    limit = run.config.resources.sweep_time_limit_seconds
    for row in rows:
        if row.state.has_ended:
            continue
        if limit is None:
            raise RunFailedError(f"task {task}: the sweep ended without a result for trial {row.number}",
                                 "resume the run to try again")
        run.store.trial_failed(run.lease, task, row.number,
                               TrialFailure(FailureKind.TIMED_OUT, f"the sweep took longer than {limit:g} s"))
    rows = run.reads.trials(run.name, task)
    if limit is None and len(rows) < plan.trial_count(run.config, task):
        raise RunFailedError(f"task {task}: the sweep ended after {len(rows)} of "
                             f"{plan.trial_count(run.config, task)} trials", "resume the run to continue")
    _refuse_unfit(run, task, rows)
    judge_teachers(run, task, rows)
    run.store.end_sweep(run.lease, task)


def _refuse_unfit(run: RunContext, task: int, rows: list[TrialRow]) -> None:
    """Refuse a selection without any result, or while results lost with a machine are missing."""
    blocking = [row for row in rows if row.failure_kind and not row.failure_kind.excluded_from_selection]
    finished = [row for row in rows if row.role.can_be_chosen and row.state is TrialState.FINISHED]
    if finished and not blocking:
        return
    failed = blocking or [row for row in rows if row.state is TrialState.FAILED]
    first = f"; the first, trial {failed[0].number}: {failed[0].failure_reason}" if failed else ""
    many = "every trial" if not finished else f"{len(failed)} of {len(rows)} trials"
    if failed and any(sign in (failed[0].failure_reason or "") for sign in NO_SPACE):
        raise ArtifactError(f"task {task}: {many} failed{first}",
                            f"free some space (`clnp gc`), then `clnp resume {run.name}` retrains what failed")
    raise RunFailedError(f"task {task}: {many} failed{first}",
                         f"fix the cause, then `clnp resume {run.name}` retrains what failed")
