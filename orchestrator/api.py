"""The functions behind :mod:`clnp` and the commands: launch, resume, fork, start, remove and verify runs.

    import clnp
    run = clnp.launch("experiments/permuted-digits.yaml", overrides=["selection.margin_points=2"])
    run                                     # shows itself; run.trials(), run.figure("accuracy"), run.commit().predict(…)
    clnp.runs()                             # all recorded runs; clnp.run("name") returns one of them

Throughout, ``url`` is the database (None: ``CLNP_DB_URL``, or SQLite in the working folder) and ``storage`` the root of the
artifact store (None: :func:`storage_root`). docs/tutorial.md has worked examples; :mod:`db.dataframes` reads the same
tables without handles.
"""

from orchestrator.jobs.own_packages import check_packages

__checked__ = check_packages()  # before the first of them is imported

from clnp_core.errors import ConfigError
from orchestrator.config.choices import ExecutorKind
from orchestrator.config.config import Config
from orchestrator.driver.launch import AnyConfig, Overrides, built, fork_run, launch_run, resume_run
from orchestrator.events.console import ConsoleProgress
from orchestrator.events.events import Progress
from orchestrator.notebook.collections import Group, Runs
from orchestrator.notebook.commit_handle import Commit
from orchestrator.notebook.run_handle import Run
from orchestrator.notebook.stage_handle import Stage, Trial
from orchestrator.runs.location import Place, storage_root
from orchestrator.runs.operations import VerifiedCommit, remove_run, request_cancel, request_stop, verify_run

__all__ = [
    "Commit", "Config", "ConsoleProgress", "Group", "Progress", "Run", "Runs", "Stage", "Trial", "VerifiedCommit", "fork",
    "group", "launch", "remove", "request_cancel", "request_stop", "resume", "run", "runs", "start", "storage_root", "verify"]


def run(name: str, *, url: str | None = None, storage: str | None = None) -> Run:
    """Return a recorded run by its name.

    Raises:
        NotFoundError: no such run.
        DatabaseError: there is no database, or it cannot be read.
    """
    place = Place.of(url, storage)
    with place.reads() as reads:
        reads.run(name)
    return Run(name, place)


def runs(group: str | None = None, *, url: str | None = None, storage: str | None = None) -> Runs:
    """Return all recorded runs, or those of one group, oldest first.

    Raises:
        DatabaseError: there is no database, or it cannot be read.
    """
    place = Place.of(url, storage)
    with place.reads() as reads:
        return Runs(tuple(row.name for row in reads.runs(group)), place)


def group(name: str, *, url: str | None = None, storage: str | None = None) -> Group:
    """Return a recorded group of runs by its name.

    Raises:
        NotFoundError: no such group.
        DatabaseError: there is no database, or it cannot be read.
    """
    place = Place.of(url, storage)
    with place.reads() as reads:
        reads.group(name)
    return Group(name, place)


def launch(config: AnyConfig, *, name: str | None = None, overrides: Overrides = (), progress: Progress | None = None,
           url: str | None = None, storage: str | None = None, executor: str = "ray") -> Run | Group:
    """Record a run and drive it in this process until it has ended or is asked to stop. With several ``seeds``: a group of
    runs that run side by side, each in its own driver process.

    Args:
        config: the path of a file, its sections as dictionaries, or a :class:`Config`.
        name: name of the run or group; must be free. None uses the config's name, with a number appended if it is taken.
        overrides: changes to a file or its sections: ``["a.b=value"]``, the value in YAML, or ``{"a.b": value}``.
        progress: receives the steps, such as ``clnp.ConsoleProgress()``; None is silent. For a group it receives the drivers'
            lines as notices.
        url, storage: see :mod:`orchestrator.api`.
        executor: ``"ray"``, or ``"inline"``, which computes in this process without Ray, so that a breakpoint in a task or a
            network stops here. Results do not depend on it. With ``seeds``, only ``"ray"``.

    Returns:
        The run, whose driver has ended: completed, depleted, or stopped. With ``seeds``, the group; its ``standing`` shows how
        each run ended.

    Raises:
        ConfigError, DatabaseError, StateError: nothing was started.
        RunFailedError, DataError, ArtifactError, ForgettingError: a stage failed; the run can be resumed. A run of a group that
            fails raises nothing.
    """
    place, loaded = Place.of(url, storage), built(config, name, overrides)
    chosen = _executor(executor)
    if loaded.seeds is None:
        return Run(launch_run(place, loaded, name, (), progress, chosen), place)
    if chosen is ExecutorKind.INLINE:
        raise ConfigError("the executor inline drives one run, and the config has several seeds",
                          "set seed instead of seeds, or use the executor ray")
    from orchestrator.groups.groups import launch_group
    from orchestrator.groups.runner import PlainGroupProgress

    return Group(launch_group(place, loaded, name, PlainGroupProgress(progress or Progress())).group, place)


