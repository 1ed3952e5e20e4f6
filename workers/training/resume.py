"""Going on with an interrupted training: when its checkpoint is written, taken up and removed.

A training that goes on ends in the bits of one that was never interrupted (:mod:`workers.training.state`).
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from clnp_core.errors import ArtifactError
from workers.environment import fingerprint
from workers.storage.checkpoints import Checkpoints, Snapshot
from workers.training.state import EpochUnderway
from workers.training.stop_request import StoppedError, is_asked

Batch = TypeVar("Batch")


class Interruptible(Protocol):
    """Where a training stands between two steps."""

    epoch: EpochUnderway | None

    def capture(self) -> Snapshot:
        """All that its next epoch depends on; the fact ``seconds`` is how long it has trained."""

    def restore(self, snapshot: Snapshot) -> None:
        """Become what :meth:`capture` saw."""

    @property
    def epochs_run(self) -> int:
        """How many epochs it has behind it."""


class Checkpoint:
    """The checkpoint of one training: taken up at its beginning, written now and then, removed when its result is safe.

    Nothing that goes wrong with it ends the training; it is told in :meth:`news`.
    """

    def __init__(self, storage: str, key: str, threads: int, every_seconds: float | None, at_end: bool = False) -> None:
        """Nothing is read yet.

        Args:
            storage: root of the artifact store.
            key: of the training: what has the same key ends in the same bits.
            threads: of torch, for the fingerprint of the environment.
            every_seconds: how often it is written; None for no checkpoint at all.
            at_end: whether it is also written when the training ends, because more is to come before its result is safe.
        """
        self.seconds_before = 0.0
        """What interrupted attempts had trained."""
        self._store, self._key, self._threads = Checkpoints(storage), key, threads
        self._every_seconds, self._at_end = every_seconds, at_end
        self._looked_at = time.monotonic()
        self._exists = False
        self._refused_to_write = False
        self._news: list[str] = []

    def restore(self, standing: Interruptible) -> None:
        """Bring a training that has just begun to where an interrupted one stood, if there is a checkpoint that can be used."""
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
            self._news.append(f"goes on {_place(standing)}")
        self._looked_at = time.monotonic()

    def maybe_save(self, standing: Interruptible) -> None:
        """Write it, if the last time is long enough ago or the driver asks for a stop. Called between two epochs.

        Raises:
            StoppedError: as :meth:`batches_left`.
        """
        self._stop_if_asked(standing)
        if self._every_seconds is not None and time.monotonic() - self._looked_at >= self._every_seconds:
            self._save(standing)

    def batches_left(self, batches: Sequence[Batch], standing: Interruptible) -> Iterator[Batch]:
        """Those of the epoch's batches that are not behind it; after the last one the epoch is over.

        Raises:
            StoppedError: the driver asks for a stop, between two steps; the checkpoint is written, if there is one at all.
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
        """The training has ended; its result is not safe yet."""
        if self._every_seconds is not None and (self._at_end or is_asked()):
            self._save(standing)

    def remove(self) -> None:
        """What it was for is safe, or cannot be had."""
        if self._exists:
            with contextlib.suppress(OSError):  # it is in nobody's way, and `clnp gc` finds it
                self._store.remove(self._key)

    def news(self) -> tuple[str, ...]:
        """What happened to it since this was last asked, as predicates of the training."""
        news, self._news = tuple(self._news), []
        return news

    def _stop_if_asked(self, standing: Interruptible) -> None:
        if is_asked():
            if self._every_seconds is not None and self._save(standing, "is stopped"):
                where = f"after epoch {standing.epochs_run}" if standing.epoch is None else _place(standing)
                self._news.append(f"is stopped {where}, and leaves a checkpoint")
            raise StoppedError

    def _save(self, standing: Interruptible, told: str = "goes on") -> bool:
        """Whether it could be written. Where it could not, the training ``told`` so."""
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
    """Where in its epochs a training continues."""
    return f"from epoch {standing.epochs_run}" if standing.epoch is None else f"in epoch {standing.epochs_run + 1}"


NEVER = Checkpoint("", "", 1, None)
"""For a training that begins at its beginning and leaves nothing behind."""
