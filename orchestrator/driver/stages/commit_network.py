"""COMMITTING → COMMITTED: prune, fine-tune, publish, verify, record in one transaction; then remove weights not kept."""

import dataclasses
from collections.abc import Sequence

from clnp_core.errors import ArtifactError
from clnp_core.selection import required_correct
from clnp_core.values import FineTuningRound
from db.records import CommitRecord
from db.rows import StageRow
from db.states import TrialState
from orchestrator.driver import plan
from orchestrator.driver.stages.context import RunContext
from orchestrator.driver.stages.judge_teachers import teachers_of
from orchestrator.driver.stages.minimum_accuracy import require_accuracy
from orchestrator.driver.stages.restore_trials import restore_trials
from orchestrator.render.matrices import chance_text, tasks_at_chance
from orchestrator.render.run_summary import distilled_text, search_sentence
from workers.jobs.baseline_job import build_whole_commit
from workers.jobs.commit_job import BuiltCommit, build_commit
from workers.storage.artifacts import ArtifactStore
from workers.training.resume import StoppedError


def tidy(run: RunContext, stage: StageRow) -> None:
    """Remove the weights of a committed task's trials, except the chosen one and the best ``storage.keep_trials`` candidates.
    Those of teachers are kept only with ``all``.

    The removal is recorded first; bytes that a crash leaves behind are removed by the next call.
    """
    if run.config.storage.keep_trials == "all":
        return
    chosen = run.reads.selections(run.name, stage.task)[0].chosen
    rows = [row for row in run.reads.trials(run.name, stage.task) if row.state is TrialState.FINISHED]
    best = sorted((row for row in rows if row.role.can_be_chosen), key=lambda row: (-(row.val_correct or 0), row.number))
    others = [row.number for row in best if row.number != chosen][:run.config.storage.keep_trials]
    artifacts = ArtifactStore(run.storage)
    try:
        before = {digest: artifacts.changed_at(digest) for row in rows if (digest := row.artifact_digest) is not None}
        for digest in run.store.drop_trial_weights(run.lease, stage.task, {chosen, *others}):
            if before[digest] is not None:
                artifacts.remove(digest, before[digest])  # another run may have stored the same file since
    except ArtifactError as error:  # the task is committed nevertheless, and `clnp gc` removes the rest
        run.progress.notice(f"  {error.message}; `clnp gc` removes it later")


def commit(run: RunContext, stage: StageRow) -> None:
    """Build the commit on a worker, which refuses one that changes an earlier task, and record it.

    Raises:
        ForgettingError: the published network would change an earlier task.
        StoppedError: the driver was asked to stop first.
        RunFailedError: its accuracy is below ``selection.minimum_accuracy``.
    """
    task, built = stage.task, build(run, stage)
    earlier = {row.task for row in run.reads.commits(run.name)}
    learnt = [cell for cell in built.evaluations if cell.task not in earlier]
    for cell in learnt:
        require_accuracy(run, task, cell.val_correct, cell.val_total, "the network to publish" if len(learnt) == 1 else
                         f"the network to publish, on task {cell.task},")
    ArtifactStore(run.storage).touch(built.artifact.digest)  # the proof may take longer than the age limit of `clnp gc`
    run.store.record_commit(run.lease, task, CommitRecord(
        built.artifact.digest, built.artifact.bytes_written, stage.base_digest,
        built.capacity, built.evaluations,
        _verification(run, built), built.seconds, built.val_correct, built.val_total,
        built.rounds, built.search))
    for tuned in built.rounds or ():
        run.progress.notice(f"  {_tuned_text(tuned, built.val_total)}")
    if built.search is not None:
        run.progress.notice(f"  {search_sentence(built.search)}")
    own = next(cell for cell in built.evaluations if cell.task == task)
    run.progress.committed(task, run.reads.selections(run.name, task)[0].chosen, own.test_correct / own.test_total,
                           [100 * layer.used_fraction for layer in built.capacity if built.proof is not None],
                           built.artifact.digest)
    for found in tasks_at_chance(run.reads.accuracy_matrix(run.name), run.reads.stages(run.name)):
        if found.task not in earlier:
            run.store.event(run.lease, "commit", chance_text(found), {"task": found.task})
            run.progress.notice(f"  {chance_text(found)}")
    tidy(run, stage)


def build(run: RunContext, stage: StageRow) -> BuiltCommit:
    """Build the commit of the recorded selection, published and verified; nothing is recorded.

    Raises:
        ForgettingError: the published network would change an earlier task.
        StoppedError: the driver was asked to stop first.
    """
    task = stage.task
    selection = run.reads.selections(run.name, task)[0]
    chosen = next(row for row in run.reads.trials(run.name, task) if row.number == selection.chosen)
    teachers = teachers_of(run, task)
    restore_trials(run, stage, [chosen, *teachers])
    splits = {row.task: row.split_digest for row in run.reads.stages(run.name) if row.task <= task}
    earlier = tuple((row.task, row.digest) for row in run.reads.commits(run.name) if row.task < task)
    if not run.config.method.divides_the_network:
        whole: BuiltCommit = run.job(build_whole_commit, run.spec(stage), chosen.artifact_digest, run.storage, earlier, splits)
        return whole
    required = required_correct(selection.best_val_correct, selection.val_total, run.config.selection.margin_points)
    tuning = plan.fine_tuning(run.config, task, required, tuple(row.artifact_digest or "" for row in teachers),
                              selection.best_val_correct, max((row.val_correct or 0 for row in teachers), default=0))
    submit = run.submit if tuning is None else run.training
    job = submit(build_commit, run.spec(stage), chosen.artifact_digest, selection.thresholds, run.storage, earlier, splits,
                 tuning, run.config.resources.checkpoint_every_seconds)
    try:
        built: BuiltCommit = run.fetch(job)
    except StoppedError as stopped:
        _tell(run, task, stopped.news)
        raise
    _tell(run, task, built.news)
    return built


def _tell(run: RunContext, task: int, news: Sequence[str]) -> None:
    """Record and report what happened to the checkpoints of a fine-tuning."""
    for what in news:
        run.store.event(run.lease, "commit", f"task {task}: {what}", {"task": task})
        run.progress.notice(f"  task {task}: {what}")


def _verification(run: RunContext, built: BuiltCommit) -> dict[str, object]:
    """Return the proof of zero forgetting; for a method without one, the method's name."""
    return {"method": run.config.method.value} if built.proof is None else dataclasses.asdict(built.proof)


def _tuned_text(tuned: FineTuningRound, val_total: int) -> str:
    kept = f"epoch {tuned.best_epoch} of {tuned.epochs_run}" if tuned.best_epoch else "the pruned weights, no epoch was better"
    return (f"fine-tuning{distilled_text(tuned.teachers)}, round {tuned.round}: "
            f"validation {100 * tuned.pruned_val_correct / val_total:.2f} % pruned, "
            f"{100 * tuned.val_correct / val_total:.2f} % after {kept}; {tuned.seconds:.0f} s")
