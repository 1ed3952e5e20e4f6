"""Record a group and drive its unfinished runs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from db.engine import open_database
from db.reads.reads import Reads
from db.rows import RunRow
from db.states import RunState
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.config.sections import run_ending
from orchestrator.driver.cluster import connect
from orchestrator.driver.launch import free_name, new_run
from orchestrator.driver.ray_failure import cluster_address
from orchestrator.groups.runner import GroupProgress, SideBySide
from orchestrator.render.format import plural, ranges
from orchestrator.runs.location import Place
from orchestrator.runs.operations import ENDED
from orchestrator.runs.store_registry import register


@dataclass(frozen=True, slots=True)
class GroupEnding:
    """Exit codes of a group's drivers by the name of their run. Runs that had already ended have none."""

    group: str
    exit_codes: Mapping[str, int]

    @property
    def exit_code(self) -> int:
        """The highest exit code; that of Ctrl-C if it stopped a run."""
        return max(self.exit_codes.values(), default=0)


def launch_group(place: Place, config: Config, name: str | None, telling: GroupProgress,
                 options: Sequence[str] = ()) -> GroupEnding:
    """Record a run for each seed of a config, then drive all runs side by side.

    Args:
        place: the database and the artifact store.
        config: with ``seeds``.
        name: name of the group; it and the names of its runs must be free. None uses the config's name, with a number
            appended if it is taken.
        telling: receives the steps.
        options: options of ``clnp resume`` for every driver.

    Raises:
        ConfigError, RunFailedError, DatabaseError, StateError: nothing was recorded.
    """
    seeds = config.seeds or ()
    engine = open_database(place.url, create=True)
    try:
        with _cluster(config, place, telling) as (address, where):
            group = name if name is not None else free_name(Reads(engine), config.name, list(map(run_ending, seeds)))
            configs = config.of_each_seed(group)
            register(place.storage, engine)
            Store(engine).create_group(group, [new_run(each.name, each) for each in configs])
            telling.notice(f"group {group}: {plural(len(seeds), 'run')}, {_seeds(seeds)}, side by side on {where}")
            runs = SideBySide(place, address, telling, options)
            return GroupEnding(group, runs.drive([each.name for each in configs]))
    finally:
        engine.dispose()


def record_group(place: Place, config: Config) -> None:
    """Record a group named like the config, with a run for each seed; :func:`resume_group` drives them.

    Args:
        place: the database, which is created if it is missing, and the artifact store.
        config: with ``seeds``.

    Raises:
        ConfigError, DatabaseError, StateError: nothing was recorded.
    """
    with _writing(place) as store:
        store.create_group(config.name, [new_run(each.name, each) for each in config.of_each_seed(config.name)])


def extend_group(place: Place, group: str, configs: Sequence[Config]) -> None:
    """Record more runs of a group; :func:`resume_group` drives them.

    Args:
        place: the database and the artifact store.
        group: its name.
        configs: one for each new run, named and with its seed.

    Raises:
        NotFoundError, StateError: as :meth:`db.store.store.Store.extend_group`; nothing was recorded.
    """
    with _writing(place) as store:
        store.extend_group(group, [new_run(each.name, each) for each in configs])


def resume_group(place: Place, group: str, telling: GroupProgress, options: Sequence[str] = (),
                 without: Collection[str] = ()) -> GroupEnding:
    """Resume the unfinished runs of a group, side by side.

    Args:
        place: the database and the artifact store.
        group: its name.
        telling: receives the steps.
        options: options of ``clnp resume`` for every driver.
        without: names of runs to skip.

    Raises:
        NotFoundError: no such group.
        ConfigError, RunFailedError, DatabaseError: nothing was driven.
    """
    with place.reads() as reads:
        rows = [row for row in reads.group(group) if row.name not in without]
    left = [row for row in rows if row.state not in ENDED]
    _tell_what_is_over(group, rows, telling)
    if not left:
        return GroupEnding(group, {})
    with _cluster(Config.from_resolved(left[0].config), place, telling) as (address, where):
        telling.notice(f"group {group}: resuming {len(left)} of {plural(len(rows), 'run')}, "
                       f"{_seeds([row.seed for row in left])}, side by side on {where}")
        return GroupEnding(group, SideBySide(place, address, telling, options).drive([row.name for row in left]))


def drive_runs(place: Place, rows: Sequence[RunRow], telling: GroupProgress, at_once: int,
               options: Sequence[str] = ()) -> dict[str, int]:
    """Drive recorded runs of several groups on one cluster.

    Args:
        place: the database and the artifact store.
        rows: the runs, in the order in which they start; at least one.
        telling: receives the steps.
        at_once: maximum number of concurrent drivers.
        options: options of ``clnp resume`` for every driver.

    Returns:
        The exit code of every run's driver.

    Raises:
        ConfigError, RunFailedError, DatabaseError: nothing was driven.
    """
    with _cluster(Config.from_resolved(rows[0].config), place, telling) as (address, where):
        telling.notice(f"{plural(len(rows), 'run')}, {at_once} at once, on {where}")
        return SideBySide(place, address, telling, options).drive([row.name for row in rows], at_once)


@contextmanager
def _writing(place: Place) -> Iterator[Store]:
    """Open the database, created if it is missing, and register it with the artifact store."""
    engine = open_database(place.url, create=True)
    try:
        register(place.storage, engine)
        yield Store(engine)
    finally:
        engine.dispose()


@contextmanager
def _cluster(config: Config, place: Place, telling: GroupProgress) -> Iterator[tuple[str, str]]:
    """Provide the cluster that all drivers share: yield its address and its name for messages."""
    with connect(config, place.storage, telling.step) as cluster:
        yield cluster_address() or cluster.head, cluster.address


def _tell_what_is_over(group: str, rows: Sequence[RunRow], telling: GroupProgress) -> None:
    if rows and all(row.state is RunState.COMPLETED for row in rows):
        telling.notice(f"group {group} is complete: there is nothing left to do")
        return
    for row in rows:
        if row.state in ENDED and row.state is not RunState.COMPLETED:
            telling.notice(f"run {row.name} is {row.state.value} and cannot be resumed; `clnp show {row.name}` says why")


def _seeds(seeds: Sequence[int]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {ranges(seeds)}"
