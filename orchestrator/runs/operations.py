"""Operations on recorded runs: stop, cancel, remove and verify."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clnp_core.architecture import Architecture
from clnp_core.errors import ForgettingError, NotFoundError, StateError
from db.engine import open_database
from db.reads.reads import Reads
from db.rows import RunRow
from db.states import RequestKind, RunState
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver import plan
from orchestrator.runs.location import Place
from orchestrator.runs.store_registry import refuse_strangers
from orchestrator.runs.trial_logs import remove_output
from workers.environment import fingerprint
from workers.storage.files import is_part

ENDED = (RunState.COMPLETED, RunState.DEPLETED, RunState.CANCELLED)
"""States of a run that cannot be cancelled any more."""


def request_stop(run: str, *, url: str | None = None) -> RunRow:
    """Ask the driver of a run, on any machine, to stop cleanly; it stops within seconds.

    Raises:
        NotFoundError: no such run.
        StateError: it has no driver.
    """
    engine = open_database(url)
    try:
        row = Reads(engine).run(run)
        if not row.driver_lives:
            state = "has lost its driver" if row.lost_its_driver else f"is {row.state.value}"
            raise StateError(f"run {run!r} {state}: there is no driver to stop",
                             f"`clnp status {run}` shows its state")
        Store(engine).request(run, RequestKind.STOP)
        return row
    finally:
        engine.dispose()


def request_cancel(run: str, *, url: str | None = None) -> RunRow:
    """Cancel a run: its driver, on any machine, stops within seconds, and the run cannot be resumed. Its commits stay and
    can be forked.

    Returns:
        The run as it was at the request; ``driver_lives`` tells whether a driver must stop first.

    Raises:
        NotFoundError: no such run.
        StateError: it has ended already.
    """
    engine = open_database(url)
    try:
        row = Reads(engine).run(run)
        if row.state in ENDED:
            raise StateError(f"run {run!r} is {row.state.value}: there is nothing to cancel",
                             f"`clnp show {run}` shows it; `clnp rm {run}` removes it")
        Store(engine).request(run, RequestKind.CANCEL)
        return row
    finally:
        engine.dispose()


def request_stop_of_group(group: str, *, url: str | None = None) -> Sequence[str]:
    """Ask the drivers of a group's runs, on any machine, to stop cleanly.

    Returns:
        The runs that have a driver.

    Raises:
        NotFoundError: no such group.
        StateError: none of them has a driver.
    """
    return _request_of_group(group, RequestKind.STOP, lambda row: row.driver_lives, url,
                             f"no run of group {group!r} has a driver that could stop")


def request_cancel_of_group(group: str, *, url: str | None = None) -> Sequence[str]:
    """Cancel all runs of a group that have not ended.

    Returns:
        The cancelled runs.

    Raises:
        NotFoundError: no such group.
        StateError: all of them have ended already.
    """
    return _request_of_group(group, RequestKind.CANCEL, lambda row: row.state not in ENDED, url,
                             f"every run of group {group!r} has ended: there is nothing to cancel")


def _request_of_group(group: str, kind: RequestKind, concerns: Callable[[RunRow], bool], url: str | None,
                      nothing: str) -> Sequence[str]:
    engine = open_database(url)
    try:
        asked = [row.name for row in Reads(engine).group(group) if concerns(row)]
        if not asked:
            raise StateError(nothing, f"`clnp status {group}` shows the states of its runs")
        store = Store(engine)
        for run in asked:
            store.request(run, kind)
        return asked
    finally:
        engine.dispose()


def remove_run(place: Place, run: str) -> int:
    """Remove a run, and the artifacts that no other run refers to; return the bytes freed. See
    :func:`clnp.remove`."""
    from workers.storage.artifacts import ArtifactStore

    engine, root = open_database(place.url), place.storage
    try:
        artifacts, alone = ArtifactStore(root), True
        try:
            refuse_strangers(root, [engine])
        except StateError:
            alone = False
        before = {row.digest: artifacts.changed_at(row.digest) for row in Reads(engine).artifacts()
                  if row.runs == (run,) and is_part(row.digest)} if alone else {}
        digests = Store(engine).remove_run(run)
        if alone:
            remove_output(root, run)
        return sum(artifacts.remove(digest, before.get(digest)) for digest in digests if before.get(digest) is not None)
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class VerifiedCommit:
    """One commit, verified from storage.

    ``logits_compared`` tells whether the logits' digests were also compared with the recorded ones, which is only possible in
    the environment that recorded them.
    """

    task: int
    digest: str
    tasks_compared: tuple[int, ...]
    samples_compared: int
    logits_compared: bool


def verify_run(place: Place, run: str) -> tuple[VerifiedCommit, ...]:
    """Verify zero forgetting for every commit of a run. See :func:`clnp.verify`."""
    from workers.jobs.commit_job import verify_commit

    with place.reads() as reads:
        row = reads.run(run)
        config, stages, commits = Config.from_resolved(row.config), reads.stages(run), reads.commits(run)
        if not config.method.divides_the_network:
            raise StateError(f"run {run!r} was made with method {config.method}, which does not guarantee zero forgetting",
                             f"`clnp status {run}` shows its accuracies; only runs of method clnp can be verified")
        if not commits:
            raise NotFoundError(f"run {run!r} has no commit yet", f"`clnp resume {run}` continues it")
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
                    f"after task {commit.task} the logits of task {cell.task} differ from the recorded ones",
                    "the artifacts are intact, so the data or the environment differs from the run's")
        verified.append(VerifiedCommit(commit.task, commit.digest, proof.tasks_compared, proof.samples_compared,
                                       same_environment))
    return tuple(verified)
