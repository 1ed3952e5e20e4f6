"""Detection of a lost head of the Ray cluster, in a thread.

A driver whose head is lost hangs for a minute, and then Ray ends its process without our error message. So the head is polled
here, and the driver ends earlier: cleanly if possible, by force if a call into Ray never returns.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clnp_core.errors import ClnpError, RunFailedError
from orchestrator.render.output import printable

ASK_EVERY_SECONDS = 2.0
LOST_AFTER_SECONDS = 20.0
"""Longer than a restart of the head takes; Ray itself gives up after 60 s (see ``cluster.quiet_environment``)."""

GRACE_SECONDS = 20.0
"""Time for a clean end before the process is ended by force."""

REASON = "the cluster was lost"


class HeadWatch:
    """Polls an address until it is lost or the watch ends."""

    def __init__(self, address: str, told: Callable[[], None], by_force: Callable[[], None],
                 lost_after_seconds: float = LOST_AFTER_SECONDS, grace_seconds: float = GRACE_SECONDS) -> None:
        """``told`` is called on the watch's thread when the head is lost, ``by_force`` if the watch does not end soon."""
        self.is_lost = False
        self._address, self._told, self._by_force = address, told, by_force
        self._lost_after, self._grace = lost_after_seconds, grace_seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="clnp-head-watch", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def end(self) -> None:
        """Stop polling; ``by_force`` is not called."""
        self._end.set()

    def _watch(self) -> None:
        answered = time.monotonic()
        while not self._end.wait(ASK_EVERY_SECONDS):
            if answers(self._address):
                answered = time.monotonic()
            elif time.monotonic() - answered >= self._lost_after:
                self.is_lost = True
                self._told()
                if not self._end.wait(self._grace):
                    self._by_force()
                return


def answers(address: str) -> bool:
    """Whether something listens at ``HOST:PORT``."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ASK_EVERY_SECONDS).close()
    except OSError:
        return False
    return True


@contextmanager
def watching(address: str, run: str, stop: Callable[[str], None], let_go: Callable[[], None],
             shutdown: Callable[[], None]) -> Iterator[None]:
    """Watch the head during a block that drives a run, including Ray's shutdown after a loss.

    Args:
        address: of the head, ``HOST:PORT``.
        run: its name, for the message.
        stop: asks the driver to stop.
        let_go: releases the lease; called before the process is ended by force.
        shutdown: ends the connection to Ray.

    Raises:
        RunFailedError: the head was lost, whatever the block raised.
    """
    lost = RunFailedError(f"the Ray cluster at {address} was lost: its head has not answered for {LOST_AFTER_SECONDS:g} s",
                          f"start the cluster again, then `clnp resume {run}`")
    watch = HeadWatch(address, lambda: stop(REASON), lambda: _end_by_force(lost, let_go))
    watch.start()
    try:
        yield
    except Exception as error:
        if watch.is_lost:
            raise lost from error
        raise
    finally:
        if watch.is_lost:
            with contextlib.suppress(Exception):
                shutdown()
        watch.end()
    if watch.is_lost:
        raise lost


def _end_by_force(error: ClnpError, let_go: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):
        let_go()
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), printable(f"error: {error.message}\nhint: {error.hint}\n").encode())
    os._exit(error.exit_code)
