"""Which process is this, and does that one still live: so that a run whose driver was killed need not wait.

A pid alone does not name a process, since it is given away again; with its start it does: the boot of the machine and the
ticks since then, which a clock that is set does not move. They are a part of the driver's id. A container has pids of its own
under a host name that it may share, so that its process namespace belongs to the host's name here.
"""

import os
import socket
import time
import uuid
from pathlib import Path

from db.records import Owner

FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""What every Linux machine calls the process namespace outside all containers."""

START_TOLERANCE_SECONDS = 2.0
"""The kernel's idea of when it booted moves when the clock is set. It counts only where a driver's id holds no start."""

BORN = "@"
"""What stands in a driver's id before its start."""

IMPORTED_AT = time.time()


def this_host() -> str:
    """The name under which this machine, or this container of it, can look at its own processes."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = FIRST_PID_NAMESPACE
    return socket.gethostname() + ("" if namespace == FIRST_PID_NAMESPACE else f"#{namespace[5:-1]}")


def process_started(pid: int) -> float | None:
    """When a process of this host started, in seconds since 1970; None where that cannot be known, or it is dead
    (a zombie is)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    except (OSError, StopIteration):
        return None
    if fields[0] in ("Z", "X"):
        return None
    return int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _born(pid: int) -> str | None:
    """What only this process of this boot has: ``BOOT.TICKS``. None where that cannot be known, or it is dead."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else f"{boot}.{fields[19]}"


def this_owner() -> Owner:
    """A new driver in this process."""
    started, born = process_started(os.getpid()), _born(os.getpid())
    driver_id = uuid.uuid4().hex + (f"{BORN}{born}" if born else "")
    return Owner(this_host(), os.getpid(), IMPORTED_AT if started is None else started, driver_id)


def is_gone(owner: Owner) -> bool:
    """The owner was a process of this host, and certainly lives no more. False wherever that cannot be known."""
    if owner.host != this_host() or os.name != "posix":
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except OverflowError:
        return False
    except PermissionError:
        pass  # it exists and belongs to somebody else
    recorded, born, started = owner.driver_id.partition(BORN)[2], _born(owner.pid), process_started(owner.pid)
    if recorded and born:
        return recorded != born
    if started is None:
        return _is_zombie(owner.pid)
    return abs(started - owner.process_started) > START_TOLERANCE_SECONDS


def lives_here(owner: Owner) -> bool:
    """Whether the owner is a process of this host that has not ended, as far as that can be known. It may be suspended."""
    return owner.host == this_host() and not is_gone(owner)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return False
