"""Diagnosis of failures to start Ray on this machine or to reach a cluster.

Cheap checks come first: the folder, the limits of the process, the loopback address, the address of a cluster. Other reasons
are read from Ray's error and from the logs of its processes.
"""

import errno
import os
import re
import resource
import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from clnp_core.errors import ClnpError, ConfigError, RunFailedError

LONGEST_BASE = 107 - len("/clnp-abcdefgh/r/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")
"""Longest path of a folder for Ray's sockets, whose paths are limited to 107 bytes."""

LEAST_FREE_BYTES = 32 * 2**20
"""Free space below which Ray's processes end during startup."""

LEAST_OPEN_FILES = 128
"""Limit of open files below which Ray's processes do not start."""

ENOUGH_OPEN_FILES = 4096

LOG_BYTES = 50_000
"""Number of bytes read from the end of each log."""

LOGS = Path("r", "session_latest", "logs")
"""The folder of Ray's logs, below its own folder."""

_DISK = "No space left on device|Disk quota exceeded|Errno 28|Errno 122"
_FILES = "Too many open files|Errno 24"
_PROCESSES = "Resource temporarily unavailable|can't start new thread|Errno 11\\b|pthread_create|fork failed"
_MEMORY = "Cannot allocate memory|std::bad_alloc|MemoryError|Errno 12\\b"
_PORTS = "Address already in use|Cannot assign requested address|Errno 98|Errno 99"
_PERMISSION = "Permission denied|Read-only file system|Operation not permitted|Errno 13|Errno 30"


def cluster_address() -> str:
    """Return the address of the cluster in ``RAY_ADDRESS``; empty for this machine, also if it is ``local``."""
    address = os.environ.get("RAY_ADDRESS", "").strip()
    return "" if address == "local" else address


def check_machine(base: Path, environment: Mapping[str, str]) -> None:
    """Check what Ray needs on this machine before starting it.

    Args:
        base: the parent folder of its files.
        environment: the environment, with the variable that names the folder.

    Raises:
        RunFailedError: it cannot start; with the reason.
    """
    named = _named(base, environment)
    if len(os.fsencode(base)) > LONGEST_BASE:
        raise RunFailedError(f"{named} is too long for Ray's sockets: it has {len(os.fsencode(base))} bytes, and at most "
                             f"{LONGEST_BASE} are possible", "name a folder with a shorter path in RAY_TMPDIR, such as /tmp")
    try:
        Path(tempfile.mkdtemp(prefix="clnp-probe-", dir=base)).rmdir()
        free, inodes = shutil.disk_usage(base).free, os.statvfs(base)
    except OSError as error:
        raise _of_folder(named, base, error) from error
    if free < LEAST_FREE_BYTES or (inodes.f_files and not inodes.f_favail):
        what = f"{free / 2**20:.0f} MiB are free" if free < LEAST_FREE_BYTES else "no file can be added"
        raise RunFailedError(f"the disk below {named} is full: {what}, and Ray needs {LEAST_FREE_BYTES // 2**20} MiB to start",
                             "free space there, or name a folder on another disk in RAY_TMPDIR")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most < LEAST_OPEN_FILES:
        raise _too_few_files()
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=10).close()
    except OSError as error:
        raise RunFailedError("Ray cannot start: no port of the loopback address 127.0.0.1 can be used: "
                             f"{error.strerror or error}",
                             "bring the loopback interface up (`ip link set lo up`), or end programs that hold many ports") \
            from error


def of_machine(error: BaseException, folder: Path) -> ClnpError:
    """Return the error for a Ray that did not start on this machine, with the reason.

    Args:
        error: what Ray raised.
        folder: the folder of its files.
    """
    if isinstance(error, ClnpError):
        return error
    logs = folder / LOGS
    for text in (str(error), *(re.sub(_PERMISSION, "", end) for end in _ends(logs))):  # logs contain harmless ones
        found = _known(text, folder)
        if found is not None:
            return found
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most < ENOUGH_OPEN_FILES // 4:
        return _too_few_files()
    reason = _first_line(error)
    slow = "timed out" in reason.lower()
    return RunFailedError(f"Ray does not start on this machine: {reason}",
                          f"its logs in {logs} say more" + ("; where they name no reason, the machine was too busy: try again"
                                                           if slow else ""))


def check_address(address: str) -> None:
    """Check that something listens at the address of a cluster; Ray itself would try for minutes. ``auto`` is not checked.

    Raises:
        ConfigError: it is not an address.
        RunFailedError: nothing listens there.
    """
    if address == "auto":
        return
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if "//" in host:
        raise ConfigError(f"RAY_ADDRESS is {address!r}, which is not the address of a cluster's head",
                          "write HOST:PORT with the port of `ray start --head` (6379 by default), not that of the dashboard")
    if not (separator and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"RAY_ADDRESS is {address!r}, which is not the address of a cluster",
                          "write HOST:PORT, such as 10.0.0.1:6379, or auto; or unset it to use this machine")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except socket.gaierror as error:
        raise _unreachable(address, f"no machine has the name {host!r} ({error.strerror})",
                           "correct the name in RAY_ADDRESS, or unset it to use this machine") from error
    except TimeoutError as error:
        raise _unreachable(address, "it does not answer within 10 s",
                           "check that the cluster runs and is not blocked by a firewall, or unset RAY_ADDRESS to use this "
                           "machine") from error
    except OSError as error:
        what = "nothing listens there" if isinstance(error, ConnectionRefusedError) else error.strerror or str(error)
        raise _unreachable(address, what, "check RAY_ADDRESS and that the cluster runs, or unset it to use this machine") \
            from error


