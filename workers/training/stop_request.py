"""A driver's request to stop, as a training sees it. No Ray here.

A thread asks for the request, so that a training only reads an event between two steps: none of them waits for an answer.
"""

import threading
from collections.abc import Callable, Sequence

ASK_EVERY_SECONDS = 0.5


class StoppedError(Exception):
    """The driver was asked to stop before the job had ended. It is no error of the job's.

    ``news`` is what happened to the checkpoints of a job that is told of only by this error, as predicates of the job.
    """

    def __init__(self, news: Sequence[str] = ()) -> None:
        super().__init__(tuple(news))
        self.news = tuple(news)


class StopListener:
    """Asks again and again until the request is there, or it is ended."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        """``ask`` is called on a thread; whatever it raises counts as no."""
        self.asked = threading.Event()
        self._ask, self._end = ask, threading.Event()
        threading.Thread(target=self._listen, name="clnp-stop-request", daemon=True).start()

    def end(self) -> None:
        """Ask no more."""
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
    """Let the trainings of this process, one at a time, obey this request instead of the one before it; None: no request."""
    global _current
    if _current is not None:
        _current.end()
    _current = None if ask is None else StopListener(ask)


def is_asked() -> bool:
    """Whether the training of this process should stop as soon as it can."""
    return _current is not None and _current.asked.is_set()
