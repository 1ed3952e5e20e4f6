"""The time that running trainings have to write a checkpoint when their driver stops."""

import time

from orchestrator.driver.lease import Keeper
from workers.ray.remote_jobs import ask_to_stop


class Grace:
    """Starts with the first call of :meth:`is_over`. Used only by the driver's main thread."""

    def __init__(self, keeper: Keeper, limit_seconds: float) -> None:
        """``limit_seconds`` is ``resources.stop_time_limit_seconds``."""
        self.key = f"stop {keeper.lease.owner.driver_id}"
        """Key under which the workers find the stop request."""
        self._keeper, self._limit = keeper, limit_seconds
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
                ask_to_stop(self.key)
        return time.monotonic() >= self._ends
