"""Decide whether a lease is held, whether the driver of a run is alive, and whether an owner's process is gone.

The lease of a driver that was killed on this host can then be taken over at once, without waiting for it to expire. Because
pids are reused, a process is identified by its pid and its start: the boot ID of the machine and the clock ticks since boot,
which do not change when the clock is set. Both are part of the driver's id. A container has its own pids under a host name
that it may share, so the name of a host includes the process namespace.
"""

import os
import socket
import time
import uuid
from datetime import datetime
from pathlib import Path

from db.records import Owner
from db.schema.models import Run

FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""Process namespace outside of containers on every Linux machine."""

START_TOLERANCE_SECONDS = 2.0
"""The boot time that the kernel reports changes when the clock is set. Used only if a driver's id contains no start."""

BORN = "@"
"""Separator before the start in a driver's id."""

IMPORTED_AT = time.time()


def this_host() -> str:
    """Return the name of this machine or container, within which pids are unique."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = FIRST_PID_NAMESPACE
    return socket.gethostname() + ("" if namespace == FIRST_PID_NAMESPACE else f"#{namespace[5:-1]}")


def process_started(pid: int) -> float | None:
    """Return when a process of this host started, in seconds since 1970; None if this is unknown or the process is dead (a
    zombie counts as dead)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    except (OSError, StopIteration):
        return None
    if fields[0] in ("Z", "X"):
        return None
    return int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _born(pid: int) -> str | None:
    """Return ``BOOT.TICKS``, unique to this process of this boot; None if it is unknown or the process is dead."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else f"{boot}.{fields[19]}"


def this_owner() -> Owner:
    """Return this process as an owner with a new driver id."""
    started, born = process_started(os.getpid()), _born(os.getpid())
    driver_id = uuid.uuid4().hex + (f"{BORN}{born}" if born else "")
    return Owner(this_host(), os.getpid(), IMPORTED_AT if started is None else started, driver_id)


def owner_of(run: Run) -> Owner | None:
    """Return the owner of a run's lease, alive or not; None if its last driver released it."""
    if run.owner_driver_id is None:
        return None
    return Owner(run.owner_host or "", run.owner_pid or 0, run.owner_process_started or 0.0, run.owner_driver_id)


def heartbeat_age_seconds(run: Run, now: datetime) -> float:
    """Return the seconds since the last heartbeat; infinity if there has never been one."""
    return float("inf") if run.heartbeat_at is None else (now - run.heartbeat_at).total_seconds()


def lease_holds(run: Run, now: datetime, ttl_seconds: float | None = None) -> bool:
    """Return whether the run has an owner whose heartbeat has not expired.

    A heartbeat that lies in the future by more than the time to live has expired, too: the clock has been set back.

    Args:
        run: the run.
        now: the time of the database's clock.
        ttl_seconds: the age at which a heartbeat expires; None for the value that its driver recorded.
    """
    ttl = run.lease_ttl_seconds or 0.0 if ttl_seconds is None else ttl_seconds
    return run.owner_driver_id is not None and abs(heartbeat_age_seconds(run, now)) < ttl


def driver_lives(run: Run, now: datetime, ttl_seconds: float | None = None) -> bool:
    """Return whether the lease holds and its driver is not a dead process of this host. Otherwise the run may be taken over at
    once. Takes the arguments of :func:`lease_holds`."""
    owner = owner_of(run)
    return owner is not None and lease_holds(run, now, ttl_seconds) and not is_gone(owner)


def is_gone(owner: Owner) -> bool:
    """Return whether the owner was a process of this host that has certainly ended; False if this cannot be known."""
    if owner.host != this_host() or os.name != "posix":
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except OverflowError:
        return False
    except PermissionError:
        pass  # it exists and belongs to another user
    recorded, born, started = owner.driver_id.partition(BORN)[2], _born(owner.pid), process_started(owner.pid)
    if recorded and born:
        return recorded != born
    if started is None:
        return _is_zombie(owner.pid)
    return abs(started - owner.process_started) > START_TOLERANCE_SECONDS


def lives_here(owner: Owner) -> bool:
    """Return whether the owner is a process of this host that has not ended, as far as is known. It may be suspended."""
    return owner.host == this_host() and not is_gone(owner)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return False
