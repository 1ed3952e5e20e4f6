"""Retry reads and writes while the database is unavailable, such as during a restart of the server or a network failure.

Every method of :class:`~db.store.store.Store` is one transaction that changes nothing when it is repeated with the same values,
so a call with unknown outcome (the server died before it answered) can be repeated.
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
    """How long to wait for a database, and whom to notify.

    Args:
        seconds: after which a call that keeps failing fails for good.
        giving_up: checked while waiting; True ends the wait.
        told: called with a message at the first failure of a wait, and at its end.
    """

    def __init__(self, seconds: float, giving_up: Callable[[], bool] = lambda: False,
                 told: Callable[[str], None] = lambda text: None) -> None:
        self._seconds, self._giving_up, self._told = seconds, giving_up, told
        self._pause = threading.Event()  # never set; used to wait

    def call(self, method: Callable[..., Any], *arguments: object, **named: object) -> Any:
        """Return the result of the method, retrying while the database is unavailable.

        Raises:
            DatabaseError: the database was unavailable for too long, ``giving_up`` ended the wait, or the error will not pass.
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
                    self._told(f"{error.message}; waiting for it, at most {self._seconds:g} s")
                self._pause.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if pause > FIRST_PAUSE_SECONDS:
                    self._told(f"the database is available again after {time.monotonic() - began:.0f} s; nothing was lost")
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
    """Wrap a public method; return anything else unchanged."""
    if name.startswith("_") or not callable(attribute):
        return attribute
    return functools.partial(patience().call, attribute)
