"""A run as a sequence of transitions, which ``drive`` executes until the run has ended or is asked to stop.

Launching and resuming are the same loop: the state of a stage is read from the database, and each transition
(:mod:`orchestrator.driver.stages`) can be repeated. No state is kept in memory between two transitions.
"""

from clnp_core.errors import BusyError, ClnpError, DatabaseError, EnvironmentChangedError
from db.rows import StageRow
from db.states import FailureKind, StageState, TrialState, resumed_in
from orchestrator.driver import plan
from orchestrator.driver.stages.begin_sweep import begin
from orchestrator.driver.stages.commit_network import commit, tidy
from orchestrator.driver.stages.context import RunContext
from orchestrator.driver.stages.restore_commits import restore_commits
from orchestrator.driver.stages.run_sweep import sweep
from orchestrator.driver.stages.select_trial import choose
from orchestrator.render.format import ranges
from workers.environment import fingerprint
from workers.training.resume import StoppedError

TRANSITIONS = {
    StageState.PENDING: begin,
    StageState.SWEEPING: sweep,
    StageState.SELECTING: choose,
    StageState.COMMITTING: commit,
}


def drive(run: RunContext, retry_failed: bool = False, accept_environment: bool = False) -> None:
    """Advance until every task is committed, the network is depleted, or a stop is requested.

    Args:
        run: the run and its executor.
        retry_failed: retrain failed trials, including those that the selection does not need.
        accept_environment: continue although device, torch or code have changed since the run began.

    Raises:
        RunFailedError, DataError, ArtifactError, ForgettingError: a stage failed.
        EnvironmentChangedError: results would not be comparable.
        BusyError: the lease was lost to another driver.
    """
    try:
        _check_environment(run, accept_environment)
        restore_commits(run)
        _reopen(run, retry_failed)
        _announce(run)
        _tidy_up(run)
        while not run.keeper.should_stop():
            stage = _current(run)
            if stage is None or stage.state is StageState.DEPLETED:
                break
            advance(run, stage)
    except StoppedError:
        pass
    finally:
        run.progress.close()
    if run.keeper.lost is not None:
        raise run.keeper.lost


def advance(run: RunContext, stage: StageRow) -> None:
    """Execute one transition. An error is recorded as the failure of the stage, unless the lease or the database is lost."""
    try:
        TRANSITIONS[stage.state](run, stage)
    except (BusyError, DatabaseError):
        raise
    except ClnpError as error:
        run.store.fail_stage(run.lease, stage.task, str(error))
        raise


def _current(run: RunContext) -> StageRow | None:
    """Return the first stage that is not committed."""
    return next((stage for stage in run.reads.stages(run.name) if stage.state is not StageState.COMMITTED), None)


def _tidy_up(run: RunContext) -> None:
    """Remove weights that a crash between the last commit and their removal left behind."""
    committed = [stage for stage in run.reads.stages(run.name) if stage.state is StageState.COMMITTED]
    if committed and run.reads.selections(run.name, committed[-1].task):
        tidy(run, committed[-1])


def _announce(run: RunContext) -> None:
    done = {stage.task: stage.trials_finished + stage.trials_failed for stage in run.reads.stages(run.name)}
    tasks = range(1, run.config.benchmark.tasks + 1)
    first = plan.first_task(run.config)
    run.progress.run_started(run.name, [plan.trial_count(run.config, task) if task >= first else 0 for task in tasks],
                             run.executor.parallel_trials, [done.get(task, 0) for task in tasks],
                             run.config.resources.trials_per_pack)


def _check_environment(run: RunContext, accept: bool) -> None:
    """Refuse to mix results of two environments in one run, unless accepted; the store records a change."""
    now = run.job(fingerprint, run.config.resources.threads_per_trial)
    recorded = run.reads.run(run.name).environment
    if recorded == now:
        return
    if recorded is not None:
        changed = ", ".join(f"{name} was {recorded.get(name)}, is {now.get(name)}"
                            for name in sorted({*recorded, *now}) if recorded.get(name) != now.get(name))
        if not accept:
            raise EnvironmentChangedError(
                f"run {run.name!r} started in another environment: {changed}",
                "go back to that environment, or resume with --accept-environment, which is recorded")
        run.progress.notice(f"continuing in another environment: {changed}")
    run.store.record_environment(run.lease, now)


def _reopen(run: RunContext, retry_failed: bool) -> None:
    """Return a failed stage to its last safe point, and failed trials to the sweep, even if it has ended, until a trial is
    selected."""
    stage = _current(run)
    if stage is None:
        return
    rows = run.reads.trials(run.name, stage.task)
    failed = [row for row in rows if row.state is TrialState.FAILED]
    if stage.state is StageState.DEPLETED:
        return
    back = resumed_in(stage.state, stage.failed_from, retrying=retry_failed and bool(failed))
    if back is not stage.state:
        run.store.reopen_stage(run.lease, stage.task, back)
    if back is StageState.COMMITTING and failed and retry_failed:
        run.progress.notice(f"task {stage.task} has selected a trial, and a selection never changes: its failed trials are not "
                            f"retrained\n`clnp fork {run.name} --task {stage.task - 1}` sweeps the task again")
    if back is not StageState.SWEEPING or not failed:
        return
    nothing_trained = not any(row.role.can_be_chosen and row.state is TrialState.FINISHED for row in rows)
    kinds = [kind for kind in FailureKind if retry_failed or nothing_trained or not kind.excluded_from_selection]
    numbers = run.store.retry_trials(run.lease, stage.task, kinds)
    if numbers:
        which = f"{'trial' if len(numbers) == 1 else 'trials'} {ranges(numbers)}"
        run.progress.notice(f"task {stage.task}: retraining failed {which}")
