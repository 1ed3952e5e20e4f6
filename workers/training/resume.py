"""Resume an interrupted training: write, restore and remove its checkpoint, and obey a driver's request to stop. No Ray here.

A resumed training ends with the same bits as one that was never interrupted (:mod:`workers.training.state`).

A thread checks for the request to stop, so a training only reads an event between two steps and never waits for an answer.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from clnp_core.errors import ArtifactError
from workers.environment import fingerprint
from workers.storage.checkpoints import Checkpoints, Snapshot
from workers.training.state import EpochUnderway

Batch = TypeVar("Batch")


class Interruptible(Protocol):
    """The state of a training between two steps."""

    epoch: EpochUnderway | None

    def capture(self) -> Snapshot:
        """Return everything that its next epoch depends on; the fact ``seconds`` is how long it has trained."""

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the state that :meth:`capture` returned."""

    @property
    def epochs_run(self) -> int:
        """The number of epochs that have ended."""


class Checkpoint:
    """The checkpoint of one training: restored at its start, written regularly, removed when its result is stored.

    No problem with the checkpoint ends the training; problems are reported by :meth:`news`.
    """

    def __init__(self, storage: str, key: str, threads: int, every_seconds: float | None, at_end: bool = False) -> None:
        """Prepare without reading anything.

        Args:
            storage: root of the artifact store.
            key: of the training; trainings with the same key give the same bits.
            threads: of torch, for the fingerprint of the environment.
            every_seconds: how often it is written; None for no checkpoint at all.
            at_end: whether to write it also when the training ends, because further steps precede the storage of its result.
        """
        self.seconds_before = 0.0
        """Seconds that interrupted attempts have trained."""
        self._store, self._key, self._threads = Checkpoints(storage), key, threads
        self._every_seconds, self._at_end = every_seconds, at_end
        self._looked_at = time.monotonic()
        self._exists = False
        self._refused_to_write = False
        self._news: list[str] = []

    def restore(self, standing: Interruptible) -> None:
        """Restore the state of an interrupted attempt in a new training, if there is a usable checkpoint."""
        if self._every_seconds is None:
            return
        try:
            snapshot = self._store.read(self._key, fingerprint(self._threads))
        except ArtifactError as unusable:
            self._exists = True
            self._news.append(f"trains from the start: {unusable.message}")
            return
        if snapshot is not None:
            self._exists = True
            standing.restore(snapshot)
            self.seconds_before = float(snapshot.facts["seconds"])
            self._news.append(f"continues {_place(standing)}")
        self._looked_at = time.monotonic()

    def maybe_save(self, standing: Interruptible) -> None:
        """Write it if the last time is long enough ago or the driver requests a stop. Called between two epochs.

        Raises:
            StoppedError: as :meth:`batches_left`.
        """
        self._stop_if_asked(standing)
        if self._every_seconds is not None and time.monotonic() - self._looked_at >= self._every_seconds:
            self._save(standing)

    def batches_left(self, batches: Sequence[Batch], standing: Interruptible) -> Iterator[Batch]:
        """Yield the batches of the epoch that have not been trained yet; after the last one the epoch has ended.

        Raises:
            StoppedError: the driver requests a stop, between two steps; the checkpoint is written, if there is one at all.
        """
        epoch = standing.epoch
        assert epoch is not None, "an epoch has begun"
        for batch in batches[epoch.batches:]:
            yield batch
            epoch.batches += 1
            if epoch.batches < len(batches):
                self._stop_if_asked(standing)
        standing.epoch = None

    def end(self, standing: Interruptible) -> None:
        """Call this when the training has ended but its result is not stored yet."""
        if self._every_seconds is not None and (self._at_end or is_asked()):
            self._save(standing)

    def remove(self, unseen: bool = False) -> None:
        """Remove it, because the result is stored or cannot be obtained. ``unseen``: also one that this attempt has not read or
        written."""
        if self._exists or (unseen and self._every_seconds is not None):
            with contextlib.suppress(OSError):  # it does no harm, and `clnp gc` removes it
                self._store.remove(self._key)

    def news(self) -> tuple[str, ...]:
        """Return what happened to it since the last call, as predicates of the training."""
        news, self._news = tuple(self._news), []
        return news

    def _stop_if_asked(self, standing: Interruptible) -> None:
        if is_asked():
            if self._every_seconds is not None and self._save(standing, "is stopped"):
                where = f"after epoch {standing.epochs_run}" if standing.epoch is None else _place(standing)
                self._news.append(f"is stopped {where}, and leaves a checkpoint")
            raise StoppedError

    def _save(self, standing: Interruptible, told: str = "continues") -> bool:
        """Write it, and return whether it could be written. If not, report that the training ``told`` without it."""
        try:
            self._store.write(self._key, fingerprint(self._threads), standing.capture())
            self._exists = written = True
        except OSError as error:
            if not self._refused_to_write:
                self._news.append(f"{told} without a checkpoint, which cannot be written: {error.strerror or error}")
            self._refused_to_write, written = True, False
        self._looked_at = time.monotonic()
        return written


def _place(standing: Interruptible) -> str:
    """Return where in its epochs a training continues."""
    return f"from epoch {standing.epochs_run}" if standing.epoch is None else f"in epoch {standing.epochs_run + 1}"


NEVER = Checkpoint("", "", 1, None)
"""For a training that starts from the beginning and writes no checkpoint."""


ASK_EVERY_SECONDS = 0.5


class StoppedError(Exception):
    """The driver requested a stop before the job had ended. This is not an error of the job.

    ``news`` is what happened to the checkpoints of a job that reports only this error, as predicates of the job.
    """

    def __init__(self, news: Sequence[str] = ()) -> None:
        super().__init__(tuple(news))
        self.news = tuple(news)


class StopListener:
    """Check repeatedly until there is a request, or until :meth:`end`."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        """Call ``ask`` on a thread; exceptions count as False."""
        self.asked = threading.Event()
        self._ask, self._end = ask, threading.Event()
        threading.Thread(target=self._listen, name="clnp-stop-request", daemon=True).start()

    def end(self) -> None:
        """Stop checking."""
        self._end.set()

    def _listen(self) -> None:
        while not self._end.wait(ASK_EVERY_SECONDS):
            try:
                if self._ask():
                    self.asked.set()
                    return
            except Exception:
                continue


_current: StopListener | None = None


def listen(ask: Callable[[], bool] | None) -> None:
    """Make the trainings of this process, one at a time, obey this request instead of the previous one; None for no request."""
    global _current
    if _current is not None:
        _current.end()
    _current = None if ask is None else StopListener(ask)


def is_asked() -> bool:
    """Return whether the training of this process should stop as soon as possible."""
    return _current is not None and _current.asked.is_set()
