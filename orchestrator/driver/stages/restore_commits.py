"""Commits that the database knows and the store has lost: built again where that gives the recorded bits, or the run halts.

A trial follows from its key, and a commit from the chosen trial and the recorded thresholds.
"""

import dataclasses

from clnp_core.errors import ArtifactError
from db.states import StageState
from orchestrator.config.config import Config
from orchestrator.driver.stages.commit_network import build
from orchestrator.driver.stages.context import RunContext
from workers.jobs import trial_job


def restore_commits(run: RunContext) -> None:
    """Make sure that every commit of the run is whole in the store; build those again that are not, oldest first.

    Raises:
        ArtifactError: one came out as another network, so what was built on it cannot be trusted.
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
        run.progress.notice(f"task {commit.task}: its committed network is missing or damaged and is built again")
        built = build(_as_learnt(run, commit.task), stages[commit.task])
        if built.artifact.digest != commit.digest:
            raise ArtifactError(
                f"the commit of task {commit.task} is lost: built again it is {built.artifact.digest[:12]}…, "
                f"not {commit.digest[:12]}…",
                "restore it from a backup of the artifact store; another environment builds other bits")
        run.store.event(run.lease, "restored", f"task {commit.task}: its committed network was lost or damaged, and has been "
                        "built again to the same bits", {"task": commit.task, "digest": commit.digest})


def _as_learnt(run: RunContext, task: int) -> RunContext:
    """The run under the config that the task was learnt with: of a fork's inherited tasks, that of the run it comes from, if
    that is still there."""
    row, config = run.reads.run(run.name), run.config
    while row.forked_from is not None and task <= (row.forked_after_task or 0):
        row = run.reads.run(row.forked_from)
        config = Config.from_resolved(row.config)
    return dataclasses.replace(run, config=config)
