"""COMMITTING → COMMITTED: prune, publish, prove, and record it all in one transaction."""

import dataclasses

from db.records import CapacityRecord, CommitRecord, EvaluationRecord
from db.rows import StageRow
from orchestrator.stages.context import RunContext
from orchestrator.stages.selecting import restore
from workers import jobs


def commit(run: RunContext, stage: StageRow) -> None:
    """Build the commit on a worker, which refuses one that would forget, and record it.

    Raises:
        ForgettingError: the published network would change an earlier task.
        StoppedError: the driver was asked to stop first.
    """
    task = stage.task
    selection = run.reads.selections(run.name, task)[0]
    chosen = next(row for row in run.reads.trials(run.name, task) if row.number == selection.chosen)
    restore(run, stage, [chosen])
    splits = {row.task: row.split_digest for row in run.reads.stages(run.name) if row.task <= task}
    earlier = tuple((row.task, row.digest) for row in run.reads.commits(run.name) if row.task < task)
    built: jobs.BuiltCommit = run.job(jobs.build_commit, run.spec(stage), chosen.artifact_digest,
                                      selection.thresholds, run.storage, earlier, splits)
    run.store.record_commit(run.lease, task, CommitRecord(
        built.artifact.digest, built.artifact.bytes_written, stage.base_digest,
        tuple(CapacityRecord(**dataclasses.asdict(layer)) for layer in built.capacity),
        tuple(EvaluationRecord(cell.task, cell.test_correct, cell.test_total, cell.logits_digest)
              for cell in built.evaluations),
        dataclasses.asdict(built.proof), built.seconds))
    own = next(cell for cell in built.evaluations if cell.task == task)
    run.progress.committed(task, selection.chosen, own.test_correct / own.test_total,
                           [100 * layer.used / layer.total for layer in built.capacity])
