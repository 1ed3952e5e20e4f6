"""The runs of a table: launched, resumed, or left as they are."""

from collections.abc import Sequence

from clnp_core.errors import ConfigError, NotFoundError
from db.rows import RunRow
from db.session import open_database
from orchestrator.configuration.config import Config
from orchestrator.groups.driving import STOPPED
from orchestrator.groups.launching import drive_runs, extend_group, record_group, resume_group
from orchestrator.groups.telling import Telling
from orchestrator.place import Place
from orchestrator.requesting import ENDED
from orchestrator.text.words import ranges


def make(place: Place, configs: Sequence[Config], telling: Telling, at_once: int | None = None) -> dict[str, int]:
    """See to it that every run of a table is over. All that is missing is recorded before the first run is driven.

    Args:
        place: the database and the artifact store.
        configs: one for each row, with ``seeds``; its name is that of the row's group.
        telling: who hears of the steps.
        at_once: so many runs at the same time, of all rows; None drives row after row, the seeds of a row side by side.

    Returns:
        The exit codes of the drivers that ran now, by run. After a stop the rows that had not begun have none.

    Raises:
        ConfigError: a group is there already, and was launched with another config; nothing was recorded.
        ClnpError: as :func:`orchestrator.groups.launching.resume_group`.
    """
    open_database(place.url, create=True).dispose()
    there = {config.name: _group(place, config.name) for config in configs}
    missing = {config.name: _missing(config, there[config.name], telling) for config in configs}
    for config in configs:
        if not there[config.name]:
            record_group(place, config)
        elif missing[config.name]:
            extend_group(place, config.name, missing[config.name])
    if at_once is not None:
        left = [row for config in configs for row in _group(place, config.name) if row.state not in ENDED]
        return drive_runs(place, left, telling, at_once) if left else {}
    codes: dict[str, int] = {}
    for config in configs:
        telling.notice(f"row {config.name}")
        codes |= resume_group(place, config.name, telling).exit_codes
        if STOPPED in codes.values():
            break
    return codes


def _group(place: Place, name: str) -> Sequence[RunRow]:
    try:
        with place.reads() as reads:
            return reads.group(name)
    except NotFoundError:
        return ()


def _missing(config: Config, there: Sequence[RunRow], telling: Telling) -> list[Config]:
    """The runs that a group lacks. All that it has must be of the same config but for the seed."""
    of_each = {row.seed: config.model_copy(update={"seeds": (row.seed,)}).of_each_seed(config.name)[0] for row in there}
    for row in there:
        if row.config_digest != of_each[row.seed].digest():
            raise ConfigError(f"run {row.name} is there, and was launched with other settings",
                              "ask for the same, or for runs of another name with --prefix; `clnp show` has its config")
    others = sorted(set(of_each) - set(config.seeds or ()))
    if others:
        telling.notice(f"group {config.name} has more seeds than were asked for, which count too: {ranges(others)}")
    return [own for own in config.of_each_seed(config.name) if own.seed not in of_each]
