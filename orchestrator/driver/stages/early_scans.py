"""Scans that start before the end of a sweep, on free places, when fewer trials are left than fit side by side.

The margin is relative to the best trial, which is only known at the end. A scan uses the best trial so far; if a better one
follows, the scan is repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from clnp_core.selection import required_correct
from orchestrator.driver.submitted_job import SubmittedJob


@dataclass(slots=True)
class ScansAhead:
    """The early scans of one sweep.

    Attributes:
        scan: starts the scan of an artifact, given the lowest count within the margin.
        places: how many trials, or packs of them, fit side by side.
        unfinished: trials, or packs, of the sweep that have not ended.
        val_total: validation samples.
        margin_points: m.
    """

    scan: Callable[[str, int], SubmittedJob]
    places: int
    unfinished: int
    val_total: int
    margin_points: Decimal
    _trained: dict[int, tuple[int, str]] = field(default_factory=dict)  # by number: correct samples and artifact
    _begun: dict[int, tuple[int, SubmittedJob]] = field(default_factory=dict)  # by number: the required count and the scan

    def trained(self, number: int, val_correct: int, digest: str) -> None:
        """Note the result of a trial, new or recorded before."""
        self._trained[number] = val_correct, digest

    def ended(self) -> None:
        """Note that a trial or a pack of the sweep has ended, with or without a result."""
        self.unfinished -= 1

    def begin(self) -> None:
        """Start as many scans as there are free places, the most accurate trials first."""
        if self.unfinished >= self.places or not self._trained:
            return
        required = self._required()
        waiting = [number for number, (correct, _) in sorted(self._trained.items(), key=lambda item: (-item[1][0], item[0]))
                   if correct >= required and self._begun.get(number, (None,))[0] != required]
        if not waiting:
            return
        busy = sum(scan.is_running() for _, scan in self._begun.values())
        for number in waiting[:max(0, self.places - self.unfinished - busy)]:
            self._drop(number)
            self._begun[number] = required, self.scan(self._trained[number][1], required)

    def take(self, required: int) -> dict[int, SubmittedJob]:
        """Return the scans for this required count, by trial number, and cancel all others."""
        for number in [number for number, (count, _) in self._begun.items() if count != required]:
            self._drop(number)
        return {number: scan for number, (_, scan) in self._begun.items()}

    def _required(self) -> int:
        return required_correct(max(correct for correct, _ in self._trained.values()), self.val_total, self.margin_points)

    def _drop(self, number: int) -> None:
        if number in self._begun:
            self._begun.pop(number)[1].cancel()
