"""Write about a run as a whole: create, environment, requests, events, remove."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clnp_core.errors import NotFoundError, StateError
from clnp_core.words import plural
from db.dialect import among, database_now, lock, upsert
from db.errors import translated
from db.liveness import driver_lives, lives_here, owner_of
from db.reads.lookup import find_run
from db.records import Lease, NewRun
from db.rows import RequestRow
from db.schema.models import Artifact, DatabaseIdentity, Request, Run, RunGroup, Stage
from db.schema.types import storable_json
from db.states import RequestKind, StageState
from db.store.lease_writes import busy
from db.store.references import digests_of_run, unreferenced
from db.store.writer import Writer, record_event

NAMING_LOCK = 0x636C6E71
"""PostgreSQL's advisory lock under which one process at a time gives names to runs and groups."""


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
            StateError: a run or a group already has the name of the group, or of one of its runs.
        """
        with self._transaction() as session:
            hold_names(session)
            if session.scalar(select(RunGroup.id).where(RunGroup.name == group)) is not None:
                raise group_taken(group)
            for new in runs:
                insert_run(session, replace(new, group=group), new.first_task)

    def extend_group(self, group: str, runs: Sequence[NewRun]) -> None:
        """Record more runs of an existing group, or nothing.

        Raises:
            NotFoundError: there is no such group.
            StateError: a run or a group already has the name of one of them.
        """
        with self._transaction() as session:
            hold_names(session)
            if session.scalar(select(RunGroup.id).where(RunGroup.name == group)) is None:
                raise NotFoundError(f"there is no group of runs {group!r}", "create the group with its first runs")
            for new in runs:
                insert_run(session, replace(new, group=group), new.first_task)

    def record_environment(self, lease: Lease, environment: Mapping[str, object]) -> None:
        """Record the environment fingerprint under which the run continues; a change is recorded as an event."""
        with self._driving(lease) as session:
            run = session.get_one(Run, lease.run_id)
            found = storable_json(environment)
            if run.environment is not None and run.environment != found:
                record_event(session, run.id, "environment", "continues in another environment",
                             {"before": run.environment, "after": found})
            run.environment = found

    def request(self, run_name: str, kind: RequestKind, details: Mapping[str, object] | None = None) -> int:
        """Send a request to a run's driver; no lease is needed. An open request of the same kind is reused.

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
        """Return the requests that no driver has answered yet, oldest first. They may be older than the driver that reads them:
        compare ``requested_at``."""
        with translated(self._reading.url), Session(self._reading) as session:
            found = session.execute(
                select(Request, Run.name).join(Run).where(Request.run_id == run_id, Request.answered_at.is_(None))
                .order_by(Request.id))
            return tuple(RequestRow.of(request, name) for request, name in found)

    def answer_request(self, lease: Lease, request_id: int, answer: str) -> None:
        """Close a request with an answer; the first answer stays."""
        with self._driving(lease) as session:
            session.execute(
                update(Request).where(Request.id == request_id, Request.run_id == lease.run_id,
                                      Request.answered_at.is_(None))
                .values(answered_at=database_now(session), answer=answer))

    def event(self, run: str | Lease, kind: str, message: str, details: Mapping[str, object] | None = None) -> None:
        """Add an event to a run: with a lease as its driver, with its name as anyone else."""
        if isinstance(run, Lease):
            with self._driving(run) as session:
                record_event(session, run.run_id, kind, message, details)
        else:
            with self._transaction() as session:
                record_event(session, find_run(session, run).id, kind, message, details)

    def remove_run(self, run_name: str) -> tuple[str, ...]:
        """Delete a run and everything recorded about it.

        Returns:
            Digests of the artifacts that nothing refers to any more, sorted; their bytes may be deleted now.

        Raises:
            NotFoundError: no such run.
            BusyError: a live driver holds it, or a process of this host that has not ended, regardless of the clock.
        """
        with self._transaction() as session:
            run = find_run(session, run_name, lock=True)
            now, holder = database_now(session), owner_of(run)
            if holder is not None and (driver_lives(run, now) or lives_here(holder)):
                raise busy(run, holder, now, run.lease_ttl_seconds or 0.0)
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
        """Return the name of this database among all that share an artifact store; generated at the first call."""
        with self._transaction() as session:
            found = session.get(DatabaseIdentity, 1)
            if found is None:
                # The first process wins, on both databases.
                upsert(session, DatabaseIdentity, [{"id": 1, "database_id": uuid.uuid4().hex}], ["id"], ["id"])
            return session.scalars(select(DatabaseIdentity.database_id)).one()


def insert_run(session: Session, new: NewRun, first_task: int = 1) -> Run:
    """Insert the run's row and its PENDING stages, from ``first_task`` on.

    Raises:
        StateError: a run or a group has the name, even if another process took it at the same time.
    """
    hold_names(session)
    now = database_now(session)
    for name in filter(None, (new.name, new.group)):  # runs and groups share one namespace
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
    except IntegrityError:  # another process was faster
        raise taken(new.name) from None
    session.add_all(Stage(run_id=run.id, task=task, state=StageState.PENDING)
                    for task in range(first_task, new.tasks + 1))
    record_event(session, run.id, "run", f"created with {plural(new.tasks, 'task')}", {"config_digest": new.config_digest})
    return run


def hold_names(session: Session) -> None:
    """Prevent other processes from naming runs and groups until the transaction ends (SQLite already locks the whole file)."""
    lock(session, NAMING_LOCK)


def taken(name: str) -> StateError:
    """Return the error to raise if a run has the name."""
    return StateError(f"there is a run {name!r} already",
                      f"choose another name with --name, or continue that one: `clnp resume {name}`")


def group_taken(name: str) -> StateError:
    """Return the error to raise if a group has the name."""
    return StateError(f"there is a group of runs {name!r} already",
                      f"choose another name with --name, or continue that group: `clnp resume {name}`")
