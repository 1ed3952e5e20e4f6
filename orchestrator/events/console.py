"""The steps of a run as plain lines, for a pipe, a log, or a simple terminal."""

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TextIO

from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.events import INTERRUPTED
from orchestrator.events.stats import Running, Tally
from orchestrator.render.output import printable


def step_line(text: str, within: bool = False) -> str:
    """Return the line for the start of a slow step; ``within`` indents a step of the current task."""
    return f"{'  ' if within else ''}{text} …"


def run_line(run: str, trials_by_task: Sequence[int], parallel: int, left: int, pack: int) -> str:
    """Return the line with the size of a run, and how much of it is left."""
    side_by_side = f"{parallel} side by side" if pack == 1 else f"{counted(parallel, 'pack')} of {pack} side by side"
    return (f"run {run}: {counted(len(trials_by_task), 'task')}, {counted(sum(trials_by_task), 'trial')}, {left} of them still "
            f"to run, {side_by_side}")


def stage_line(task: int, tasks: int, trials: int, finished: int) -> str:
    """Return the line for the start of a sweep."""
    already = f", {finished} already recorded" if finished else ""
    return f"task {task} of {tasks}: sweeping {counted(trials, 'trial')}{already}"


def selecting_line(picked: Sequence[int], best_accuracy: float) -> str:
    """Return the line for the end of a sweep."""
    numbers = ", ".join(str(number) for number in picked)
    return (f"  best on validation {best_accuracy:.2%}; pruning what is within the margin: "
            f"{'trial' if len(picked) == 1 else 'trials'} {numbers}")


def commit_line(task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float]) -> str:
    """Return the line for a commit; ``used_percent`` is empty for methods that do not divide, prune and verify the network."""
    if not used_percent:
        return f"  committed task {task}: trial {chosen}, {test_accuracy:.2%} on test"
    proof = "; all earlier tasks bit-identical" if task > 1 else ""
    used = " / ".join(f"{percent:.0f} %" for percent in used_percent)
    return f"  committed task {task}: trial {chosen}, {test_accuracy:.2%} on test after pruning, neurons used {used}{proof}"


def stopping_line(reason: str) -> str:
    """Return the line for a stop request."""
    again = "; once more to interrupt at once" if reason == INTERRUPTED else ""
    return f"stopping cleanly ({reason}){again}"


def counted(number: int, what: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def alpha_words(point: GridPoint) -> str:
    """Return α as text; a single number if all layers share it."""
    alphas = [f"{alpha:g}" for alpha in point.alpha]
    return alphas[0] if len(set(alphas)) == 1 else "[" + ", ".join(alphas) + "]"


def point_words(point: GridPoint) -> str:
    """Return α and learning rate as text."""
    return f"α {alpha_words(point)}, rate {point.learning_rate:g}"


def trial_words(running: Running) -> str:
    """α and learning rate of a candidate; a teacher has no α."""
    return point_words(running.point) if running.role.can_be_chosen else f"teacher, rate {running.point.learning_rate:g}"


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class Tone(Enum):
    """The kind of a line: neutral, success or failure."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


TALK_AFTER_SECONDS = 20.0
"""Trials longer than this also report their progress, about four times."""


@dataclass
class ConsoleProgress(Tally):
    """Writes lines to a stream: one for every ended trial and every step of a task."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        super().step(run, text, task)
        self.say(step_line(text, within=task is not None and task == self.task))

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        super().run_started(run, trials_by_task, parallel, done, pack)
        self.say(run_line(run, self.tasks, self.parallel, sum(self.left), pack))

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        super().stage_started(task, trials, finished)
        self.say(stage_line(task, len(self.tasks), trials, finished))

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        super().trial_epoch(number, epoch, epochs, accuracy)
        running = self.running.get(number)
        if running is None or self.clock() - running.began <= TALK_AFTER_SECONDS or epoch % max(1, epochs // 4):
            return
        self.say(f"  task {self.task}, trial {number}, {trial_words(running)}: epoch {epoch} of {epochs}, "
                 f"{accuracy:.2%} on validation")

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        running = self.running.get(number)
        super().trial_finished(number, accuracy, seconds)
        self._trial_ended(number, running, f"{accuracy:.2%} in {seconds:.1f} s")

    def trial_failed(self, number: int, reason: str) -> None:
        running = self.running.get(number)
        super().trial_failed(number, reason)
        self._trial_ended(number, running, f"failed, {reason.splitlines()[0]}", Tone.BAD)

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        super().selecting(picked, best_accuracy)
        self.say(selecting_line(picked, best_accuracy))

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        super().committed(task, chosen, test_accuracy, used_percent, digest)
        self.say(commit_line(task, chosen, test_accuracy, used_percent), Tone.GOOD)

    def notice(self, text: str) -> None:
        self.say(text)

    def stopping(self, reason: str) -> None:
        """Write directly to the file descriptor: a signal may arrive during a print, which is not reentrant."""
        with contextlib.suppress(OSError, ValueError):  # no file descriptor, or a closed stream
            os.write(self.stream.fileno(), printable(f"{stopping_line(reason)}\n").encode())

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Write a line; plain lines ignore the tone."""
        print(printable(text), file=self.stream, flush=True)

    def _trial_ended(self, number: int, running: Running | None, what: str, tone: Tone = Tone.PLAIN) -> None:
        point = f", {trial_words(running)}" if running else ""
        seconds = self.seconds_left()
        left = "" if seconds is None else f", about {duration(seconds)} left"
        best = "" if self.best_trial is None else f"; best {self.best:.2%}"
        self.say(f"  {self.ended_here}/{self.trials_here}  trial {number}{point}: {what}{best}{left}", tone)
