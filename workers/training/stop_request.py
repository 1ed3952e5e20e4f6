"""A driver's request to stop, as seen by a training. No Ray here.

A thread checks for the request, so a training only reads an event between two steps and never waits for an answer.
"""

import threading
from collections.abc import Callable, Sequence

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
