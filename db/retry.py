"""Reads and writes that outlast a database which is away for a while: a server that restarts, a network that fails.

Every method of :class:`~db.store.store.Store` is one transaction that changes nothing when it is called again with the same
values, so a call whose outcome is unknown (the server died before it answered) may simply be made again.
"""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from clnp_core.errors import DatabaseError
from db.reads.reads import Reads
from db.store.store import Store

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


class Patience:
    """How long to wait for a database, and who is told.

    Args:
        seconds: after which a call that keeps failing fails for good.
        giving_up: asked while waiting; True ends it at once.
        told: of the first failure of a wait, and of its end, in words.
    """

    def __init__(self, seconds: float, giving_up: Callable[[], bool] = lambda: False,
                 told: Callable[[str], None] = lambda text: None) -> None:
        self._seconds, self._giving_up, self._told = seconds, giving_up, told
        self._pause = threading.Event()  # never set: only to wait on

    def call(self, method: Callable[..., Any], *arguments: object, **named: object) -> Any:
        """The method's result, tried again while the database is away.

        Raises:
            DatabaseError: it was away for too long, or somebody asked to stop; or the error will not pass.
        """
        began, pause = time.monotonic(), FIRST_PAUSE_SECONDS
        while True:
            try:
                result = method(*arguments, **named)
            except DatabaseError as error:
                waited = time.monotonic() - began
                if not error.may_pass or waited + pause > self._seconds or self._giving_up():
                    raise
                if pause == FIRST_PAUSE_SECONDS:
                    self._told(f"{error.message}; waiting for it, {self._seconds:g} s at most")
                self._pause.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if pause > FIRST_PAUSE_SECONDS:
                    self._told(f"the database is back after {time.monotonic() - began:.0f} s; nothing was lost")
                return result


class PatientStore(Store):
    """A :class:`~db.store.store.Store` whose every method waits for the database."""

    def __init__(self, engine: Engine, patience: Patience) -> None:
        super().__init__(engine)
        self._patience = patience

    def __getattribute__(self, name: str) -> Any:
        return _patiently(super().__getattribute__(name), name, lambda: self._patience)


class PatientReads(Reads):
    """:class:`~db.reads.reads.Reads` whose every method waits for the database."""

    def __init__(self, engine: Engine, patience: Patience) -> None:
        super().__init__(engine)
        self._patience = patience

    def __getattribute__(self, name: str) -> Any:
        return _patiently(super().__getattribute__(name), name, lambda: self._patience)


def _patiently(attribute: object, name: str, patience: Callable[[], Patience]) -> Any:
    """A public method, wrapped; anything else as it is."""
    if name.startswith("_") or not callable(attribute):
        return attribute
    return functools.partial(patience().call, attribute)
