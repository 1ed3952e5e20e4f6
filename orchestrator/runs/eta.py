"""Progress and remaining time of a run, from its records: pure functions.

Trials of tasks that have not begun are included: the plan follows from the config. The rest of a running sweep is assumed to
take as long per trial as its latest trials, with the same number side by side; the overhead of a task (starting workers,
pruning, the commit) is taken from previous tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from statistics import median

from clnp_core.errors import ConfigError
from db.reads.pages import RunSnapshot, StageCounts, TrialTimes
from db.states import RunState, StageState
from orchestrator.config.config import Config
from orchestrator.driver import plan
from workers.methods import recorded_method

STAGE_SECONDS = 10.0
"""Assumed seconds of a task after its sweep, until one has been measured."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The progress of a run.

    Attributes:
        trials_total: over all tasks, including those that have not begun.
        trials_ended: with a result or a failure.
        trials_running: number of running trials.
        fraction_done: 1 for a completed run; else the ended fraction of its trials, below 1.
        seconds_left: estimated time until the run ends; None if no driver is running, or nothing has been timed yet.
        step: current step of the driver, such as ``loading task 1``; None if no driver is running.
    """

    trials_total: int
    trials_ended: int
    trials_running: int
    fraction_done: float
    seconds_left: float | None
    step: str | None


def outlook(snapshot: RunSnapshot) -> Outlook:
    """Return the progress of a run and the estimated time left.

    Args:
        snapshot: the records of the run.
    """
    run, stages = snapshot.run, snapshot.stages
    planned = planned_trials(run.config_digest, run.config, run.tasks)
    totals = [_trials(stage, planned) for stage in stages]
    total, ended = sum(totals), sum(stage.trials_ended for stage in stages)
    running = sum(stage.trials_running for stage in stages) if run.driver_lives else 0
    if run.state is RunState.COMPLETED:
        return Outlook(total, ended, running, 1.0, 0.0, None)
    left = _seconds_left(snapshot, totals) if run.state is RunState.RUNNING and run.driver_lives else None
    # A commit follows the last trial.
    return Outlook(total, ended, running, min(ended / total, 0.999) if total else 0.0, left, current_step(snapshot))


def current_step(snapshot: RunSnapshot) -> str | None:
    """Return the current step of a run's driver, as far as recorded; None if no driver is running.

    Args:
        snapshot: the records of the run.
    """
    run = snapshot.run
    stage = next((stage for stage in snapshot.stages if stage.state is not StageState.COMMITTED), None)
    if stage is None or run.state is not RunState.RUNNING or not run.driver_lives:
        return None
    method = recorded_method(run.method)
    tasks = "all tasks" if method is not None and method.learns_at_once else f"task {stage.task}"
    if stage.state is StageState.PENDING:
        if run.environment is None:
            return "starting Ray and its workers"
        return f"starting workers and loading {tasks}" if snapshot.driver_begins else f"loading {tasks}"
    if stage.state is StageState.SWEEPING:
        if stage.trials_running or (stage.trials_ended and not snapshot.driver_begins):
            return f"training the trials of {tasks}"
        return "starting Ray and its workers" if snapshot.driver_begins else f"starting workers for {tasks}"
    if stage.state is StageState.SELECTING:
        return f"selecting a trial of {tasks}"
    return f"committing {tasks}" if stage.state is StageState.COMMITTING else None


class _Recorded:
    """A config that is compared by its digest."""

    def __init__(self, digest: str, config: dict[str, object], tasks: int) -> None:
        self.digest, self.config, self.tasks = digest, config, tasks

    def __hash__(self) -> int:
        return hash((self.digest, self.tasks))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Recorded) and (self.digest, self.tasks) == (other.digest, other.tasks)


def planned_trials(digest: str, config: dict[str, object], tasks: int) -> tuple[int, ...] | None:
    """Return how many trials every task of a config has; None for a config that this version cannot read.

    Args:
        digest: digest of the config, used as cache key.
        config: the recorded config.
        tasks: number of tasks.
    """
    return _planned(_Recorded(digest, config, tasks))


@lru_cache(maxsize=1024)
def _planned(recorded: _Recorded) -> tuple[int, ...] | None:
    try:
        config = Config.from_resolved(recorded.config)
        return tuple(plan.trial_count(config, task) for task in range(1, recorded.tasks + 1))
    except (ConfigError, TypeError):  # recorded by another version, or invalid
        return None


def _trials(stage: StageCounts, planned: tuple[int, ...] | None) -> int:
    """Return the number of trials of a task: the recorded ones after its sweep; before that at least the planned ones, since
    a sampler records its trials as it draws them."""
    if stage.state not in (StageState.PENDING, StageState.SWEEPING, StageState.FAILED) or planned is None:
        return stage.trials_planned
    return max(stage.trials_planned, planned[stage.task - 1] if stage.task <= len(planned) else 0)


def _seconds_left(snapshot: RunSnapshot, totals: Sequence[int]) -> float | None:
    open_stages = [(stage, total) for stage, total in zip(snapshot.stages, totals, strict=True)
                   if stage.state is not StageState.COMMITTED]
    trials = sum(total - stage.trials_ended for stage, total in open_stages)
    each = seconds_per_trial(snapshot.recent)
    if each is None and trials:
        return None
    return (each or 0.0) * trials + stage_seconds(snapshot.stages) * len(open_stages)


def seconds_per_trial(recent: Sequence[TrialTimes]) -> float | None:
    """Return the wall-clock seconds per trial of a sweep at its parallelism: the time in which at least one of the given
    trials was training, divided by their number. Time without a driver does not count. None if there are no trials."""
    if not recent:
        return None
    busy, until = 0.0, datetime.min.replace(tzinfo=recent[0].started_at.tzinfo)
    for times in sorted(recent, key=lambda times: times.started_at):
        busy += max(0.0, (times.finished_at - max(times.started_at, until)).total_seconds())
        until = max(until, times.finished_at)
    return busy / len(recent)


def stage_seconds(stages: Sequence[StageCounts]) -> float:
    """Return the seconds of a task after its sweep: the median over committed tasks, or a default before the first."""
    costs = [(stage.ended_at - stage.sweep_ended_at).total_seconds() for stage in stages
             if stage.state is StageState.COMMITTED and stage.ended_at and stage.sweep_ended_at and stage.trials_ended]
    return max(0.0, median(costs)) if costs else STAGE_SECONDS
