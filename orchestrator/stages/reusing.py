"""Before a sweep trains anything: results that other runs have recorded for the same trials."""

from db.records import ReusableTrial
from orchestrator.driver.stages.context import RunContext
from workers.storage.artifacts import ArtifactStore


def take_over(run: RunContext, task: int) -> str:
    """Take over what another run has recorded under the same key, in the same environment. Its weights are in this run's
    store, or were removed to save space: then they are trained again should the trial be picked.

    Returns:
        What was taken over, in words; nothing if nothing was.
    """
    artifacts = ArtifactStore(run.storage)
    chosen: dict[int, ReusableTrial] = {}
    for trial in run.store.reusable_trials(run.lease, task):
        if trial.number not in chosen and (
                trial.weights_removed or artifacts.size(trial.artifact_digest) is not None):
            chosen[trial.number] = trial
    taken = run.store.reuse_trials(run.lease, task, tuple(chosen.values()))
    if not taken:
        return ""
    runs = sorted({trial.source_run for trial in taken})
    planned = run.reads.stage(run.name, task).trials_total
    return (f"task {task}: {len(taken)}{'' if len(taken) == planned else f' of {planned}'} "
            f"trial{'' if planned == 1 else 's'} taken over from run{'' if len(runs) == 1 else 's'} {', '.join(runs)}, "
            + ("none trained again" if len(taken) == planned or run.config.resources.trials_per_pack == 1 else
               "and packs that miss a trial are trained whole"))
