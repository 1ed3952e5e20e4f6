"""Which way of telling a stream gets."""

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
    """How a driver tells of its steps: ``auto`` is a live screen where there is a terminal for it, else plain lines."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"


def progress_of(telling: ProgressStyle = ProgressStyle.AUTO, stream: TextIO | None = None,
                environment: Mapping[str, str] | None = None, run: str = "") -> Progress:
    """Whom a driver should tell.

    Args:
        telling: how.
        stream: where to; None means standard error.
        environment: with ``TERM`` and ``NO_COLOR``; None means the process's own.
        run: the run's name, where it is known before the run tells it.

    Raises:
        ConfigError: a live screen is asked for where none can be drawn.
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
                              "leave --progress out, or say --progress plain or json")

    return ConsoleProgress(stream=stream)
