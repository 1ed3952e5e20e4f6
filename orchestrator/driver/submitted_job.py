"""A job that a driver has submitted, as seen by whoever waits for it or no longer needs it."""

from typing import Protocol


class SubmittedJob(Protocol):
    """A handle of one job; the executor that returned it also fetches its result."""

    def is_running(self) -> bool:
        """Return whether it has started and has not ended."""

    def cancel(self) -> None:
        """End it; its result is not needed any more."""
