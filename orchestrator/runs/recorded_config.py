"""The config that the database records for a run, as it is."""

from typing import TYPE_CHECKING, Any

from clnp_core.errors import DatabaseError

if TYPE_CHECKING:
    from db.rows import RunRow


def recorded_config(run: "RunRow") -> dict[str, Any]:
    """The config that is recorded for a run, as it is.

    Raises:
        DatabaseError: nothing that any version of clnp records.
    """
    config: Any = run.config
    if isinstance(config, dict) and isinstance(config.get("network"), dict):
        return config
    raise DatabaseError(f"the database contains a value that clnp did not write: the config of run {run.name!r} is none",
                        "restore the database from a backup, or remove the run with `clnp rm`")
