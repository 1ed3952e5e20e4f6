"""The time that running trainings have to write a checkpoint when their driver stops."""

import time
from collections.abc import Callable

from orchestrator.driver.lease import Keeper


class Grace:
    """Starts with the first call of :meth:`is_over`. Used only by the driver's main thread."""

    def __init__(self, keeper: Keeper, limit_seconds: float, ask_to_stop: Callable[[str], None]) -> None:
        """Prepare without asking.

        Args:
            keeper: knows whether the driver should stop.
            limit_seconds: ``resources.stop_time_limit_seconds``.
            ask_to_stop: requests the trainings with a key to stop.
        """
        self.key = f"stop {keeper.lease.owner.driver_id}"
        """Key under which the workers find the stop request."""
        self._keeper, self._limit, self._ask_to_stop = keeper, limit_seconds, ask_to_stop
        self._ends: float | None = None

    def asked(self) -> bool:
        """Whether the driver should stop."""
        return self._keeper.should_stop()

    def is_over(self) -> bool:
        """Whether the time is over, so that running trainings are ended. The first call asks them to stop."""
        if self._keeper.at_once:
            return True
        if self._ends is None:
            self._ends = time.monotonic() + self._limit
            if self._limit > 0:
                self._ask_to_stop(self.key)
        return time.monotonic() >= self._ends
