"""The steps of a run as lines of JSON, one object each, for programs that follow a driver.

Every line has ``at`` (UTC, ISO 8601), ``run``, ``task``, ``trial`` (null if not applicable) and ``event``; docs/cli.md lists
the events and their fields. Accuracies are fractions.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

from clnp_core.values import TrialRole
from db.states import RunState
from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.events import Progress


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class JsonProgress(Progress):
    """Writes lines of JSON to a stream. Each is a single write, so that a signal handler never interrupts another line."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    now: Callable[[], datetime] = _now
    run: str | None = None
    _task: int | None = None

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        self.run, self._task = run, task or self._task
        self._say("step", text=text)

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        self.run = run
        self._say("run started", trials_by_task=list(trials_by_task), ended_by_task=list(done), side_by_side=parallel,
                  trials_per_pack=pack)

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        self._task = task
        self._say("task started", trials=trials, trials_ended=finished)

    def trial_started(self, number: int, point: GridPoint, role: TrialRole = TrialRole.CANDIDATE) -> None:
        self._say("trial started", number, role=role.value, alpha=list(point.alpha), learning_rate=point.learning_rate)

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        self._say("epoch", number, epoch=epoch, epochs=epochs, val_accuracy=accuracy)

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        self._say("trial finished", number, val_accuracy=accuracy, total_seconds=seconds)

    def trial_failed(self, number: int, reason: str) -> None:
        self._say("trial failed", number, reason=reason)

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        self._say("selecting", picked=list(picked), best_val_accuracy=best_accuracy)

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        self._task = task
        self._say("committed", chosen, test_accuracy=test_accuracy, used_percent=list(used_percent), commit_digest=digest)

    def notice(self, text: str) -> None:
        self._say("notice", text=text.strip())

    def stopping(self, reason: str) -> None:
        self._say("stopping", reason=reason)

    def failed(self, run: str, state: RunState, reason: str) -> None:
        self.run = run
        self._say("failed", state=state.value, reason=reason)

    def ended(self, run: str, state: RunState, reason: str) -> None:
        self.run = run
        self._say("ended", state=state.value, reason=reason)

    def _say(self, event: str, trial: int | None = None, **numbers: object) -> None:
        document = {"at": self.now().isoformat(timespec="milliseconds"), "run": self.run, "task": self._task, "trial": trial,
                    "event": event, **numbers}
        line = json.dumps(document) + "\n"
        try:
            descriptor = self.stream.fileno()
        except (OSError, ValueError):  # no file descriptor, or a closed stream
            with contextlib.suppress(ValueError):
                self.stream.write(line)
            return
        os.write(descriptor, line.encode())
