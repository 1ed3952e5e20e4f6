"""The recorded config of a run, unparsed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clnp_core.errors import DatabaseError, NotFoundError
from clnp_core.selection import Score

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from db.rows import RunRow


def recorded_config(run: "RunRow") -> dict[str, Any]:
    """Return the recorded config of a run, unparsed.

    Raises:
        DatabaseError: it was not written by clnp.
    """
    config: Any = run.config
    if isinstance(config, dict) and isinstance(config.get("network"), dict):
        return config
    raise DatabaseError(f"the database contains a value that clnp did not write: the config of run {run.name!r} is invalid",
                        "restore the database from a backup, or remove the run with `clnp rm`")


def learnt_under(reads: "Reads", run: "RunRow", task: int) -> "RunRow":
    """Return the run that learnt a task of ``run``: of a task that a fork took over the run that it comes from, if it is there.
    """
    while run.forked_from is not None and task <= (run.forked_after_task or 0):
        try:
            run = reads.run(run.forked_from)
        except NotFoundError:
            break
    return run


def selection_section(run: "RunRow") -> Mapping[str, Any]:
    """Return how the recorded config of a run selects; an older one may lack keys. It is not read as a config, which takes a
    quarter of a second and imports a network of the user's own."""
    section = run.config.get("selection")
    return section if isinstance(section, Mapping) else {}


def score_of(run: "RunRow") -> Score:
    """Return the score that the thresholds of a run are on; a recorded config names it where it is not the paper's."""
    return Score(selection_section(run).get("score", Score.ACTIVITY))