def of_address(error: BaseException, address: str) -> ClnpError:
    """Return the error for a failed connection to a cluster that listens, with the reason."""
    if isinstance(error, ClnpError):
        return error
    text = f"{type(error).__name__}: {error}"
    with_token = os.environ.get("RAY_AUTH_MODE") == "token"
    if re.search("authenticat|token", text, re.IGNORECASE):
        return _unreachable(address, "it does not accept the token" if with_token else "it requires a token",
                            "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on the head of the cluster")
    if "Failed to connect to Ray cluster" in text:  # Ray's only message for a driver without a valid token
        which = "driver's token" if with_token else "driver without a token"
        return _unreachable(address, f"something listens there, but no Ray that accepts this {which}",
                            "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on the head of the cluster, or correct RAY_ADDRESS")
    if re.search("version mismatch", text, re.IGNORECASE):
        return _unreachable(address, " ".join(str(error).split()), "install the same versions of Ray and Python on both sides")
    if "Could not find any running Ray instance" in text:
        return _unreachable(address, "no Ray runs on this machine",
                            "start one with `ray start --head`, or unset RAY_ADDRESS: clnp starts one of its own")
    return _unreachable(address, _first_line(error),
                        "check that a Ray of the same version runs there, and that its token is in RAY_AUTH_TOKEN")


def _known(text: str, folder: Path) -> RunFailedError | None:
    """Return the error that a message or a log indicates; None if it is unknown."""
    if re.search("AF_UNIX path length", text):
        return RunFailedError(f"the path {folder} is too long for Ray's sockets",
                              f"name a folder of at most {LONGEST_BASE} characters in RAY_TMPDIR, such as /tmp")
    if re.search(_DISK, text):
        return RunFailedError(f"Ray does not start: the disk below {folder.parent} or /dev/shm is full",
                              "free space there, or name a folder on another disk in RAY_TMPDIR")
    if re.search(_FILES, text):
        return _too_few_files()
    if re.search(_PROCESSES, text):
        return _too_few_processes()
    if re.search(_MEMORY, text):
        return RunFailedError("Ray does not start: this machine has no memory left for it",
                              "end other programs, or raise the memory limit of the container")
    if re.search(_PORTS, text):
        return RunFailedError("Ray does not start: a port that it needs is in use",
                              "unset the ports in RAY_… variables, or end the program that holds it, and try again")
    if re.search(_PERMISSION, text):
        line = next(line for line in text.splitlines() if re.search(_PERMISSION, line))
        return RunFailedError(f"Ray does not start: permission denied: {' '.join(line.split())[-300:]}",
                              "correct the permissions, or name a folder that you can write to in RAY_TMPDIR")
    return None


def _of_folder(named: str, base: Path, error: OSError) -> RunFailedError:
    if not base.exists():
        return RunFailedError(f"{named} is not there", "create it, or name another folder in RAY_TMPDIR")
    if not base.is_dir():
        return RunFailedError(f"{named} is not a folder", "name a folder in RAY_TMPDIR")
    known = _known(f"Errno {error.errno}", base / "r") if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE) else None
    return known or RunFailedError(f"{named} cannot be written to: {error.strerror}",
                                   "correct its permissions, or name another folder in RAY_TMPDIR")


def _named(base: Path, environment: Mapping[str, str]) -> str:
    for variable in ("RAY_TMPDIR", "TMPDIR"):
        if environment.get(variable) and Path(environment[variable]) == base:
            return f"the folder {base} that {variable} names"
    return f"the folder of temporary files {base}"


def _too_few_files() -> RunFailedError:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = f"at most {most} open files" if most != resource.RLIM_INFINITY else "no more open files"
    return RunFailedError(f"Ray does not start: this process may have {limit}",
                          f"raise the limit with `ulimit -n {ENOUGH_OPEN_FILES}`, or in /etc/security/limits.conf")


def _too_few_processes() -> RunFailedError:
    most = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    limit = f" (the limit of this user is {most})" if most != resource.RLIM_INFINITY else ""
    return RunFailedError(f"Ray does not start: no process or thread can be started any more{limit}",
                          "end other programs, or raise `ulimit -u` or the pids limit of the container")


def _unreachable(address: str, what: str, hint: str) -> RunFailedError:
    return RunFailedError(f"cannot reach the Ray cluster at {address}: {what}", hint)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _ends(logs: Path) -> Iterable[str]:
    """Yield the ends of the logs of Ray's processes, in the order in which they start."""
    try:
        files = sorted(logs.iterdir(), key=lambda file: (not file.name.startswith("gcs"), not file.name.startswith("raylet"),
                                                         file.name))
    except OSError:
        return
    for file in files:
        try:
            with file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
                yield log.read().decode("utf-8", "replace")
        except OSError:
            continue
