"""Acquire the lease of a run, renew it with heartbeats, and release it (see :class:`db.records.Lease`)."""

import time
from datetime import datetime
from typing import overload

from sqlalchemy import select

from clnp_core.errors import BusyError
from db.dialect import database_now
from db.liveness import driver_lives, heartbeat_age_seconds, lives_here, owner_of
from db.reads.lookup import find_run
from db.records import Lease, Owner
from db.schema.models import Run
from db.store.writer import Writer, record_event

OBSERVED_PART = 1 / 6
"""Part of a heartbeat's time to live for which :meth:`LeaseWrites.acquire_lease` observes a process of this host."""


class LeaseWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def acquire_lease(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None = None) -> Lease:
        """Make this process the driver of a run. Earlier leases of the run can no longer write.

        If the heartbeat has expired but its process is alive on this host, the clock may have been set. The heartbeat is then
        observed for ``ttl_seconds / 6``, and the lease is taken over only if it does not change.

        Args:
            run_name: the run.
            owner: the driver, see :func:`db.liveness.this_owner`.
            ttl_seconds: the age at which a heartbeat expires, of the current owner and later of this driver.
            now: the time, for tests; None for the database's clock.

        Raises:
            NotFoundError: no such run.
            BusyError: another driver holds the lease, its heartbeat has not expired, and it is not a dead process of this host.
        """
        taken = self._acquire(run_name, owner, ttl_seconds, now, None)
        if isinstance(taken, Lease):
            return taken
        time.sleep(ttl_seconds * OBSERVED_PART)
        return self._acquire(run_name, owner, ttl_seconds, now, taken)

    @overload
    def _acquire(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None,
                 observed: None) -> Lease | datetime: ...

    @overload
    def _acquire(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None,
                 observed: datetime) -> Lease: ...

    def _acquire(self, run_name: str, owner: Owner, ttl_seconds: float, now: datetime | None,
                 observed: datetime | None) -> Lease | datetime:
        """Try once, given the heartbeat ``observed`` before. Return the lease, or the heartbeat that must be observed first."""
        with self._transaction() as session:
            run = find_run(session, run_name, lock=True)
            moment = now or database_now(session)
            holder = owner_of(run)
            if holder is not None and holder.driver_id != owner.driver_id:
                if driver_lives(run, moment, ttl_seconds):
                    raise busy(run, holder, moment, ttl_seconds)
                if run.heartbeat_at is not None and lives_here(holder):
                    if observed is None:
                        return run.heartbeat_at
                    if run.heartbeat_at != observed:
                        raise busy(run, holder, run.heartbeat_at, ttl_seconds)
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
        """Renew the lease.

        Raises:
            BusyError: the lease no longer holds the run.
        """
        with self._driving(lease):
            pass

    def release_lease(self, lease: Lease) -> bool:
        """Release a run; the lease can no longer write.

        Returns:
            Whether the lease was still held. It is not after a takeover, which is not an error when a driver ends.
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


def busy(run: Run, holder: Owner, now: datetime, ttl_seconds: float) -> BusyError:
    """Return the error to raise if another driver holds the run."""
    age = max(0.0, heartbeat_age_seconds(run, now))
    return BusyError(
        f"run {run.name!r} is driven by process {holder.pid} on {holder.host} (last heartbeat {age:.0f} s ago)",
        f"`clnp stop {run.name}` ends that driver; one that died is taken over {ttl_seconds:.0f} s after its last heartbeat")
