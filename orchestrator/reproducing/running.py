"""The runs of a table: launched, resumed, or left as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clnp_core.errors import ConfigError, NotFoundError
from db.rows import RunRow
from db.session import open_database
from orchestrator.configuration.config import Config
from orchestrator.groups.launching import extend_group, launch_group, resume_group
from orchestrator.groups.telling import Telling
from orchestrator.place import Place
from orchestrator.requesting import ENDED
from orchestrator.text.words import ranges


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
    """See to it that every run of a row is over: launch the group, or give it the seeds that it lacks and resume what is left.

    Args:
        place: the database and the artifact store.
        config: of the row, with ``seeds``; its name is the group's.
        telling: who hears of the steps.

    Raises:
        ConfigError: the group is there already, and was launched with another config; nothing was recorded.
        ClnpError: as :func:`orchestrator.groups.launching.launch_group`.
    """
    open_database(place.url, create=True).dispose()
    there = _group(place, config.name)
    if there is None:
        ending = launch_group(place, config, config.name, telling)
        return Made(config.name, ending.exit_codes)
    missing = _missing(config, there, telling)
    if missing:
        extend_group(place, config.name, missing)
    elif all(row.state in ENDED for row in there):
        return Made(config.name, {})
    return Made(config.name, resume_group(place, config.name, telling).exit_codes)


def _group(place: Place, name: str) -> Sequence[RunRow] | None:
    try:
        with place.reads() as reads:
            return reads.group(name)
    except NotFoundError:
        return None


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
