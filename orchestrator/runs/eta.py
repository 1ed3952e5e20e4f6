"""How far a run is and how long it will take, from what is recorded alone: pure functions.

The trials of tasks that have not begun count, too: a plan follows from the config. What is left of a running sweep takes as
long as its latest trials took, with as many side by side as there were; what a task costs beside its trials (starting
workers, pruning, the commit) is what it cost so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from statistics import median

from clnp_core.errors import ConfigError
from db.reads.pages import RunStanding, StageCounts, TrialTimes
from db.states import RunState, StageState
from orchestrator.config.config import Config
from orchestrator.driver import plan
from workers.methods import recorded_method

STAGE_SECONDS = 10.0
"""What a task costs after its sweep, until one has shown it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far a run is.

    Attributes:
        trials_total: over all tasks, those that have not begun included.
        trials_ended: with a result or a failure.
        trials_running: under way.
        fraction_done: 1 for a run that will not go on because it is completed; else of its trials, below 1.
        seconds_left: until the run has ended, an estimate; None where no driver is at work, or nothing has been timed yet.
        step: what its driver does now, such as ``loading task 1``; None where none is at work.
    """

    trials_total: int
    trials_ended: int
    trials_running: int
    fraction_done: float
    seconds_left: float | None
    step: str | None


def outlook(standing: RunStanding) -> Outlook:
    """How far a run is, and how long it will take.

    Args:
        standing: what is recorded.
    """
    run, stages = standing.run, standing.stages
    planned = planned_trials(run.config_digest, run.config, run.tasks)
    totals = [_trials(stage, planned) for stage in stages]
    total, ended = sum(totals), sum(stage.trials_ended for stage in stages)
    running = sum(stage.trials_running for stage in stages) if run.driver_lives else 0
    if run.state is RunState.COMPLETED:
        return Outlook(total, ended, running, 1.0, 0.0, None)
    left = _seconds_left(standing, totals) if run.state is RunState.RUNNING and run.driver_lives else None
    # The last trial is not the end: a commit follows.
    return Outlook(total, ended, running, min(ended / total, 0.999) if total else 0.0, left, current_step(standing))


def current_step(standing: RunStanding) -> str | None:
    """What the driver of a run does now, as far as the records tell; None where no driver is at work.

    Args:
        standing: what is recorded.
    """
    run = standing.run
    stage = next((stage for stage in standing.stages if stage.state is not StageState.COMMITTED), None)
    if stage is None or run.state is not RunState.RUNNING or not run.driver_lives:
        return None
    method = recorded_method(run.method)
    tasks = "all tasks" if method is not None and method.learns_at_once else f"task {stage.task}"
    if stage.state is StageState.PENDING:
        if run.environment is None:
            return "starting Ray and its workers"
        return f"starting workers and loading {tasks}" if standing.driver_begins else f"loading {tasks}"
    if stage.state is StageState.SWEEPING:
        if stage.trials_running or (stage.trials_ended and not standing.driver_begins):
            return f"training the trials of {tasks}"
        return "starting Ray and its workers" if standing.driver_begins else f"starting workers for {tasks}"
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
    """How many trials every task of a config has by its plan; None for one that this version cannot read.

    Args:
        digest: of the config: the same one is read once.
        config: as it was recorded.
        tasks: how many.
    """
    return _planned(_Recorded(digest, config, tasks))


@lru_cache(maxsize=1024)
def _planned(recorded: _Recorded) -> tuple[int, ...] | None:
    try:
        config = Config.from_resolved(recorded.config)
        return tuple(plan.trial_count(config, task) for task in range(1, recorded.tasks + 1))
    except (ConfigError, TypeError):  # the record of another version, or of nobody
        return None


def _trials(stage: StageCounts, planned: tuple[int, ...] | None) -> int:
    """A task that is past its sweep has the trials that are recorded; one before has those of the plan, too: a sampler records
    its trials as it draws them."""
    if stage.state not in (StageState.PENDING, StageState.SWEEPING, StageState.FAILED) or planned is None:
        return stage.trials_planned
    return max(stage.trials_planned, planned[stage.task - 1] if stage.task <= len(planned) else 0)


def _seconds_left(standing: RunStanding, totals: Sequence[int]) -> float | None:
    open_stages = [(stage, total) for stage, total in zip(standing.stages, totals, strict=True)
                   if stage.state is not StageState.COMMITTED]
    trials = sum(total - stage.trials_ended for stage, total in open_stages)
    each = seconds_per_trial(standing.recent)
    if each is None and trials:
        return None
    return (each or 0.0) * trials + stage_seconds(standing.stages) * len(open_stages)


def seconds_per_trial(recent: Sequence[TrialTimes]) -> float | None:
    """Wall-clock seconds of one trial of a sweep, as many being trained side by side as there were: the time in which at
    least one of the given trials was trained, over their number. What a stopped driver did not train does not count. None
    for no trial."""
    if not recent:
        return None
    busy, until = 0.0, datetime.min.replace(tzinfo=recent[0].started_at.tzinfo)
    for times in sorted(recent, key=lambda times: times.started_at):
        busy += max(0.0, (times.finished_at - max(times.started_at, until)).total_seconds())
        until = max(until, times.finished_at)
    return busy / len(recent)


def stage_seconds(stages: Sequence[StageCounts]) -> float:
    """What a task costs after its sweep: the median over the tasks that are committed, or what is assumed before the first."""
    costs = [(stage.ended_at - stage.sweep_ended_at).total_seconds() for stage in stages
             if stage.state is StageState.COMMITTED and stage.ended_at and stage.sweep_ended_at and stage.trials_ended]
    return max(0.0, median(costs)) if costs else STAGE_SECONDS
