"""Aggregated progress of a run: the state of each task, running trials, the best accuracy, the time left."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from clnp_core.values import TrialRole
from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.events import Progress

STAGE_SECONDS = 10.0
"""Assumed seconds of a stage besides its trials (starting workers, pruning, the commit) until one has been measured."""


@dataclass(slots=True)
class Running:
    """A running trial: its start by the tally's clock, its point and role, and its last epoch with the validation accuracy."""

    began: float
    point: GridPoint
    epoch: int = 0
    epochs: int = 0
    accuracy: float | None = None
    role: TrialRole = TrialRole.CANDIDATE


@dataclass
class Tally(Progress):
    """Aggregates the steps of a run without output. ``best_trial`` is None before the first result of a task."""

    clock: Callable[[], float] = time.monotonic
    run: str = ""
    tasks: list[int] = field(default_factory=list)  # trials of each
    left: list[int] = field(default_factory=list)  # those of them that have not ended
    parallel: int = 1
    task: int = 0
    committed_tasks: set[int] = field(default_factory=set)
    doing: str = "starting"
    step_text: str = ""  # the current slow step; empty if there is none
    best: float = 0.0
    best_trial: int | None = None
    running: dict[int, Running] = field(default_factory=dict)
    began: float = 0.0
    _trials_timed: int = 0
    _trial_seconds: float = 0.0
    _stage_began: float = 0.0
    _stage_trial_seconds: float = 0.0
    _stage_costs: list[float] = field(default_factory=list)

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        self.step_text = text

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        self.run, self.tasks, self.began = run, list(trials_by_task), self.clock()
        self._stage_began = self.began  # the first stage may already be past its sweep
        self.left = [trials - ended for trials, ended in zip(trials_by_task, done, strict=True)]
        self.parallel = max(1, parallel)

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        self.committed_tasks.update(earlier for earlier in range(1, task) if self.tasks[earlier - 1])
        self.task, self.best, self.best_trial, self.doing = task, 0.0, None, "sweeping"
        self.left[task - 1] = trials - finished
        self._stage_began, self._stage_trial_seconds = self.clock(), 0.0

    def trial_started(self, number: int, point: GridPoint, role: TrialRole = TrialRole.CANDIDATE) -> None:
        self.step_text = ""
        self.running[number] = Running(self.clock(), point, role=role)

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        running = self.running.get(number)
        if running is not None:
            running.epoch, running.epochs, running.accuracy = epoch, epochs, accuracy

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        running = self.running.get(number)
        can_be_chosen = running is None or running.role.can_be_chosen
        if can_be_chosen and (self.best_trial is None or accuracy > self.best):
            self.best, self.best_trial = accuracy, number
        self._trials_timed += 1
        self._trial_seconds += seconds
        self._stage_trial_seconds += seconds
        self._ended(number)

    def trial_failed(self, number: int, reason: str) -> None:
        self._ended(number)

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        self.running.clear()
        self.best, self.doing, self.step_text = best_accuracy, "pruning", ""

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        self._stage_costs.append(max(0.0, self.clock() - self._stage_began - self._stage_trial_seconds / self.parallel))
        self.committed_tasks.update({task, *(with_it for with_it in range(1, task) if not self.tasks[with_it - 1])})
        self.step_text = ""

    def _ended(self, number: int) -> None:
        self.running.pop(number, None)
        if self.task:
            self.left[self.task - 1] = max(0, self.left[self.task - 1] - 1)

    @property
    def trials_here(self) -> int:
        """Number of trials of the current task."""
        return self.tasks[self.task - 1] if self.task else 0

    @property
    def ended_here(self) -> int:
        """Number of ended trials of the current task."""
        return self.trials_here - self.left[self.task - 1] if self.task else 0

    @property
    def trials_total(self) -> int:
        """Number of trials of all tasks."""
        return sum(self.tasks)

    @property
    def trials_ended(self) -> int:
        """Number of ended trials of all tasks."""
        return self.trials_total - sum(self.left)

    def fraction_done(self) -> float:
        """Ended fraction of all trials; running trials count by their epochs."""
        return min(1.0, (self.trials_ended + self._under_way()) / self.trials_total) if self.trials_total else 0.0

    def seconds_left(self) -> float | None:
        """Estimated seconds left: the remaining trials at their mean duration, side by side, plus the overhead of stages. None
        before the first trial has ended."""
        if not self._trials_timed:
            return None
        trials = max(0.0, sum(self.left) - self._under_way())
        training = self._trial_seconds / self._trials_timed * trials / self.parallel
        stage = fmean(self._stage_costs) if self._stage_costs else STAGE_SECONDS
        return training + stage * (len(self.tasks) - self.task + 1)

    def _under_way(self) -> float:
        """Return the completed share of the running trials, in trials."""
        return sum(running.epoch / running.epochs for running in self.running.values() if running.epochs)
