"""The runs of a table: launched, resumed, or left as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clnp_core.errors import ConfigError, NotFoundError
from db.rows import RunRow
from db.session import open_database
from orchestrator.configuration.config import Config
from orchestrator.configuration.seeds import run_ending
from orchestrator.groups.launching import launch_group, resume_group
from orchestrator.groups.telling import Telling
from orchestrator.place import Place
from orchestrator.requesting import ENDED


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a row: its group, and the exit codes of the drivers that ran now, by run."""

    group: str
    exit_codes: Mapping[str, int]

    @property
    def exit_code(self) -> int:
        """The worst of them."""
        return max(self.exit_codes.values(), default=0)


def make(place: Place, config: Config, telling: Telling) -> Made:
    """See to it that every run of a row is over: launch the group, or resume what is left of it.

    Args:
        place: the database and the artifact store.
        config: of the row, with ``seeds``; its name is the group's.
        telling: who hears of the steps.

    Raises:
        ConfigError: the group is there already, and was launched with another config.
        ClnpError: as :func:`orchestrator.groups.launching.launch_group`.
    """
    open_database(place.url, create=True).dispose()
    there = _group(place, config.name)
    if there is None:
        ending = launch_group(place, config, config.name, telling)
        return Made(config.name, ending.exit_codes)
    _require_same(config, there)
    if all(row.state in ENDED for row in there):
        return Made(config.name, {})
    return Made(config.name, resume_group(place, config.name, telling).exit_codes)


def _group(place: Place, name: str) -> Sequence[RunRow] | None:
    try:
        with place.reads() as reads:
            return reads.group(name)
    except NotFoundError:
        return None


def _require_same(config: Config, there: Sequence[RunRow]) -> None:
    wanted = {own.name: own.digest() for own in config.of_each_seed(config.name)}
    seeds = sorted(row.seed for row in there)
    if set(wanted) != {row.name for row in there}:
        raise ConfigError(f"group {config.name} is there with seeds {', '.join(map(str, seeds))}",
                          "ask for these seeds, or for runs of another name with --prefix")
    for row in there:
        if row.config_digest != wanted[row.name]:
            raise ConfigError(f"run {config.name}{run_ending(row.seed)} is there, and was launched with other settings",
                              "ask for the same, or for runs of another name with --prefix; `clnp show` has its config")
