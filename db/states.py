"""The states of a run, a stage and a trial, and every legal transition.

A stage is one task inside one run::

    PENDING ──► SWEEPING ──► SELECTING ──► COMMITTING ──► COMMITTED
       │ │        │ │            │              │
       │ └────────┼─┴──► FAILED ◄┴──────────────┘    FAILED goes back to the state it failed in
       └──────────┴────► DEPLETED                    (from SELECTING also to SWEEPING, to train failed trials again)

    A resume that trains failed trials again takes SELECTING back to SWEEPING, too.

A trial is one training of one stage at one grid point::

     ┌── reused ────────────┐               the recorded result of a trial with the same key, in another run
     │                      ▼
    PENDING ──► RUNNING ──► FINISHED        FINISHED never changes again
     │  ▲ ▲      │   │
     │  │ └──────┘   │                      released: the driver stopped or lost the worker
     │  └── retried ─┤
     └───────────────┴──► FAILED

A run has no stored state: :func:`derive_run_state` derives it from its stages, its requests and its lease.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from clnp_core.errors import StateError


class StageState(StrEnum):
    """The state of one task of a run. The value is stored in the database."""

    PENDING = "pending"
    SWEEPING = "sweeping"
    SELECTING = "selecting"
    COMMITTING = "committing"
    COMMITTED = "committed"
    FAILED = "failed"
    DEPLETED = "depleted"


class TrialState(StrEnum):
    """The state of one trial. The value is stored in the database."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """Return whether it has a result or a failure, so that the sweep need not wait for it."""
        return self in (TrialState.FINISHED, TrialState.FAILED)


class FailureKind(StrEnum):
    """Why a trial failed, which decides whether the selection may proceed without it."""

    DIVERGED = "diverged"
    """The loss became NaN or infinite: a property of the grid point, the same on every machine."""

    TIMED_OUT = "timed out"
    """The time limit of the trial or of the sweep was reached."""

    ERROR = "error"
    """An exception in the training code, after all retries."""

    LOST = "lost"
    """The worker died or its machine was lost, after all retries."""

    @property
    def excluded_from_selection(self) -> bool:
        """Return whether the selection proceeds without the trial. The other kinds block the selection until the trials are
        retried; otherwise an interrupted run could choose differently from an uninterrupted one."""
        return self in (FailureKind.DIVERGED, FailureKind.TIMED_OUT)


class RunState(StrEnum):
    """The state of a run; derived, never stored."""

    RUNNING = "running"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    DEPLETED = "depleted"
    FAILED = "failed"
    COMPLETED = "completed"

    @property
    def can_resume(self) -> bool:
        """Return whether `clnp resume` has something to do."""
        return self in (RunState.STOPPED, RunState.FAILED)


class RequestKind(StrEnum):
    """A request to a run's driver."""

    STOP = "stop"
    """End cleanly; the run can be resumed."""

    CANCEL = "cancel"
    """End for good."""


STAGE_TRANSITIONS: Mapping[StageState, frozenset[StageState]] = {
    StageState.PENDING: frozenset({StageState.SWEEPING, StageState.FAILED, StageState.DEPLETED}),
    StageState.SWEEPING: frozenset({StageState.SELECTING, StageState.FAILED, StageState.DEPLETED}),
    StageState.SELECTING: frozenset({StageState.COMMITTING, StageState.FAILED, StageState.SWEEPING}),
    StageState.COMMITTING: frozenset({StageState.COMMITTED, StageState.FAILED}),
    StageState.FAILED: frozenset({
        StageState.PENDING, StageState.SWEEPING, StageState.SELECTING, StageState.COMMITTING}),
    StageState.COMMITTED: frozenset(),
    StageState.DEPLETED: frozenset(),
}

REOPENINGS: Mapping[StageState, frozenset[StageState]] = {
    StageState.PENDING: frozenset({StageState.PENDING}),
    StageState.SWEEPING: frozenset({StageState.SWEEPING}),
    StageState.SELECTING: frozenset({StageState.SELECTING, StageState.SWEEPING}),
    StageState.COMMITTING: frozenset({StageState.COMMITTING}),
}
"""The state in which a stage failed or was stopped → the states in which it may be reopened. A recorded selection stays."""

TRIAL_TRANSITIONS: Mapping[TrialState, frozenset[TrialState]] = {
    TrialState.PENDING: frozenset({TrialState.RUNNING, TrialState.FINISHED, TrialState.FAILED}),
    TrialState.RUNNING: frozenset({
        TrialState.RUNNING, TrialState.FINISHED, TrialState.FAILED, TrialState.PENDING}),
    TrialState.FAILED: frozenset({TrialState.PENDING}),
    TrialState.FINISHED: frozenset(),
}

State = TypeVar("State", StageState, TrialState)


def check_transition(caller: str, subject: str, actual: State, target: State) -> None:
    """Check that a transition is legal.

    Args:
        caller: the operation that requests it, for the message.
        subject: the name of what would change ("task 2 of run 'demo'").
        actual: the state it is in.
        target: the state it would enter.

    Raises:
        StateError: the transition is illegal; names the caller, the expected states and the actual one.
    """
    table: Mapping[State, frozenset[State]] = (
        STAGE_TRANSITIONS if isinstance(actual, StageState) else TRIAL_TRANSITIONS)
    if target in table[actual]:
        return
    expected = " or ".join(state.value for state in table if target in table[state])
    raise StateError(f"{caller}: {subject} is {actual.value}, expected {expected} to become {target.value}",
                     f"nothing was changed; a {actual.value} one can become "
                     f"{' or '.join(sorted(table[actual])) or 'nothing else'}")


def resumed_in(state: StageState, failed_from: StageState | None, retrying: bool) -> StageState:
    """Return the state in which a resume continues a stage that is not committed.

    Args:
        state: of the stage.
        failed_from: the state in which it failed, if it did.
        retrying: whether it has failed trials to be trained again. A stage that has selected a trial keeps its selection.
    """
    stopped_in = failed_from or StageState.PENDING if state is StageState.FAILED else state
    return StageState.SWEEPING if retrying and stopped_in is StageState.SELECTING else stopped_in


def tasks_committed(stages: Mapping[int, StageState]) -> int:
    """Return how many tasks of a run are committed.

    Stages are committed in the order of their tasks, and a stage of several tasks has the number of the last one, so the result
    is the highest task of a committed stage.

    Args:
        stages: the states, by task.
    """
    return max((task for task, state in stages.items() if state is StageState.COMMITTED), default=0)


def derive_run_state(stages: Sequence[StageState], cancel_requested: bool, leased: bool) -> RunState:
    """Return the state of a run, from recorded facts alone; the view ``clnp_v_runs`` follows the same rule.

    The states of the stages take precedence: a run that completed before a cancel request arrived is completed. A cancelled run
    counts as running until its driver has released it.

    Args:
        stages: the states of the run's stages.
        cancel_requested: whether a cancel was requested.
        leased: whether a driver has a lease on it whose heartbeat has not expired (:func:`db.liveness.lease_holds`).
            Whether the process of that driver exists does not matter, because only its own host can check this.
    """
    if all(stage is StageState.COMMITTED for stage in stages):
        return RunState.COMPLETED
    if StageState.DEPLETED in stages:
        return RunState.DEPLETED
    if cancel_requested and not leased:
        return RunState.CANCELLED
    if StageState.FAILED in stages:
        return RunState.FAILED
    return RunState.RUNNING if leased else RunState.STOPPED
