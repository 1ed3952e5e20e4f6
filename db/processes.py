"""Which process is this, and does that one still live: so that a run whose driver was killed need not wait.

A pid alone does not name a process, since it is given away again; with its start time it does. A container has pids of
its own under a host name that it may share, so that its process namespace belongs to the host's name here.
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
"""The kernel's idea of when it booted moves a little when the clock is set."""

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


def this_owner() -> Owner:
    """A new driver in this process."""
    started = process_started(os.getpid())
    return Owner(this_host(), os.getpid(), IMPORTED_AT if started is None else started, uuid.uuid4().hex)


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
    started = process_started(owner.pid)
    if started is None:
        return _is_zombie(owner.pid)
    return abs(started - owner.process_started) > START_TOLERANCE_SECONDS


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return False
