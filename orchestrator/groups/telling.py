"""How the drivers of a group tell of their steps: each line with the name of its run, as text or as JSON."""

import json
import sys
import threading
from typing import Protocol, TextIO

from orchestrator.events.events import Progress
from orchestrator.events.jsonl import JsonProgress


class Telling(Protocol):
    """Who hears what the drivers of a group write on standard error. Their threads may call it at the same time.

    Every method raises OSError or ValueError where nobody can be told any more.
    """

    @property
    def how(self) -> str:
        """The ``--progress`` that every driver is given."""

    def line(self, run: str, text: str) -> None:
        """A line of the driver of a run."""

    def step(self, text: str) -> None:
        """Something begins for the group as a whole that takes a while."""

    def notice(self, text: str) -> None:
        """Something about the group as a whole."""


class PlainTelling:
    """Plain lines, each with the name of its run before it, as notices of a progress."""

    how = "plain"

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lock = progress, threading.Lock()

    def line(self, run: str, text: str) -> None:
        self.notice(f"{run} | {text}")

    def step(self, text: str) -> None:
        with self._lock:
            self._progress.step(None, text)

    def notice(self, text: str) -> None:
        with self._lock:
            self._progress.notice(text)


class JsonTelling:
    """The drivers' own lines of JSON, which name their run; what is none, such as an error, becomes a notice."""

    how = "json"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream, self._lock = stream or sys.stderr, threading.Lock()

    def line(self, run: str, text: str) -> None:
        with self._lock:
            if _is_object(text):
                print(text, file=self._stream, flush=True)
            else:
                JsonProgress(self._stream, run=run).notice(text)

    def step(self, text: str) -> None:
        with self._lock:
            JsonProgress(self._stream).step(None, text)

    def notice(self, text: str) -> None:
        with self._lock:
            JsonProgress(self._stream).notice(text)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
