"""The lease of a driver on its run: its heartbeat, and the requests for the driver."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from clnp_core.errors import BusyError, DatabaseError
from db.liveness import this_owner
from db.records import Lease
from db.states import RequestKind
from db.store.store import Store
from orchestrator.events.events import INTERRUPTED

HEARTBEAT_SECONDS = 5.0
LEASE_SECONDS = 60.0
"""A driver without a heartbeat for this long counts as dead, and another one may take over the run."""


class Keeper:
    """Holds a lease and knows whether and why the driver should stop. Thread-safe.

    ``at_once`` means not to wait for checkpoints, because the run is cancelled or has another driver.
    """

    def __init__(self, store: Store, lease: Lease, stopping: Callable[[str], None]) -> None:
        self.lease = lease
        self.reason = ""
        self.lost: BusyError | None = None
        self.at_once = False
        self._store, self._stopping = store, stopping
        self._stop = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="clnp-heartbeat", daemon=True)

    def should_stop(self) -> bool:
        """Whether the driver should stop now."""
        return self._stop.is_set()

    def stop(self, reason: str, at_once: bool = False) -> None:
        """Ask the driver to stop; the first reason is kept. ``at_once``: do not wait for running trainings."""
        first = not self._stop.is_set()
        if first:
            self.reason = reason
        self.at_once = self.at_once or at_once
        self._stop.set()
        if first:
            self._stopping(reason)

    def let_go(self) -> None:
        """Release the lease before the process ends; any thread may call it."""
        self._store.release_lease(self.lease)

    def _release(self) -> None:
        """Stop the heartbeat and release the lease. If the database is unreachable, retry in the background while the process
        lives, because other processes of this host do not take a lease from a living process that they have not observed."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()
        if not self._released():
            threading.Thread(target=self._release_later, name="clnp-release", daemon=True).start()

    def _released(self) -> bool:
        """Try to release; return whether the database answered, also if the lease has another owner by now."""
        try:
            self._store.release_lease(self.lease)
        except DatabaseError:
            return False
        return True

    def _release_later(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            if self._released():
                return

    def listen(self) -> "dict[signal.Signals, signal._HANDLER]":
        """Let Ctrl-C, SIGTERM and SIGHUP ask for a clean stop; return the previous handlers.

        Call it again after connecting to Ray, which installs its own handlers. Only the main thread may call it.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.should_stop():
            raise KeyboardInterrupt
        self.stop(INTERRUPTED)

    def _forget_old_stops(self) -> None:
        """Answer old stop requests: they were meant for a driver that has ended."""
        for request in self._store.open_requests(self.lease.run_id):
            if request.kind is RequestKind.STOP:
                self._store.answer_request(self.lease, request.id, "its driver had ended already")

    def _beat(self) -> None:
        while not self._end.wait(HEARTBEAT_SECONDS):
            self._once()

    def _once(self) -> None:
        try:
            self._store.heartbeat(self.lease)
            for request in self._store.open_requests(self.lease.run_id):
                self._store.answer_request(self.lease, request.id, "stopping")
                cancelled = request.kind is RequestKind.CANCEL
                self.stop("clnp cancel" if cancelled else "clnp stop", at_once=cancelled)
        except BusyError as error:
            self.lost = error
            self.stop("the lease was lost", at_once=True)
        except DatabaseError:
            return  # the next beat retries; the driver's writes report it if it persists


@contextmanager
def hold(store: Store, run: str, stopping: Callable[[str], None] = lambda reason: None) -> Iterator[Keeper]:
    """Hold the run's lease, with a heartbeat, until the block ends. Ctrl-C and SIGTERM ask for a clean stop.

    A second Ctrl-C interrupts at once; what is recorded is safe all the same.

    Args:
        store: store of the lease.
        run: its name.
        stopping: called once with the reason when the driver should stop, in a signal handler or on the heartbeat's thread.

    Raises:
        BusyError: another driver holds the run.
    """
    keeper = Keeper(store, store.acquire_lease(run, this_owner(), LEASE_SECONDS), stopping)
    restore: dict[signal.Signals, signal._HANDLER] = {}
    try:
        keeper._forget_old_stops()
        keeper._thread.start()
        restore = keeper.listen()
        yield keeper
    finally:
        for number, handler in restore.items():
            signal.signal(number, handler)
        keeper._release()
