"""Runs of a paper's table: plan, launch and resume them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clnp_core.analysis.statistics import SEEDS
from clnp_core.errors import ConfigError, NotFoundError, StateError
from clnp_core.values import TrialRole
from db.dialect import may_exist
from db.engine import open_database
from db.reads.reads import Reads
from db.rows import RunRow
from db.states import FailureKind, RunState
from db.url import resolve_url
from orchestrator.config.config import Config
from orchestrator.driver.plan import overview
from orchestrator.groups.groups import drive_runs, extend_group, record_group, resume_group
from orchestrator.groups.runner import STOPPED, GroupProgress
from orchestrator.render.format import ranges
from orchestrator.reports.paper_tables import WITHOUT_EFFECT, Asked
from orchestrator.runs.location import Place
from orchestrator.runs.operations import ENDED


def make(place: Place, configs: Sequence[Config], telling: GroupProgress, at_once: int | None = None,
         options: Sequence[str] = ()) -> dict[str, int]:
    """Launch or resume every unfinished run of a table. All missing runs are recorded before the first is driven. A diverged
    run counts as finished.

    Args:
        place: the database and the artifact store.
        configs: one per row, with ``seeds``; its name is that of the row's group.
        telling: receives the steps.
        at_once: number of concurrent runs, over all rows; None drives row after row, the seeds of a row side by side.
        options: options of ``clnp resume`` for every driver.

    Returns:
        The exit codes of the drivers that were started, by run. After a stop, rows that had not begun have none.

    Raises:
        ConfigError: a recorded group was launched with another config; nothing was recorded.
        StateError: another run has the name of a missing run; nothing was recorded.
        ClnpError: as :func:`orchestrator.groups.groups.resume_group`.
    """
    open_database(place.url, create=True).dispose()
    there = recorded(place, configs)
    require_free_names(place, configs, there)
    missing = {config.name: _missing(config, there[config.name]) for config in configs}
    for config in configs:
        if not there[config.name]:
            record_group(place, config)
        elif missing[config.name]:
            extend_group(place, config.name, missing[config.name])
    rows = [row for config in configs for row in _group(place, config.name)]
    with place.reads() as reads:
        diverged = [row.name for row in rows if row.state is RunState.FAILED and _diverged(reads, row.name)]
    for run in diverged:
        telling.notice(f"run {run} diverged and is skipped; `clnp resume {run}` retrains it")
    if at_once is not None:
        left = [row for row in rows if row.state not in ENDED and row.name not in diverged]
        return drive_runs(place, left, telling, at_once, options) if left else {}
    codes: dict[str, int] = {}
    for config in configs:
        telling.notice(f"row {config.name}")
        codes |= resume_group(place, config.name, telling, options, diverged).exit_codes
        if STOPPED in codes.values():
            break
    return codes


def require_free_names(place: Place, configs: Sequence[Config], there: Mapping[str, Sequence[RunRow]]) -> None:
    """Check that the names of missing groups and runs are free.

    Args:
        place: the database.
        configs: one per row, each named like its group.
        there: their recorded runs (:func:`recorded`).

    Raises:
        StateError: a name is taken.
    """
    with place.reads() as reads:
        rows = reads.runs()
    taken = {row.name for row in rows} | {row.group for row in rows}
    for config in configs:
        new = [own.name for own in _missing(config, there[config.name])]
        for name in new if there[config.name] else (config.name, *new):
            if name in taken:
                raise StateError(f"there is already a run {name!r} that is not of this table",
                                 "choose other names with --prefix; `clnp ls` lists all runs")


def recorded(place: Place, configs: Sequence[Config]) -> dict[str, Sequence[RunRow]]:
    """Return the recorded runs by group; empty for a group that has not been launched.

    Raises:
        ConfigError: a run has other settings than its row; with the keys that differ.
        DatabaseError: the database cannot be read.
    """
    there = {config.name: _group(place, config.name) for config in configs}
    for config in configs:
        for row in there[config.name]:
            _require_same(config, row)
    return there


def seeds_apart(configs: Sequence[Config], there: Mapping[str, Sequence[RunRow]]) -> list[str]:
    """Return a sentence for every group whose seeds differ from its config; none for a group without runs."""
    said = []
    for config in configs:
        seeds, wanted = {row.seed for row in there[config.name]}, set(config.seeds or ())
        more, fewer = ranges(sorted(seeds - wanted)), ranges(sorted(wanted - seeds))
        if seeds and more:
            said.append(f"Group {config.name} has further seeds, which are included: {more}.")
        if seeds and fewer:
            said.append(f"Group {config.name} has no run with these seeds yet: {fewer}.")
    return said


def _group(place: Place, name: str) -> Sequence[RunRow]:
    try:
        with place.reads() as reads:
            return reads.group(name)
    except NotFoundError:
        return ()


def _diverged(reads: Reads, run: str) -> bool:
    """Whether a run has failed because every trial of a task diverged, which the same seed would repeat."""
    by_task: dict[int, set[FailureKind | None]] = {}
    for trial in reads.trials(run, role=TrialRole.CANDIDATE):
        by_task.setdefault(trial.task, set()).add(trial.failure_kind)
    return {FailureKind.DIVERGED} in by_task.values()


def _missing(config: Config, there: Sequence[RunRow]) -> list[Config]:
    """Return the missing runs of a group."""
    seeds = {row.seed for row in there}
    return [own for own in config.of_each_seed(config.name) if own.seed not in seeds]


def _require_same(config: Config, row: RunRow) -> None:
    """Refuse a recorded run whose settings differ from the row's, except for resources and storage."""
    [wanted] = config.model_copy(update={"seeds": (row.seed,)}).of_each_seed(config.name)
    has, wants = (_leaves({key: value for key, value in document.items() if key not in WITHOUT_EFFECT})
                  for document in (Config.from_resolved(row.config).resolved(), wanted.resolved()))
    differing = sorted(key for key in has.keys() | wants.keys() if has.get(key) != wants.get(key))
    if differing:
        told = "; ".join(f"{key} {has.get(key)} there, {wants.get(key)} here" for key in differing[:3])
        raise ConfigError(f"run {row.name} was launched with other settings: {told}"
                          + (f"; and {len(differing) - 3} more" if len(differing) > 3 else ""),
                          "use the same settings, or choose other names with --prefix")


