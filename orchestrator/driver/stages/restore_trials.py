"""Retrain trained networks that are recorded but missing from the store, bit for bit."""

from collections.abc import Sequence

from clnp_core.values import TrialRole
from db.rows import StageRow, TrialRow
from orchestrator.config.sweep_section import GridPoint
from orchestrator.driver import plan
from orchestrator.driver.stages.begin_sweep import planned
from orchestrator.driver.stages.context import RunContext
from workers.jobs import pack_job, trial_job
from workers.spec import TrialSpec
from workers.training.resume import StoppedError


def restore_trials(run: RunContext, stage: StageRow, rows: Sequence[TrialRow]) -> bool:
    """Retrain, side by side, finished trials whose stored network is missing or damaged.

    Returns:
        Whether there were any.
    """
    lost = run.job(trial_job.lost_artifacts, tuple(row.artifact_digest or "" for row in rows), run.storage)
    gone = [row for row in rows if row.artifact_digest in lost]
    if not gone:
        return False
    numbers = ", ".join(str(row.number) for row in gone)
    run.progress.notice(f"  task {stage.task}: stored networks are missing, retraining trial {numbers}")
    digests = {row.number: row.artifact_digest or "" for row in gone}
    again = []
    for pack in _packs(run, stage):
        own = {trial.number: digests[trial.number] for trial in pack if trial.number in digests}
        if own:
            again.append((own, run.training(pack_job.restore_pack, pack, own, run.storage,
                                            run.config.resources.checkpoint_every_seconds)))
    stopped = False
    for own, job in again:
        try:
            run.fetch(job)
        except StoppedError:
            stopped = True  # wait for the others, too
            continue
        run.store.artifacts_restored(run.lease, list(own.values()))
    if stopped:
        raise StoppedError
    run.store.event(run.lease, "restored", f"task {stage.task}: stored networks were missing and have been retrained bit "
                    f"for bit: trial {numbers}", {"task": stage.task, "trials": [row.number for row in gone]})
    return True


def _packs(run: RunContext, stage: StageRow) -> list[tuple[TrialSpec, ...]]:
    """Return the trials of the stage as they were trained: from the plan, and as drawn by a sampler so far."""
    config, spec, task = run.config, run.spec(stage), stage.task
    drawn = run.reads.trials(run.name, task, role=TrialRole.CANDIDATE) if plan.sampled(config, task) else []
    return [*planned(run, spec), *((plan.trial_spec(spec, config.seed, row.number, GridPoint(row.alpha, row.learning_rate)),)
                                   for row in drawn)]
