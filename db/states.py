"""The states of a run, a stage and a trial, and every transition that is legal.

A stage is one task inside one run::

    PENDING ──► SWEEPING ──► SELECTING ──► COMMITTING ──► COMMITTED
       │ │        │ │            │              │
       │ └────────┼─┴──► FAILED ◄┴──────────────┘    FAILED goes back to the state it failed in
       └──────────┴────► DEPLETED                    (from SELECTING also to SWEEPING, to train failed trials again)

    SELECTING goes back to SWEEPING as well, where a resume is asked to train failed trials again.

A trial is one training of one stage at one grid point::

     ┌── taken over ────────┐               the recorded result of a trial with the same key, in another run
     │                      ▼
    PENDING ──► RUNNING ──► FINISHED        FINISHED never changes again
     │  ▲ ▲      │   │
     │  │ └──────┘   │                      released: the driver stopped or lost its worker
     │  └── retried ─┤
     └───────────────┴──► FAILED

A run has no stored state: :func:`derive_run_state` reads it off its stages, its requests and its lease.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from clnp_core.errors import StateError


class StageState(StrEnum):
    """Where one task of a run stands. The value is what the database stores."""

    PENDING = "pending"
    SWEEPING = "sweeping"
    SELECTING = "selecting"
    COMMITTING = "committing"
    COMMITTED = "committed"
    FAILED = "failed"
    DEPLETED = "depleted"


class TrialState(StrEnum):
    """Where one trial stands. The value is what the database stores."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """It has a result or a failure; the sweep need not wait for it."""
        return self in (TrialState.FINISHED, TrialState.FAILED)


class FailureKind(StrEnum):
    """Why a trial failed, which decides whether the selection may go on without it."""

    DIVERGED = "diverged"
    """The loss became NaN or infinite: a fact about the grid point, the same on every machine."""

    TIMED_OUT = "timed out"
    """The time limit of the trial or of the sweep ran out."""

    ERROR = "error"
    """An exception in the training code, its retries spent."""

    LOST = "lost"
    """The worker died or its machine went away, the retries spent."""

    @property
    def excluded_from_selection(self) -> bool:
        """The trial is out and the rule goes on without it. The other kinds block the selection until they are
        retried: an interrupted run would otherwise choose differently from one that was not."""
        return self in (FailureKind.DIVERGED, FailureKind.TIMED_OUT)


class RunState(StrEnum):
    """What a run is doing; derived, never stored."""

    RUNNING = "running"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    DEPLETED = "depleted"
    FAILED = "failed"
    COMPLETED = "completed"

    @property
    def can_resume(self) -> bool:
        """`clnp resume` has something to do."""
        return self in (RunState.STOPPED, RunState.FAILED)


class RequestKind(StrEnum):
    """What somebody asks of a run's driver."""

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
"""The state that a stage failed or was stopped in → where it may be reopened. A commit's selection is recorded and stays."""

TRIAL_TRANSITIONS: Mapping[TrialState, frozenset[TrialState]] = {
    TrialState.PENDING: frozenset({TrialState.RUNNING, TrialState.FINISHED, TrialState.FAILED}),
    TrialState.RUNNING: frozenset({
        TrialState.RUNNING, TrialState.FINISHED, TrialState.FAILED, TrialState.PENDING}),
    TrialState.FAILED: frozenset({TrialState.PENDING}),
    TrialState.FINISHED: frozenset(),
}

State = TypeVar("State", StageState, TrialState)


def check_transition(caller: str, subject: str, actual: State, target: State) -> None:
    """Let a legal transition pass.

    Args:
        caller: the operation that wants it, for the message.
        subject: what would change, in words ("task 2 of run 'demo'").
        actual: the state it is in.
        target: the state it would enter.

    Raises:
        StateError: naming the caller, the states that were expected, and the actual one.
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
    """Return the state in which a resume takes up a stage that is not committed.

    Args:
        state: of the stage.
        failed_from: the state in which it failed, if it did.
        retrying: whether it has failed trials that are to be trained again. A stage that has selected a trial keeps it.
    """
    stopped_in = failed_from or StageState.PENDING if state is StageState.FAILED else state
    return StageState.SWEEPING if retrying and stopped_in is StageState.SELECTING else stopped_in


def tasks_committed(stages: Mapping[int, StageState]) -> int:
    """Return how many tasks of a run are committed.

    Stages commit in the order of their tasks, and one that stands for several is filed under the last of these, so that it is
    the highest task of a committed stage.

    Args:
        stages: by task.
    """
    return max((task for task, state in stages.items() if state is StageState.COMMITTED), default=0)


def derive_run_state(stages: Sequence[StageState], cancel_requested: bool, leased: bool) -> RunState:
    """The state of a run, from what is recorded and nothing else: this rule and the view ``clnp_v_runs`` give the same.

    What its stages say outweighs the rest: a run that completed before a cancel arrived is completed. A cancelled
    run counts as running until its driver has let go of it.

    Args:
        stages: of the run.
        cancel_requested: whether somebody has asked to end it for good.
        leased: whether a driver has a lease on it whose heartbeat has not expired (:func:`db.liveness.lease_holds`).
            Whether the process of that driver exists is no matter of the state: only its own host could tell.
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
