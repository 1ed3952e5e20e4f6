"""Record a run and drive it in this process: launch, fork and resume."""

import json
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from clnp_core.errors import ConfigError, EnvironmentChangedError, StateError
from db.engine import open_database
from db.reads.reads import Reads
from db.records import NewRun
from db.states import RunState
from db.store.store import Store
from orchestrator.config.choices import ExecutorKind
from orchestrator.config.config import Config, load
from orchestrator.config.yaml_loader import assignment_path, override
from orchestrator.driver import plan
from orchestrator.driver.driver import NotStartedError, drive_run
from orchestrator.driver.fork import forked_config
from orchestrator.events.events import Progress
from orchestrator.runs.location import Place
from orchestrator.runs.run_names import MAX_NAME
from workers.environment import GIT, code_version, git_commit, package_versions

AnyConfig = Config | str | Path | Mapping[str, Any]
"""A configuration: a :class:`Config`, the path of its file, or its sections as in that file."""

Overrides = Sequence[str] | Mapping[str, Any]
"""Changes to a configuration: ``["a.b=value"]`` with the value in YAML, or ``{"a.b": value}``."""


def launch_run(place: Place, config: AnyConfig, name: str | None, overrides: Overrides, progress: Progress | None,
               executor: ExecutorKind = ExecutorKind.RAY) -> str:
    """Record a run and drive it; return its name. See :func:`clnp.launch`."""
    loaded = built(config, name, overrides)
    engine = open_database(place.url, create=True)
    try:
        store, reads = Store(engine), Reads(engine)
        run = name if name is not None else free_name(reads, loaded.name)
        store.create_run(new_run(run, loaded))
        try:
            drive_run(engine, run, loaded, progress or Progress(), place.storage, executor=executor)
        except NotStartedError as error:
            store.remove_run(run)  # nothing has been recorded for it; this frees its name
            raise error.cause from None
        return run
    finally:
        engine.dispose()


def fork_run(place: Place, run: str, after_task: int, name: str | None, overrides: Overrides, accept_environment: bool,
             progress: Progress | None, executor: ExecutorKind = ExecutorKind.RAY) -> str:
    """Record a run that continues from a commit of another one, and drive it; return its name. See
    :func:`clnp.fork`."""
    engine = open_database(place.url)
    try:
        store, reads = Store(engine), Reads(engine)
        source = reads.run(run)
        loaded = forked_config(source.config, run, after_task, assignments(overrides), name or f"{run[:MAX_NAME - 9]}-fork")
        forked = name if name is not None else free_name(reads, loaded.name)
        store.fork_run(run, after_task, new_run(forked, loaded))
        told = progress or Progress()
        told.notice(f"run {forked} continues from task {after_task} of run {run}" if after_task else
                    f"run {forked} starts over with the config of run {run}")
        try:
            drive_run(engine, forked, loaded, told, place.storage, accept_environment=accept_environment,
                      executor=executor)
        except NotStartedError as error:
            store.remove_run(forked)
            raise error.cause from None
        except EnvironmentChangedError as error:
            store.remove_run(forked)
            raise EnvironmentChangedError(
                error.message.replace(repr(forked), repr(run)),
                "go back to that environment, or fork with --accept-environment, which is recorded") from None
        return forked
    finally:
        engine.dispose()


def resume_run(place: Place, run: str, retry_failed: bool, accept_environment: bool, progress: Progress | None,
               executor: ExecutorKind = ExecutorKind.RAY) -> None:
    """Continue a run from its recorded state. See :func:`clnp.resume`."""
    engine = open_database(place.url)
    try:
        reads = Reads(engine)
        row = reads.run(run)
        if row.state in (RunState.CANCELLED, RunState.DEPLETED):
            raise StateError(f"run {run!r} is {row.state.value} and cannot be resumed",
                             f"`clnp show {run}` says why; `clnp fork {run} --task K` continues from one of its commits")
        if row.state is not RunState.COMPLETED or _has_lost_commits(reads, run, place.storage):
            try:
                drive_run(engine, run, Config.from_resolved(row.config), progress or Progress(), place.storage, retry_failed,
                          accept_environment, executor)
            except NotStartedError as error:
                raise error.cause from None
    finally:
        engine.dispose()


def built(config: AnyConfig, name: str | None, overrides: Overrides) -> Config:
    """Return the configuration.

    Raises:
        ConfigError: it is invalid, or overrides are given for a :class:`Config`.
    """
    wanted = assignments(overrides)
    if isinstance(config, Config) and wanted:
        raise ConfigError("overrides apply to a file or a mapping of sections, not to a Config object",
                          "build it with the values that you want, or pass its file")
    if isinstance(config, Config):
        found = config
    elif isinstance(config, Mapping):
        values = override(config, wanted)
        if name is not None:
            values["name"] = name
        found = Config.parse(values, overridden=[assignment_path(item) for item in wanted])
    else:
        found = load(config, wanted, name=name)
    if found.benchmark.name.startswith("__main__:"):
        raise ConfigError(f"benchmark {found.benchmark.name!r} is defined in a notebook or the main program: "
        "workers cannot import it",
                          "save its class as a module beside it, and name it module:Class")
    return found


def assignments(overrides: Overrides) -> list[str]:
    """Return overrides as ``a.b=value`` texts; JSON values are valid YAML.

    Raises:
        ConfigError: a single text instead of a list, or a value that JSON cannot represent.
    """
    if isinstance(overrides, str):
        raise ConfigError(f"overrides is the text {overrides!r}, not a list of assignments", f"write overrides=[{overrides!r}]")
    if not isinstance(overrides, Mapping):
        return list(overrides)
    try:
        return [f"{key}={json.dumps(value, allow_nan=False)}" for key, value in overrides.items()]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"an override has a value that a config cannot contain: {error}",
                          "use numbers, texts, lists and dictionaries of these") from None


def new_run(name: str, config: Config) -> NewRun:
    """Return what is recorded for a run when it is created."""
    resolved, commit = config.resolved(), git_commit()
    versions = package_versions() | ({} if commit is None else {GIT: commit})
    return NewRun(name, resolved, config.digest(), config.seed, config.benchmark.name, config.benchmark.tasks,
                  str(resolved["selection"]["margin_points"]), code_version(), versions, config.method.value,
                  first_task=plan.first_task(config))


def free_name(reads: Reads, wanted: str, endings: Sequence[str] = ()) -> str:
    """Return the wanted name, with a number appended if needed, so that no run or group has it, also with any of the endings
    appended."""
    rows = reads.runs()
    taken = {row.name for row in rows} | {row.group for row in rows}
    room = MAX_NAME - max(map(len, endings), default=0)
    for number in count(1):
        counter = "" if number == 1 else f"-{number}"
        name = f"{wanted[:room - len(counter)]}{counter}"
        if not taken & {name, *(f"{name}{ending}" for ending in endings)}:
            return name
    raise AssertionError("unreachable: numbers are infinite")


def _has_lost_commits(reads: Reads, run: str, storage: str) -> bool:
    from workers.jobs.trial_job import lost_artifacts

    return bool(lost_artifacts([commit.digest for commit in reads.commits(run)], storage))
