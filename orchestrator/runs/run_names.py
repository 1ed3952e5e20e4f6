"""What a run may be called, and the folders that are named after one."""

import re
from pathlib import Path

from clnp_core.errors import ConfigError

MAX_NAME = 100
"""Characters of a run's name."""

_RUN_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}", re.ASCII)


def is_run_name(name: str) -> bool:
    """Return whether a new run, or a group, may have this name: it stands in addresses, file names and shell commands."""
    return _RUN_NAME.fullmatch(name) is not None


def folder_named_after(run: str, ending: str) -> Path:
    """Return the folder of the working folder that a command writes to unless it is told another one.

    Args:
        run: name of the run, as the database says it.
        ending: what stands behind it, ``-report`` for instance.

    Raises:
        ConfigError: the name is none that a new run may have, so that it might lead to another folder.
    """
    if not is_run_name(run):
        raise ConfigError(f"no folder is named after {run!r}: a run cannot be called that, and somebody has written the name "
                          "into the database", "name the folder yourself, with --output")
    return Path(f"{run}{ending}")
