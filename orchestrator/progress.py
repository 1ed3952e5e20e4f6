"""What a person sees while a run goes on: which task, which trials, the best accuracy so far, the time left.

A terminal gets one more line at the bottom that is redrawn in place; a pipe gets plain lines and nothing else.
"""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TextIO

from orchestrator.configuration.sweep import GridPoint

INTERRUPTED = "Ctrl-C"
"""The reason of a stop that came from the keyboard (or as a SIGTERM)."""

ERASE = "\r\x1b[2K"
"""What takes a live line off a terminal."""


class Progress:
    """The steps of a run, for whoever wants to hear of them. This one is silent."""

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        """Trials of every task in turn, how many (packs of so many) run side by side, and how many of each are recorded."""

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        """A sweep of ``trials`` begins; ``finished`` of them are recorded already."""

    def trial_started(self, number: int, point: GridPoint) -> None:
        """A worker begins a trial."""

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        """A trial ended an epoch with this validation accuracy (a fraction)."""

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        """A trial ended with this validation accuracy (a fraction), unpruned."""

    def trial_failed(self, number: int, reason: str) -> None:
        """A trial has no result."""

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        """The sweep has ended; these trials are within the margin and are pruned next."""

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float]) -> None:
        """A task is committed; usage per hidden layer in percent."""

    def notice(self, text: str) -> None:
        """Something that a person should know."""

    def stopping(self, reason: str) -> None:
        """Somebody asked the driver to stop, and why. Called in a signal handler or on another thread."""

    def stopped(self, reason: str) -> None:
        """The driver came to an end before the run did, because somebody asked for it: see :data:`INTERRUPTED`."""

    def close(self) -> None:
        """Nothing follows of the run's steps."""


STAGE_SECONDS = 10.0
"""What a stage costs beside its trials, until one has shown it: starting workers, pruning, the commit."""

TALK_AFTER_SECONDS = 20.0
"""Trials longer than this also tell a pipe how far they are, about four times."""


@dataclass
class ConsoleProgress(Progress):
    """Lines on a stream, with a live last line where the stream is a terminal."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    _tasks: list[int] = field(default_factory=list)
    _left: list[int] = field(default_factory=list)
    _parallel: int = 1
    _task: int = 0
    _best: float = 0.0
    _running: dict[int, "_Running"] = field(default_factory=dict)
    _trials_timed: int = 0
    _trial_seconds: float = 0.0
    _stage_began: float = 0.0
    _stage_trial_seconds: float = 0.0
    _stage_costs: list[float] = field(default_factory=list)
    _live_line: bool = False

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        self._tasks = list(trials_by_task)
        self._left = [trials - ended for trials, ended in zip(trials_by_task, done, strict=True)]
        self._parallel = max(1, parallel)
        self._say(f"run {run}: {_count(len(self._tasks), 'task')}, {_count(sum(self._tasks), 'trial')}, "
                  f"{sum(self._left)} of them still to run, "
                  + (f"{self._parallel} side by side" if pack == 1 else
                     f"{_count(self._parallel, 'pack')} of {pack} side by side"))

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        self._task, self._best = task, 0.0
        self._left[task - 1] = trials - finished
        self._stage_began, self._stage_trial_seconds = self.clock(), 0.0
        already = f", {finished} already recorded" if finished else ""
        self._say(f"task {task} of {len(self._tasks)}: sweeping {_count(trials, 'trial')}{already}")

    def trial_started(self, number: int, point: GridPoint) -> None:
        self._running[number] = _Running(self.clock(), point)
        self._draw()

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        running = self._running.get(number)
        if running is None:
            return
        running.state = f"epoch {epoch}/{epochs}, {accuracy:.2%}"
        long = self.clock() - running.began > TALK_AFTER_SECONDS
        if long and not self.stream.isatty() and epoch % max(1, epochs // 4) == 0:
            self._say(f"  task {self._task}, trial {number}, {_words(running.point)}: "
                      f"epoch {epoch} of {epochs}, {accuracy:.2%} on validation")
        self._draw()

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        self._best = max(self._best, accuracy)
        self._trials_timed += 1
        self._trial_seconds += seconds
        self._stage_trial_seconds += seconds
        self._ended(number, f"{accuracy:.2%} in {seconds:.1f} s")

    def trial_failed(self, number: int, reason: str) -> None:
        self._ended(number, f"failed, {reason.splitlines()[0]}")

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        self._running.clear()
        numbers = ", ".join(str(number) for number in picked)
        self._say(f"  best on validation {best_accuracy:.2%}; pruning what is within the margin: "
                  f"{'trial' if len(picked) == 1 else 'trials'} {numbers}")

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float]) -> None:
        self._stage_costs.append(max(0.0, self.clock() - self._stage_began - self._stage_trial_seconds / self._parallel))
        proof = "; all earlier tasks bit-identical" if task > 1 else ""
        used = " / ".join(f"{percent:.0f} %" for percent in used_percent)
        self._say(f"  committed task {task}: trial {chosen}, {test_accuracy:.2%} on test after pruning, "
                  f"neurons used {used}{proof}")

    def notice(self, text: str) -> None:
        self._say(text)

    def stopping(self, reason: str) -> None:
        """Straight to the file: a signal may come in the middle of a print, which does not bear a second one."""
        again = "; once more to interrupt at once" if reason == INTERRUPTED else ""
        line = f"{ERASE if self._live_line else ''}stopping cleanly ({reason}){again}\n"
        with contextlib.suppress(OSError, ValueError):  # a stream without a file, or one that is closed
            os.write(self.stream.fileno(), line.encode())

    def close(self) -> None:
        self._erase()

    def _ended(self, number: int, what: str) -> None:
        running = self._running.pop(number, None)
        self._left[self._task - 1] = max(0, self._left[self._task - 1] - 1)
        of = self._tasks[self._task - 1]
        point = f", {_words(running.point)}" if running else ""
        self._say(f"  {of - self._left[self._task - 1]}/{of}  trial {number}{point}: {what}; "
                  f"best {self._best:.2%}{self._time_left()}")

    def _time_left(self) -> str:
        """An estimate: the trials that are left at their mean length, side by side, and what stages cost beside them."""
        if not self._trials_timed:
            return ""
        training = self._trial_seconds / self._trials_timed * sum(self._left) / self._parallel
        stage = fmean(self._stage_costs) if self._stage_costs else STAGE_SECONDS
        return f", about {_duration(training + stage * (len(self._tasks) - self._task + 1))} left"

    def _say(self, text: str) -> None:
        self._erase()
        print(text, file=self.stream, flush=True)
        self._draw()

    def _draw(self) -> None:
        if not self.stream.isatty() or not self._running:
            return
        parts = [f"trial {number} {running.state}".rstrip() for number, running in sorted(self._running.items())]
        line = f"  … task {self._task} runs " + "; ".join(parts)
        self.stream.write(ERASE + line[:shutil.get_terminal_size().columns - 1])
        self.stream.flush()
        self._live_line = True

    def _erase(self) -> None:
        if self._live_line:
            self.stream.write(ERASE)
            self._live_line = False


@dataclass
class _Running:
    began: float
    point: GridPoint
    state: str = "starts"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _words(point: GridPoint) -> str:
    """α once where all layers share it."""
    alphas = [f"{alpha:g}" for alpha in point.alpha]
    alpha = alphas[0] if len(set(alphas)) == 1 else "[" + ", ".join(alphas) + "]"
    return f"α {alpha}, rate {point.learning_rate:g}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