def start(config: AnyConfig, *, name: str | None = None, overrides: Overrides = (), url: str | None = None,
          storage: str | None = None) -> Run:
    """Record a run and drive it in a background process that outlives this one. Its output is kept in ``.clnp/jobs`` of the
    working folder.

    Args:
        config, name, overrides, url, storage: as in :func:`launch`.

    Returns:
        The run, as soon as its driver is running: ``run.follow()`` shows its progress, ``run.stop()`` stops the driver.

    Raises:
        ConfigError, DatabaseError, StateError: nothing was started.
        RunFailedError: the driver ended at once; with its error message.
    """
    from orchestrator.jobs.start import start_run

    place = Place.of(url, storage)
    return Run(start_run(place, config, name, overrides), place)


def fork(run: str, after_task: int, *, name: str | None = None, overrides: Overrides = (), accept_environment: bool = False,
         progress: Progress | None = None, url: str | None = None, storage: str | None = None,
         executor: str = "ray") -> Run:
    """Record a new run that continues from a commit of another one, and drive it like :func:`launch`.

    Its tasks up to ``after_task`` are those of ``run``; later ones are learnt with that run's config and the overrides.
    Recorded trials with the same key are reused unless ``sweep.reuse_trials`` is overridden.

    Args:
        run: the run to continue from, in any state: commits never change.
        after_task: the last task that is reused; 0 reuses none.
        name: name of the new run; must be free. None uses ``RUN-fork``, with a number appended if it is taken.
        overrides: changes to the config of ``run``, as in :func:`launch`.
        accept_environment: continue although device, torch or code differ from those of that commit; this is recorded.
        progress, executor: as in :func:`launch`.
        url, storage: see :mod:`orchestrator.api`.

    Returns:
        The new run, whose driver has ended.

    Raises:
        NotFoundError: no such run.
        ConfigError: an override is wrong, or contradicts how the reused tasks were learnt.
        StateError: the task is not committed, no task is left to learn, or the name is taken.
        EnvironmentChangedError: the environment differs; nothing was recorded.
        RunFailedError, DataError, ArtifactError, ForgettingError: a stage failed; the new run can be resumed.
    """
    place = Place.of(url, storage)
    return Run(fork_run(place, run, after_task, name, overrides, accept_environment, progress, _executor(executor)), place)


def resume(run: str, *, retry_failed: bool = False, accept_environment: bool = False,
           progress: Progress | None = None, url: str | None = None, storage: str | None = None,
           executor: str = "ray") -> Run:
    """Continue a run from its recorded state. Finished trials are not trained again. For a completed run, only commits that are
    missing from the store are rebuilt.

    Args:
        run: its name.
        retry_failed: also retrain failed trials that the selection does not need.
        accept_environment: continue although device, torch or code have changed; this is recorded.
        progress, executor: as in :func:`launch`.
        url, storage: see :mod:`orchestrator.api`.

    Returns:
        The run, whose driver has ended.

    Raises:
        NotFoundError: no such run.
        BusyError: another driver holds it.
        StateError: it was cancelled, or is depleted.
        EnvironmentChangedError, RunFailedError, DataError, ArtifactError, ForgettingError: as :func:`launch`.
    """
    place = Place.of(url, storage)
    resume_run(place, run, retry_failed, accept_environment, progress, _executor(executor))
    return Run(run, place)


def remove(run: str, *, url: str | None = None, storage: str | None = None) -> int:
    """Remove a run from the database, and the artifacts that no other run refers to. If other databases use the same artifact
    store, the artifacts stay until :func:`orchestrator.runs.gc.collect` has checked those databases.

    Returns:
        Bytes freed in the artifact store.

    Raises:
        NotFoundError: no such run.
        BusyError: a driver holds it.
    """
    return remove_run(Place.of(url, storage), run)


def verify(run: str, *, url: str | None = None, storage: str | None = None) -> tuple[VerifiedCommit, ...]:
    """Verify zero forgetting for every commit of a run from the stored weights. Needs the data, but not Ray.

    Raises:
        NotFoundError: no such run, or no commit yet.
        ForgettingError: a commit changes an earlier task, or logits differ from the recorded ones.
        ArtifactError, DataError: something needed is missing or damaged.
    """
    return verify_run(Place.of(url, storage), run)


def _executor(name: str) -> ExecutorKind:
    if name not in list(ExecutorKind):
        raise ConfigError(f"there is no executor {name!r}", f"use one of {', '.join(ExecutorKind)}")
    return ExecutorKind(name)
