"""Trained networks that the database knows and the store has not any more: trained again, to the same bits."""

from collections.abc import Sequence

from db.rows import StageRow, TrialRow
from orchestrator import plan
from orchestrator.configuration.sweep import GridPoint
from orchestrator.stages.context import RunContext
from workers import jobs


def restore_trials(run: RunContext, stage: StageRow, rows: Sequence[TrialRow]) -> bool:
    """Train again, side by side, what was finished and whose stored network is not there or damaged, and say so.

    Returns:
        Whether there was anything.
    """
    lost = run.job(jobs.lost_artifacts, tuple(row.artifact_digest or "" for row in rows), run.storage)
    gone = [row for row in rows if row.artifact_digest in lost]
    if not gone:
        return False
    numbers = ", ".join(str(row.number) for row in gone)
    run.progress.notice(f"  task {stage.task}: stored networks are not there any more and are trained again: trial {numbers}")
    spec = run.spec(stage)
    again = [run.submit(jobs.restore_trial,
                        plan.trial_spec(spec, run.config.seed, row.number, GridPoint(row.alpha, row.learning_rate)),
                        row.artifact_digest, run.storage, run.config.resources.checkpoint_every_seconds) for row in gone]
    for row, job in zip(gone, again, strict=True):
        run.fetch(job)
        run.store.artifacts_restored(run.lease, [row.artifact_digest or ""])
    run.store.event(run.lease, "restored", f"task {stage.task}: stored networks were not there any more and have been trained "
                    f"again to the same bits: trial {numbers}", {"task": stage.task, "trials": [row.number for row in gone]})
    return True
