"""Writes about a run as a whole: create, lease, requests, events, remove."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, overload

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clnp_core.errors import BusyError, NotFoundError, StateError
from clnp_core.words import plural
from db.dialect import among, database_now, lock, upsert
from db.errors import translated
from db.owner import lives_here
from db.reads.lookup import driver_lives, find_run, heartbeat_age_seconds, owner_of
from db.records import Lease, NewRun, Owner
from db.rows import RequestRow
from db.schema.models import Artifact, DatabaseIdentity, Request, Run, RunGroup, Stage
from db.schema.types import storable_json
from db.states import RequestKind, StageState
from db.store.references import digests_of_run, unreferenced
from db.store.writer import Writer, record_event

LISTENS_FOR = 1 / 6
"""Part of a heartbeat's time to live for which :meth:`RunWrites.acquire_lease` observes a process of this host."""

NAMING_LOCK = 0x636C6E71
"""PostgreSQL's advisory lock under which one process at a time names runs and groups."""


class RunWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def create_run(self, new: NewRun) -> int:
        """Record a run with one PENDING stage per task.

        Returns:
            The run's id.

        Raises:
            StateError: the name is taken.
        """
        with self._transaction() as session:
            return insert_run(session, new, new.first_task).id

    def create_group(self, group: str, runs: Sequence[NewRun]) -> None:
        """Record a new group with all its runs, or nothing.

        Raises:
            StateError: a run or a group has its name, or that of one of its runs.
        """
        with self._transaction() as session:
            hold_names(session)
            if session.scalar(select(RunGroup.id).where(RunGroup.name == group)) is not None:
                raise group_taken(group)
            for new in runs:
                insert_run(session, replace(new, group=group), new.first_task)

    def extend_group(self, group: str, runs: Sequence[NewRun]) -> None:
        """Record more runs of a group that is there, or nothing.

        Raises:
            NotFoundError: there is no such group.
            StateError: a run or a group has the name of one of them.
        """
        with self._transaction() as session:
            hold_names(session)
            if session.scalar(select(RunGroup.id).where(RunGroup.name == group)) is None:
                raise NotFoundError(f"there is no group of runs {group!r}", "record it with its first runs before")
            for new in runs:
                insert_run(session, replace(new, group=group), new.first_task)

    def acquire_lease(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None = None) -> Lease:
        """Become the driver of a run. Every lease before this one can write nothing from now on.

        An expired heartbeat of a process that lives on this host may only mean that the clock was set. Then the heartbeat is
        observed for ``ttl_seconds / 6``, and the lease is taken over only if it does not change.

        Args:
            run_name: the run.
            owner: the driver, see :func:`db.owner.this_owner`.
            ttl_seconds: the age at which a heartbeat, the holder's now or this driver's later, expires.
            now: the time, for tests; None asks the database's clock.

        Raises:
            NotFoundError: no such run.
            BusyError: another driver holds it, its heartbeat has not expired, and it is no dead process of this host.
        """
        taken = self._acquire(run_name, owner, ttl_seconds, now, None)
        if isinstance(taken, Lease):
            return taken
        time.sleep(ttl_seconds * LISTENS_FOR)
        return self._acquire(run_name, owner, ttl_seconds, now, taken)

    @overload
    def _acquire(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None,
                 observed: None) -> Lease | datetime: ...

    @overload
    def _acquire(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None,
                 observed: datetime) -> Lease: ...

    def _acquire(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None,
                 observed: datetime | None) -> Lease | datetime:
        """One attempt, given the heartbeat that was ``observed`` before it; or the heartbeat that must be observed first."""
        with self._transaction() as session:
            run = find_run(session, run_name, lock=True)
            moment = now or database_now(session)
            holder = owner_of(run)
            if holder is not None and holder.driver_id != owner.driver_id:
                if driver_lives(run, moment, ttl_seconds):
                    raise _busy(run, holder, moment, ttl_seconds)
                if run.heartbeat_at is not None and lives_here(holder):
                    if observed is None:
                        return run.heartbeat_at
                    if run.heartbeat_at != observed:
                        raise _busy(run, holder, run.heartbeat_at, ttl_seconds)
                record_event(session, run.id, "lease", f"taken over from process {holder.pid} on {holder.host}, "
                             "which died or fell silent", {"host": holder.host, "pid": holder.pid})
            run.fence += 1
            run.owner_host, run.owner_pid = owner.host, owner.pid
            run.owner_process_started, run.owner_driver_id = owner.process_started, owner.driver_id
            run.lease_ttl_seconds, run.heartbeat_at = ttl_seconds, moment
            record_event(session, run.id, "lease", f"driven by process {owner.pid} on {owner.host}",
                         {"host": owner.host, "pid": owner.pid, "fence": run.fence})
            return Lease(run.id, run.name, run.fence, owner)

    def heartbeat(self, lease: Lease) -> None:
        """Say that the driver lives.

        Raises:
            BusyError: the lease is no longer the run's.
        """
        with self._driving(lease):
            pass

    def release_lease(self, lease: Lease) -> bool:
        """Let go of a run; the lease can write nothing afterwards.

        Returns:
            Whether there was something to let go of: False after a takeover, which is no error at the end of a driver.
        """
        with self._transaction() as session:
            run = session.scalars(select(Run).where(Run.id == lease.run_id, Run.fence == lease.fence)
                                  .with_for_update()).one_or_none()
            if run is None:
                return False
            run.fence += 1
            run.owner_host = run.owner_pid = run.owner_process_started = run.owner_driver_id = None
            record_event(session, run.id, "lease", f"released by process {lease.owner.pid} on {lease.owner.host}")
            return True

    def record_environment(self, lease: Lease, environment: Mapping[str, Any]) -> None:
        """Record the fingerprint under which the run goes on; a change of it is kept in the events."""
        with self._driving(lease) as session:
            run = session.get_one(Run, lease.run_id)
            found = storable_json(environment)
            if run.environment is not None and run.environment != found:
                record_event(session, run.id, "environment", "goes on in another environment",
                             {"before": run.environment, "after": found})
            run.environment = found

    def request(self, run_name: str, kind: RequestKind, details: Mapping[str, Any] | None = None) -> int:
        """Ask something of a run's driver; anybody may. An open request of the same kind is not doubled.

        Returns:
            The request's id.

        Raises:
            NotFoundError: no such run.
        """
        with self._transaction() as session:
            run = find_run(session, run_name, lock=True)
            same = session.scalars(select(Request).where(
                Request.run_id == run.id, Request.kind == kind, Request.answered_at.is_(None))).first()
            if same is not None:
                return same.id
            asked = Request(run_id=run.id, kind=kind, details=dict(details or {}), requested_at=database_now(session))
            session.add(asked)
            session.flush()
            record_event(session, run.id, "request", f"asked to {kind.value}", {"request": asked.id})
            return asked.id

    def open_requests(self, run_id: int) -> tuple[RequestRow, ...]:
        """Requests that no driver has answered yet, oldest first. They may be older than the driver that reads them:
        compare ``requested_at``."""
        with translated(self._reading.url), Session(self._reading) as session:
            found = session.execute(
                select(Request, Run.name).join(Run).where(Request.run_id == run_id, Request.answered_at.is_(None))
                .order_by(Request.id))
            return tuple(RequestRow.of(request, name) for request, name in found)

    def answer_request(self, lease: Lease, request_id: int, answer: str) -> None:
        """Close a request with what was done about it; the first answer stays."""
        with self._driving(lease) as session:
            session.execute(
                update(Request).where(Request.id == request_id, Request.run_id == lease.run_id,
                                      Request.answered_at.is_(None))
                .values(answered_at=database_now(session), answer=answer))

    def event(self, run: str | Lease, kind: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        """Add a line to a run's events: as its driver (a lease), or as anybody (its name)."""
        if isinstance(run, Lease):
            with self._driving(run) as session:
                record_event(session, run.run_id, kind, message, details)
        else:
            with self._transaction() as session:
                record_event(session, find_run(session, run).id, kind, message, details)

    def remove_run(self, run_name: str) -> tuple[str, ...]:
        """Delete a run and everything recorded about it.

        Returns:
            Digests of the artifacts that nothing refers to any more, sorted: their bytes may be deleted now.

        Raises:
            NotFoundError: no such run.
            BusyError: a living driver holds it, or a process of this host that has not ended, whatever the clock says.
        """
        with self._transaction() as session:
            run = find_run(session, run_name, lock=True)
            now, holder = database_now(session), owner_of(run)
            if holder is not None and (driver_lives(run, now) or lives_here(holder)):
                raise _busy(run, holder, now, run.lease_ttl_seconds or 0.0)
            candidates = digests_of_run(session, run.id)
            group_id = run.group_id
            session.execute(delete(Run).where(Run.id == run.id))
            if group_id is not None and session.scalars(
                    select(Run.id).where(Run.group_id == group_id).limit(1)).first() is None:
                session.execute(delete(RunGroup).where(RunGroup.id == group_id))
            gone = unreferenced(session, candidates)
            session.execute(delete(Artifact).where(among(session, Artifact.digest, gone)))
            return gone

    def database_id(self) -> str:
        """What names this database among all that use the same artifact store; drawn when first asked for."""
        with self._transaction() as session:
            found = session.get(DatabaseIdentity, 1)
            if found is None:
                # Whoever comes first wins, on both databases.
                upsert(session, DatabaseIdentity, [{"id": 1, "database_id": uuid.uuid4().hex}], ["id"], ["id"])
            return session.scalars(select(DatabaseIdentity.database_id)).one()


def insert_run(session: Session, new: NewRun, first_task: int = 1) -> Run:
    """The run's row and its PENDING stages, from ``first_task`` on.

    Raises:
        StateError: the name is taken, by a run or a group, whoever took it first.
    """
    hold_names(session)
    now = database_now(session)
    for name in filter(None, (new.name, new.group)):  # no name is of both a run and a group, so that either is found by it
        if session.scalar(select(Run.id).where(Run.name == name)) is not None:
            raise taken(name)
    if session.scalar(select(RunGroup.id).where(RunGroup.name == new.name)) is not None:
        raise group_taken(new.name)
    group_id = None
    if new.group is not None:
        upsert(session, RunGroup, [{"name": new.group, "created_at": now}], ["name"], ["name"])
        group_id = session.scalars(select(RunGroup.id).where(RunGroup.name == new.group)).one()
    run = Run(name=new.name, group_id=group_id, method=new.method, benchmark=new.benchmark, tasks=new.tasks,
              seed=new.seed, margin_points=new.margin_points, config=dict(new.config),
              config_digest=new.config_digest, code_version=new.code_version,
              package_versions=dict(new.package_versions), created_at=now, fence=0)
    session.add(run)
    try:
        session.flush()
    except IntegrityError:  # another process was faster by a moment
        raise taken(new.name) from None
    session.add_all(Stage(run_id=run.id, task=task, state=StageState.PENDING)
                    for task in range(first_task, new.tasks + 1))
    record_event(session, run.id, "run", f"created with {plural(new.tasks, 'task')}", {"config_digest": new.config_digest})
    return run


def hold_names(session: Session) -> None:
    """Let nobody else give names to runs and groups until the transaction ends (SQLite holds the whole file already)."""
    lock(session, NAMING_LOCK)


def taken(name: str) -> StateError:
    """The error of a name that another run has."""
    return StateError(f"there is a run {name!r} already",
                      f"choose another name with --name, or continue that one: `clnp resume {name}`")


def group_taken(name: str) -> StateError:
    """The error of a name that a group has."""
    return StateError(f"there is a group of runs {name!r} already",
                      f"choose another name with --name, or continue that group: `clnp resume {name}`")


def _busy(run: Run, holder: Owner, now: datetime, ttl_seconds: float) -> BusyError:
    age = max(0.0, heartbeat_age_seconds(run, now))
    return BusyError(
        f"run {run.name!r} is driven by process {holder.pid} on {holder.host} (last heartbeat {age:.0f} s ago)",
        f"`clnp stop {run.name}` ends that driver; one that died is taken over {ttl_seconds:.0f} s after its last heartbeat")
