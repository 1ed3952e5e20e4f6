"""What can be made to fail, where, and the driver's side of it: a process that ends itself at a named boundary."""

import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from db.records import Lease
from db.store.store import Store

WRITES = ("create_run", "acquire_lease", "record_environment", "begin_sweep", "trial_started", "trial_epochs",
          "trial_reported", "end_sweep", "record_selection", "record_commit", "drop_trial_weights", "release_lease")
"""Every write that an undisturbed run makes, in the order of its life. A trial that starts, reports and ends at once may be
recorded by fewer of them."""

STATEMENT = "inside a transaction"
"""The boundary that is counted in SQL statements of writing transactions."""

AT_RANDOM = "at a random moment"


@dataclass(frozen=True)
class Fault:
    """One thing to kill.

    Attributes:
        boundary: its name. ``record_commit: committing`` (before the COMMIT), ``record_commit: done`` (after it),
            ``trial artifact: renamed`` and its like on the workers, :data:`STATEMENT`, or :data:`AT_RANDOM`.
        occurrence: which time it is reached, from 1.
        victims: ``driver``, ``worker``.
        how: the signal for a driver that ends itself; one that is stopped can wake up again.
        after_seconds: for :data:`AT_RANDOM`.
    """

    boundary: str
    occurrence: int = 1
    victims: tuple[str, ...] = ("driver",)
    after_seconds: float = 0.0
    how: signal.Signals = signal.SIGKILL

    @property
    def on_worker(self) -> bool:
        """A worker has to notice it."""
        return "artifact" in self.boundary

    @property
    def name(self) -> str:
        """What is written down where it came to pass."""
        return f"{self.boundary}, time {self.occurrence}, {' and '.join(self.victims)}"

    @property
    def ends_the_driver(self) -> bool:
        """No other fault can come after it in the same driver."""
        return "driver" in self.victims


def order(faults: Sequence[Fault], folder: Path) -> None:
    """Tell the workers of the driver that is this process what to wait for."""
    for old in (*folder.glob("reached-*"), folder / "obeyed"):
        old.unlink(missing_ok=True)
    text = json.dumps([{**asdict(fault), "name": fault.name, "driver": os.getpid()} for fault in faults if fault.on_worker])
    (folder / "orders.new").write_text(text)
    (folder / "orders.new").replace(folder / "orders.json")


class Trap:
    """Counts the boundaries that this process, a driver, reaches, and ends it at the first where a fault waits."""

    def __init__(self, faults: Sequence[Fault], folder: Path) -> None:
        """Without faults it leaves a trace of the boundaries."""
        self._faults, self._folder = faults, folder
        self._counts: dict[str, int] = {}
        self._inside = threading.local()
        self._lock = threading.Lock()

    def set(self) -> None:
        """Lie in wait around every write of the store."""
        for name in WRITES:
            setattr(Store, name, self._watched(name, getattr(Store, name)))
        event.listen(Engine, "commit", lambda connection: self._named("committing"))
        event.listen(Engine, "after_cursor_execute", lambda *about: self._statement())

    def _watched(self, name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(store: Store, *arguments: Any, **named: Any) -> Any:
            self._inside.name = name
            try:
                result = write(store, *arguments, **named)
                if result is not False:  # nothing to let go of
                    self._log(name, result if isinstance(result, Lease) else arguments[0])
                self._named("done")
                return result
            finally:
                self._inside.name = ""
        return watched

    def _log(self, name: str, lease: object) -> None:
        """That a write was accepted, and under which fencing number."""
        if isinstance(lease, Lease):
            with (self._folder / "accepted").open("a") as file:
                file.write(f"{lease.run_name} {lease.fence} {name}\n")

    def _named(self, step: str) -> None:
        name = getattr(self._inside, "name", "")
        if name:
            self.reach(f"{name}: {step}")

    def _statement(self) -> None:
        if getattr(self._inside, "name", ""):
            self.reach(STATEMENT)

    def reach(self, boundary: str) -> None:
        """Count it; die if it is the one."""
        with self._lock:
            count = self._counts[boundary] = self._counts.get(boundary, 0) + 1
        if not self._faults:
            with (self._folder / "trace").open("a") as file:
                file.write(f"{boundary}\n")
        for fault in self._faults:
            if (fault.boundary, fault.occurrence) == (boundary, count):
                with (self._folder / "obeyed").open("a") as file:
                    file.write(f"{fault.name}\n")
                os.kill(os.getpid(), fault.how)
