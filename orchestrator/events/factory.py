"""Choice of the progress for a stream."""

import os
import sys
from collections.abc import Mapping
from enum import Enum
from typing import TextIO

from clnp_core.errors import ConfigError
from orchestrator.events.console import ConsoleProgress
from orchestrator.events.events import Progress
from orchestrator.events.jsonl import JsonProgress


class ProgressStyle(Enum):
    """How a driver reports its steps: ``auto`` is a live screen on a capable terminal, else plain lines."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"


def progress_of(telling: ProgressStyle = ProgressStyle.AUTO, stream: TextIO | None = None,
                environment: Mapping[str, str] | None = None, run: str = "") -> Progress:
    """Return the progress for a stream.

    Args:
        telling: the style.
        stream: the stream; None means standard error.
        environment: contains ``TERM`` and ``NO_COLOR``; None means the process's environment.
        run: the run's name, if it is known beforehand.

    Raises:
        ConfigError: a live screen was requested, and the stream cannot show one.
    """
    stream = sys.stderr if stream is None else stream
    environment = os.environ if environment is None else environment
    if telling is ProgressStyle.JSON:
        return JsonProgress(stream, run=run or None)
    if telling is not ProgressStyle.PLAIN:
        from orchestrator.events.live import LiveProgress, can_show

        if can_show(stream, environment):
            return LiveProgress(stream=stream, no_color=bool(environment.get("NO_COLOR")))
        if telling is ProgressStyle.LIVE:
            raise ConfigError("a live screen needs a terminal on standard error, with a TERM that is not dumb",
                              "omit --progress, or use --progress plain or json")

    return ConsoleProgress(stream=stream)
