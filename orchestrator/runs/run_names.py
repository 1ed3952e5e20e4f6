"""Valid names of runs, and folders named after a run."""

import re
from pathlib import Path

from clnp_core.errors import ConfigError

MAX_NAME = 100
"""Maximum length of a run's name."""

_RUN_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}", re.ASCII)


def is_run_name(name: str) -> bool:
    """Return whether a new run or group may have this name, which occurs in URLs, file names and shell commands."""
    return _RUN_NAME.fullmatch(name) is not None


def folder_named_after(run: str, ending: str) -> Path:
    """Return the default output folder of a command, in the working folder.

    Args:
        run: name of the run, as recorded.
        ending: suffix of the folder, such as ``-report``.

    Raises:
        ConfigError: the name is not a valid run name, so that it might lead to another folder.
    """
    if not is_run_name(run):
        raise ConfigError(f"no folder can be named after {run!r}: it is not a valid run name and was written to the database "
                          "by another program", "name the folder with --output")
    return Path(f"{run}{ending}")
