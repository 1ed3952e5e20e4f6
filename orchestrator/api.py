"""What Python users import, and what every command of ``clnp`` calls.

    from orchestrator import api
    run = api.launch("experiments/permuted-digits.yaml", overrides=["selection.margin_points=2"])
    print(run.name, run.state)

For tables as pandas see :mod:`db.queries`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clnp_core.architecture import Architecture
from clnp_core.errors import EnvironmentChangedError, ForgettingError, NotFoundError, StateError
from db.reads import Reads
from db.records import NewRun
from db.rows import RunRow
from db.session import open_database
from db.states import RequestKind, RunState
from db.store import Store
from orchestrator import plan
from orchestrator.configuration.config import MAX_NAME, Config, load
from orchestrator.driving import NotStartedError, drive_run
from orchestrator.forking import forked_config
from orchestrator.progress import Progress
from orchestrator.sharing import refuse_strangers
from workers.environment import code_version, fingerprint, package_versions
from workers.files import full_root


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


def storage_root() -> str:
    """Where artifacts lie: ``CLNP_STORAGE``, a folder or ``s3://BUCKET/PREFIX``, or ``.clnp/artifacts`` in the working folder.

    Raises:
        ConfigError: ``CLNP_STORAGE`` is a URL of something else.
    """
    return full_root(os.environ.get("CLNP_STORAGE") or Path(".clnp") / "artifacts")


def launch(config: Config | str | Path, *, name: str | None = None, overrides: Sequence[str] = (),
           progress: Progress | None = None, url: str | None = None, storage: str | None = None) -> RunRow:
    """Record a run and drive it until it has ended or is asked to stop.

    Args:
        config: a configuration or the path of its file.
        name: of the run; must be free. None takes the config's name, with a number behind it if that is taken.
        overrides: ``a.b=value`` assignments over a file.
        progress: who wants to hear of the steps; None is silent.
        url: the database; None means ``CLNP_DB_URL``, or SQLite in the working folder.
        storage: root of the artifact store; None means :func:`storage_root`.

    Returns:
        The run as it stands when its driver ends: completed, depleted, or stopped.

    Raises:
        ConfigError, DatabaseError, StateError: nothing was started.
        RunFailedError, DataError, ArtifactError, ForgettingError: a stage failed; the run can be resumed.
    """
    loaded = config if isinstance(config, Config) else load(config, overrides, name=name)
    engine = open_database(url, create=True)
    try:
        store, reads = Store(engine), Reads(engine)
        run = name if name is not None else _free_name(reads, loaded.name)
        store.create_run(_new_run(run, loaded))
        try:
            drive_run(engine, run, loaded, progress or Progress(), storage or storage_root())
        except NotStartedError as error:
            store.remove_run(run)  # nothing is recorded under it, and its name stays free
            raise error.cause from None
        return reads.run(run)
    finally:
        engine.dispose()


def fork(run: str, after_task: int, *, name: str | None = None, overrides: Sequence[str] = (),
         accept_environment: bool = False, progress: Progress | None = None, url: str | None = None,
         storage: str | None = None) -> RunRow:
    """Record a new run that goes on from a commit of another one, and drive it like :func:`launch`.

    Its tasks up to ``after_task`` are those of ``run``; the later ones are learnt under that run's config with the
    overrides. Recorded trials with the same key are taken over (``sweep.reuse_trials``) unless an override says otherwise.

    Args:
        run: the run to go on from, whatever it is doing: commits never change.
        after_task: the last task that is taken over; 0 takes over none.
        name: of the new run; must be free. None takes ``RUN-fork``, with a number behind it if that is taken.
        overrides: ``a.b=value`` assignments over the config of ``run``.
        accept_environment: go on although device, torch or code are not what they were at that commit; that is recorded.
        progress, url, storage: as in :func:`launch`.

    Returns:
        The new run as it stands when its driver ends.

    Raises:
        NotFoundError: no such run.
        ConfigError: an override is wrong, or would make the tasks that are taken over untrue.
        StateError: the task is not committed, no task would be left, or the name is taken.
        EnvironmentChangedError: and nothing was recorded.
        RunFailedError, DataError, ArtifactError, ForgettingError: a stage failed; the new run can be resumed.
    """
    engine = open_database(url)
    try:
        store, reads = Store(engine), Reads(engine)
        source = reads.run(run)
        loaded = forked_config(source.config, run, after_task, overrides, name or f"{run[:MAX_NAME - 9]}-fork")
        forked = name if name is not None else _free_name(reads, loaded.name)
        store.fork_run(run, after_task, _new_run(forked, loaded))
        told = progress or Progress()
        told.notice(f"run {forked} goes on from task {after_task} of run {run}" if after_task else
                    f"run {forked} starts over with the config of run {run}")
        try:
            drive_run(engine, forked, loaded, told, storage or storage_root(), accept_environment=accept_environment)
        except NotStartedError as error:
            store.remove_run(forked)
            raise error.cause from None
        except EnvironmentChangedError as error:
            store.remove_run(forked)
            raise EnvironmentChangedError(
                error.message.replace(repr(forked), repr(run)),
                "go back to that environment, or fork with --accept-environment, which is recorded") from None
        return reads.run(forked)
    finally:
        engine.dispose()


def resume(run: str, *, retry_failed: bool = False, accept_environment: bool = False,
           progress: Progress | None = None, url: str | None = None, storage: str | None = None) -> RunRow:
    """Go on with a run where it stands: finished trials are never trained again. A completed run has nothing left to do, but
    commits that the store has lost are built again.

    Args:
        run: its name.
        retry_failed: also train trials again that failed and that the selection could do without.
        accept_environment: go on although device, torch or code have changed; that is recorded.
        progress, url, storage: as in :func:`launch`.

    Raises:
        NotFoundError: no such run.
        BusyError: another driver holds it.
        StateError: it was cancelled, or is depleted.
        EnvironmentChangedError, RunFailedError, DataError, ArtifactError, ForgettingError: as :func:`launch`.
    """
    engine = open_database(url)
    try:
        reads, root = Reads(engine), storage or storage_root()
        row = reads.run(run)
        if row.state in (RunState.CANCELLED, RunState.DEPLETED):
            raise StateError(f"run {run!r} is {row.state.value} and cannot go on",
                             f"`clnp show {run}` says why; `clnp fork {run} --task K` goes on from one of its commits")
        if row.state is not RunState.COMPLETED or _has_lost_commits(reads, run, root):
            try:
                drive_run(engine, run, Config.from_resolved(row.config), progress or Progress(), root, retry_failed,
                          accept_environment)
            except NotStartedError as error:
                raise error.cause from None
        return reads.run(run)
    finally:
        engine.dispose()


def request_stop(run: str, *, url: str | None = None) -> RunRow:
    """Ask the driver of a run, wherever it runs, to stop cleanly; it obeys within seconds.

    Raises:
        NotFoundError: no such run.
        StateError: nobody drives it.
    """
    engine = open_database(url)
    try:
        row = Reads(engine).run(run)
        if not row.driver_lives:
            raise StateError(f"run {run!r} is {row.state.value}: no driver runs that could stop",
                             f"`clnp status {run}` shows where it stands")
        Store(engine).request(run, RequestKind.STOP)
        return row
    finally:
        engine.dispose()


def request_cancel(run: str, *, url: str | None = None) -> RunRow:
    """End a run for good: its driver, wherever it runs, stops within seconds, and no other one takes it up. Commits stay, and
    can be forked.

    Returns:
        The run as it was when it was asked; ``driver_lives`` says whether a driver has to obey first.

    Raises:
        NotFoundError: no such run.
        StateError: it has ended already.
    """
    engine = open_database(url)
    try:
        row = Reads(engine).run(run)
        if row.state in (RunState.COMPLETED, RunState.DEPLETED, RunState.CANCELLED):
            raise StateError(f"run {run!r} is {row.state.value}: there is nothing to cancel",
                             f"`clnp show {run}` shows it; `clnp rm {run}` removes it")
        Store(engine).request(run, RequestKind.CANCEL)
        return row
    finally:
        engine.dispose()


def remove(run: str, *, url: str | None = None, storage: str | None = None) -> int:
    """Remove a run from the database, and the artifacts that no other run refers to; where other databases use the same
    artifact store, the artifacts stay until :func:`orchestrator.garbage.collect` has asked those.

    Returns:
        Bytes freed in the artifact store.

    Raises:
        NotFoundError: no such run.
        BusyError: a driver holds it.
    """
    from workers.artifacts import ArtifactStore

    engine, root = open_database(url), storage or storage_root()
    try:
        artifacts, alone = ArtifactStore(root), True
        try:
            refuse_strangers(root, [engine])
        except StateError:
            alone = False
        before = {row.digest: artifacts.changed_at(row.digest) for row in Reads(engine).artifacts()
                  if row.runs == (run,)} if alone else {}
        digests = Store(engine).remove_run(run)
        return sum(artifacts.remove(digest, before.get(digest)) for digest in digests if before.get(digest) is not None)
    finally:
        engine.dispose()


def verify(run: str, *, url: str | None = None, storage: str | None = None) -> tuple[VerifiedCommit, ...]:
    """Prove zero forgetting once more, for every commit of a run, from what lies in storage. Needs the data, not Ray.

    Raises:
        NotFoundError: no such run, or no commit yet.
        ForgettingError: a commit changes an earlier task, or logits are not what was recorded.
        ArtifactError, DataError: something needed is missing or damaged.
    """
    from workers.publishing import verify_commit

    engine = open_database(url)
    try:
        reads = Reads(engine)
        row = reads.run(run)
        config, stages, commits = Config.from_resolved(row.config), reads.stages(run), reads.commits(run)
        if not commits:
            raise NotFoundError(f"run {run!r} has no commit yet", f"`clnp resume {run}` goes on with it")
        same_environment = row.environment == fingerprint(config.resources.threads_per_trial)
        recorded = {(cell.after_task, cell.on_task): cell.logits_digest for cell in reads.accuracy_matrix(run)}
    finally:
        engine.dispose()
    verified = []
    for commit in commits:
        stage = stages[commit.task - 1]
        spec = plan.stage_spec(config, commit.task, Architecture.from_json(stage.architecture or {}), stage.base_digest)
        earlier = [(old.task, old.digest) for old in commits if old.task < commit.task]
        splits = {stage.task: stage.split_digest or "" for stage in stages}
        proof, evaluations = verify_commit(spec, commit.digest, storage or storage_root(), earlier, splits)
        for cell in evaluations if same_environment else ():
            if cell.logits_digest != recorded[commit.task, cell.task]:
                raise ForgettingError(
                    f"after task {commit.task} the logits of task {cell.task} are not what was recorded",
                    "the artifacts are intact, so the data or the environment differ from the run's")
        verified.append(VerifiedCommit(commit.task, commit.digest, proof.tasks_compared, proof.samples_compared,
                                       same_environment))
    return tuple(verified)


def _has_lost_commits(reads: Reads, run: str, storage: str) -> bool:
    from workers.jobs import lost_artifacts

    return bool(lost_artifacts([commit.digest for commit in reads.commits(run)], storage))


def _new_run(name: str, config: Config) -> NewRun:
    resolved = config.resolved()
    return NewRun(name, resolved, config.digest(), config.seed, config.benchmark.name, config.benchmark.tasks,
                  str(resolved["selection"]["margin_points"]), code_version(), package_versions())


def _free_name(reads: Reads, wanted: str) -> str:
    taken = {row.name for row in reads.runs()}
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(name for name in numbered if name not in taken)