def _leaves(document: Mapping[str, object], before: str = "") -> dict[str, object]:
    """Return the values of nested sections by their full key."""
    found: dict[str, object] = {}
    for key, value in document.items():
        found |= _leaves(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return found


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One row of a requested table.

    Attributes:
        row, method: its name and method.
        over, begun, missing: requested seeds whose runs have ended, have not ended, and are not recorded.
        tasks: number of tasks of each run.
        trials: number of trials of each run, over all tasks.
    """

    row: str
    method: str
    over: tuple[int, ...] = field(metadata={SEEDS: True})
    begun: tuple[int, ...] = field(metadata={SEEDS: True})
    missing: tuple[int, ...] = field(metadata={SEEDS: True})
    tasks: int
    trials: int


def planned(place: Place, wanted: Asked) -> list[PlannedRow]:
    """Return the state of a table, row by row.

    Args:
        place: the database, which may be missing.
        wanted: the table.

    Raises:
        ConfigError: a run has other settings than its row.
        StateError: another run has the name of a missing run.
        DatabaseError: the database cannot be read.
    """
    address = resolve_url(place.url)
    there: Mapping[str, Sequence[RunRow]] = {}
    if may_exist(address):
        there = recorded(place, wanted.configs)
        require_free_names(place, wanted.configs, there)
    rows = []
    for row, config in zip(wanted.rows, wanted.configs, strict=True):
        ended = {run.seed: run.state in ENDED for run in there.get(config.name, ())}
        over, begun, missing = (tuple(seed for seed in wanted.seeds if ended.get(seed) is state)
                                for state in (True, False, None))
        rows.append(PlannedRow(row.name, config.method.value, over, begun, missing, config.benchmark.tasks,
                               sum(task.trials for task in overview(config))))
    return rows
