"""Rebuild commits that are recorded but missing from the store. If the bits differ from the recorded ones, the run fails.

A trial is determined by its key, and a commit by the chosen trial and the recorded thresholds.
"""

import dataclasses

from clnp_core.errors import ArtifactError
from db.states import StageState
from orchestrator.config.config import Config
from orchestrator.driver.stages.commit_network import build
from orchestrator.driver.stages.context import RunContext
from workers.jobs import trial_job


def restore_commits(run: RunContext) -> None:
    """Make sure that every commit of the run is intact in the store; rebuild those that are not, oldest first.

    Raises:
        ArtifactError: a rebuilt network differs from the recorded one, so later commits cannot be trusted.
        StoppedError: the driver was asked to stop first.
    """
    commits = run.reads.commits(run.name)
    if not commits:
        return
    lost = run.job(trial_job.lost_artifacts, tuple(commit.digest for commit in commits), run.storage)
    if not lost:
        return
    stages = {stage.task: stage for stage in run.reads.stages(run.name) if stage.state is StageState.COMMITTED}
    for commit in commits:
        if commit.digest not in lost:
            continue
        run.progress.notice(f"task {commit.task}: its committed network is missing or damaged, rebuilding it")
        built = build(_as_learnt(run, commit.task), stages[commit.task])
        if built.artifact.digest != commit.digest:
            raise ArtifactError(
                f"the commit of task {commit.task} is lost: rebuilding it gave {built.artifact.digest[:12]}…, "
                f"not {commit.digest[:12]}…",
                "restore it from a backup of the artifact store; another environment gives different bits")
        run.store.event(run.lease, "restored", f"task {commit.task}: its committed network was lost or damaged, and has been "
                        "rebuilt bit for bit", {"task": commit.task, "digest": commit.digest})


def _as_learnt(run: RunContext, task: int) -> RunContext:
    """Return the run with the config that the task was learnt with: for inherited tasks of a fork, that of its source run, if
    it still exists."""
    row, config = run.reads.run(run.name), run.config
    while row.forked_from is not None and task <= (row.forked_after_task or 0):
        row = run.reads.run(row.forked_from)
        config = Config.from_resolved(row.config)
    return dataclasses.replace(run, config=config)
