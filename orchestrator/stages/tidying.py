"""After a commit: the weights of trials that were not chosen go, as far as the config lets them."""

from clnp_core.errors import ArtifactError
from db.rows import StageRow
from db.states import TrialState
from orchestrator.driver.stages.context import RunContext
from workers.storage.artifacts import ArtifactStore


def tidy(run: RunContext, stage: StageRow) -> None:
    """Remove the weights of a committed task's trials, but for the chosen one and the best that ``storage.keep_trials`` keeps.

    The database says first that they are gone; bytes that a crash leaves behind after that go with the next call.
    """
    if run.config.storage.keep_trials == "all":
        return
    chosen = run.reads.selections(run.name, stage.task)[0].chosen
    rows = [row for row in run.reads.trials(run.name, stage.task) if row.state is TrialState.FINISHED]
    best = sorted(rows, key=lambda row: (-(row.val_correct or 0), row.number))
    others = [row.number for row in best if row.number != chosen][:run.config.storage.keep_trials]
    artifacts = ArtifactStore(run.storage)
    try:
        before = {digest: artifacts.changed_at(digest) for row in best if (digest := row.artifact_digest) is not None}
        for digest in run.store.drop_trial_weights(run.lease, stage.task, {chosen, *others}):
            if before[digest] is not None:
                artifacts.remove(digest, before[digest])  # another run's worker may have stored the same meanwhile
    except ArtifactError as error:  # the task is committed all the same, and `clnp gc` takes what is left
        run.progress.notice(f"  {error.message}; `clnp gc` removes it later")
