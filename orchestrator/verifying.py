"""Zero forgetting, proven once more from what lies in storage."""

from dataclasses import dataclass

from clnp_core.architecture import Architecture
from clnp_core.errors import ForgettingError, NotFoundError, StateError
from orchestrator.config.config import Config
from orchestrator.driver import plan
from orchestrator.runs.location import Place
from workers.environment import fingerprint


@dataclass(frozen=True, slots=True)
class VerifiedCommit:
    """One commit, proven again from storage.

    ``logits_compared`` says whether the logits' digests were also held against the recorded ones, which is possible only in
    the environment that recorded them.
    """

    task: int
    digest: str
    tasks_compared: tuple[int, ...]
    samples_compared: int
    logits_compared: bool


def verify_run(place: Place, run: str) -> tuple[VerifiedCommit, ...]:
    """Prove zero forgetting for every commit of a run. :func:`orchestrator.api.verify` says the rest."""
    from workers.jobs.commit_job import verify_commit

    with place.reads() as reads:
        row = reads.run(run)
        config, stages, commits = Config.from_resolved(row.config), reads.stages(run), reads.commits(run)
        if not config.method.divides_the_network:
            raise StateError(f"run {run!r} was made with method {config.method}, which promises nothing about forgetting",
                             f"`clnp status {run}` shows what it has forgotten; runs of method clnp can be verified")
        if not commits:
            raise NotFoundError(f"run {run!r} has no commit yet", f"`clnp resume {run}` goes on with it")
        same_environment = row.environment == fingerprint(config.resources.threads_per_trial)
        recorded = {(cell.after_task, cell.on_task): cell.logits_digest for cell in reads.accuracy_matrix(run)}
    verified = []
    for commit in commits:
        stage = stages[commit.task - 1]
        spec = plan.stage_spec(config, commit.task, Architecture.from_json(stage.architecture or {}), stage.base_digest)
        earlier = [(old.task, old.digest) for old in commits if old.task < commit.task]
        splits = {stage.task: stage.split_digest or "" for stage in stages}
        proof, evaluations = verify_commit(spec, commit.digest, place.storage, earlier, splits)
        for cell in evaluations if same_environment else ():
            if cell.logits_digest != recorded[commit.task, cell.task]:
                raise ForgettingError(
                    f"after task {commit.task} the logits of task {cell.task} are not what was recorded",
                    "the artifacts are intact, so the data or the environment differ from the run's")
        verified.append(VerifiedCommit(commit.task, commit.digest, proof.tasks_compared, proof.samples_compared,
                                       same_environment))
    return tuple(verified)
