"""Shared parts of all writes: one transaction, the fence of the lease, and an event of the run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import CursorResult, Engine, update
from sqlalchemy.orm import Session

from clnp_core.errors import BusyError, StateError
from db.dialect import WRITING, database_now
from db.errors import translated
from db.liveness import owner_of
from db.reads.lookup import find_stage, find_trial
from db.records import Lease
from db.schema.models import Event, Run, Stage, Trial
from db.states import StageState, check_transition


class Writer:
    """Transactions on one database."""

    def __init__(self, engine: Engine) -> None:
        """Write to the database that :func:`db.engine.open_database` opened."""
        self._reading = engine
        self._engine = engine.execution_options(**{WRITING: True})

    @property
    def engine(self) -> Engine:
        """The engine of the database."""
        return self._reading

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        """Open a transaction that is committed at the end of the block, or rolled back on an error."""
        with translated(self._engine.url), Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def _driving(self, lease: Lease) -> Iterator[Session]:
        """Open a transaction of the driver that holds the run; also renews its heartbeat.

        Raises:
            BusyError: the lease no longer holds the run; nothing was written.
        """
        with self._transaction() as session:
            beat = update(Run).where(Run.id == lease.run_id, Run.fence == lease.fence).values(
                heartbeat_at=database_now(session))
            if cast(CursorResult[Any], session.execute(beat)).rowcount != 1:
                raise lost(session, lease)
            yield session


def lost(session: Session, lease: Lease) -> BusyError:
    """Return the error of a driver that writes without holding the run any more."""
    run = session.get(Run, lease.run_id)
    holder = owner_of(run) if run else None
    if run is None:
        what = "it has been removed"
    elif holder is None:
        what = "its lease has been released"
    else:
        what = f"process {holder.pid} on {holder.host} has taken it over"
    return BusyError(f"this driver may no longer write to run {lease.run_name!r}: {what}",
                     "nothing was written; `clnp status` shows who drives the run")


def name_of(lease: Lease, task: int, number: int | None = None) -> str:
    """Return the name of a stage or a trial for messages."""
    trial = "" if number is None else f"trial {number} of "
    return f"{trial}task {task} of run {lease.run_name!r}"


def stage_in(session: Session, lease: Lease, task: int, caller: str, *expected: StageState) -> Stage:
    """Return the stage, which must be in one of the expected states.

    Raises:
        StateError: it is in another state; names the caller, the expected states and the actual one.
    """
    stage = find_stage(session, lease.run_id, lease.run_name, task)
    if expected and stage.state not in expected:
        raise StateError(
            f"{caller}: {name_of(lease, task)} is {stage.state.value}, expected {' or '.join(expected)}",
            f"nothing was changed; `clnp status {lease.run_name}` shows the state of the run")
    return stage


def trial_in(session: Session, lease: Lease, task: int, number: int) -> tuple[Stage, Trial]:
    """Return a stage and one of its trials."""
    stage = find_stage(session, lease.run_id, lease.run_name, task)
    return stage, find_trial(session, stage, lease.run_name, number)


def move_stage(session: Session, lease: Lease, stage: Stage, to: StageState, caller: str, why: str = "") -> None:
    """Make one legal transition of a stage, and record it as an event."""
    check_transition(caller, name_of(lease, stage.task), stage.state, to)
    before, stage.state = stage.state, to
    record_event(session, lease.run_id, "stage",
                 f"task {stage.task}: {before.value} → {to.value}" + (f": {why}" if why else ""),
                 {"task": stage.task, "from": before.value, "to": to.value})


def record_event(session: Session, run_id: int, kind: str, message: str,
                 details: Mapping[str, object] | None = None) -> None:
    """Record an event of a run."""
    session.add(Event(run_id=run_id, at=database_now(session), kind=kind, message=message,
                      details=dict(details or {})))
