"""What a table has and what it would launch, before anything is written or started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clnp_core.analysis.statistics import SEEDS
from db.rows import RunRow
from db.url import is_sqlite, resolve_url
from orchestrator.driver.plan import overview
from orchestrator.reports.paper_tables import Asked
from orchestrator.reports.reproduce import recorded, require_free_names
from orchestrator.runs.location import Place
from orchestrator.runs.operations import ENDED


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One row of a table that is asked for.

    Attributes:
        row, method: its name, and how it learns.
        over, begun, missing: the seeds that are asked for whose runs have ended, have not, and are not recorded.
        tasks: of each run.
        trials: of each run, over all of its tasks.
    """

    row: str
    method: str
    over: tuple[int, ...] = field(metadata={SEEDS: True})
    begun: tuple[int, ...] = field(metadata={SEEDS: True})
    missing: tuple[int, ...] = field(metadata={SEEDS: True})
    tasks: int
    trials: int


def planned(place: Place, wanted: Asked) -> list[PlannedRow]:
    """What there is of a table, row by row.

    Args:
        place: the database, which need not be there yet.
        wanted: the table.

    Raises:
        ConfigError: a run has other settings than its row.
        StateError: another run has the name of one that is missing.
        DatabaseError: the database cannot be read.
    """
    address = resolve_url(place.url)
    is_there = not is_sqlite(address) or Path(str(address.database)).exists()
    there: Mapping[str, Sequence[RunRow]] = {}
    if is_there:
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
