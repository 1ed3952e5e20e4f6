"""Store what trials and jobs print: ``logs/RUN/task-K/ID.log`` below the root of the artifact store.

The ID of a trial is Ray Tune's, which the database records; that of a job is its name with an id of Ray's. The file contains
everything that the process writes to standard output and standard error, from Python and from C: prints of a user's own
benchmark, warnings of libraries, the traceback of a trial that hangs. In a folder it is written directly, so the output of a
killed process is kept; to a bucket it is uploaded when the attempt ends, or with the next attempt on the same machine. Without
output there is no file.

Results never depend on this: output that cannot be stored, for example because a disk is full, is lost, and the trial
continues.
"""

import contextlib
import ctypes
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from workers.environment import host_name
from workers.storage.files import below
from workers.storage.schemes import open_files, store_type

FOLDER = "logs"
SUFFIX = ".log"
HEADING = "==== "
"""Prefix of the first line of an attempt."""

MAX_BYTES = 8_000_000
"""Limit of one attempt in a folder, and of one file in a bucket; a line replaces what is cut off."""

CUT = b"\n==== cut: more than %d bytes were printed\n"


@dataclass(frozen=True, slots=True)
class OutputPlace:
    """Where the output of a run's trials and jobs is stored: the root of the artifact store, the run, and the task (counted
    from 1), None for output that belongs to no task."""

    storage: str
    run: str
    task: int | None


def folder_of(run: str, task: int | None = None) -> str:
    """Return the folder, below the root, of the output of a run, or of one of its tasks.

    Raises:
        ArtifactError: the name of the run would lead out of the folder.
    """
    return below(FOLDER, run) if task is None else below(FOLDER, run, f"task-{task}")


def file_of(run: str, task: int | None, name: str) -> str:
    """Return the file, below the root, of the output of one trial (by Ray's id) or job.

    Raises:
        ArtifactError: as :func:`folder_of`, or the id would lead out of it.
    """
    return f"{folder_of(run, task)}/{below(f'{name}{SUFFIX}')}"


def begin_trial(place: OutputPlace, ray_trial_id: str, numbers: Sequence[int], attempt: int) -> "Output":
    """Store what this process prints from now on, as an attempt at a trial or a pack."""
    return Output(place, ray_trial_id, f"trials={','.join(map(str, numbers))} attempt={attempt}")


def begin_job(place: OutputPlace, job: str, ray_task_id: str) -> "Output":
    """Store what this process prints from now on, as the output of a job between trials."""
    return Output(place, f"{job}-{ray_task_id[:16]}", f"job={job} attempt=1")


class Output:
    """One attempt whose output is stored until :meth:`end`. A process has one at a time; no method raises."""

    def __init__(self, place: OutputPlace, name: str, what: str) -> None:
        self._place = place
        self._file: int | None = None
        self._before: tuple[int, int] | None = None  # what descriptors 1 and 2 were
        self._start = self._begun = 0  # bytes in the file before this attempt, and with its heading
        self._cut = False
        with contextlib.suppress(Exception):
            self._name = file_of(place.run, place.task, name)
            self._path = Path(place.storage if store_type(place.storage).is_local else self._spool()) / self._name
            self._open(what)
            self._redirect()

    @property
    def shown(self) -> str | None:
        """Return the location of the output; None if it cannot be stored."""
        return None if self._file is None else open_files(self._place.storage).shown(self._name)

    def look(self) -> None:
        """Cut off output that has become too long; called between two reports."""
        if self._file is None or self._cut:
            return
        with contextlib.suppress(OSError):
            if os.fstat(self._file).st_size - self._start > MAX_BYTES:
                self._cut = True
                os.write(self._file, CUT % MAX_BYTES)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                _point_at(nowhere, nowhere)
                os.close(nowhere)

    def end(self) -> None:
        """Restore the streams, and upload the output to a bucket. Further calls have no effect."""
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(Exception):
            self._give_back()
            silent = os.fstat(file).st_size == self._begun
            if silent:
                os.ftruncate(file, self._start)
            if silent and not self._start:
                self._path.unlink(missing_ok=True)
            elif not store_type(self._place.storage).is_local:
                self._publish()
        os.close(file)

    def _open(self, what: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags, 0o666)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, flags, 0o666)
        try:
            self._start = os.fstat(file).st_size
            broken = self._start and os.pread(file, 1, self._start - 1) != b"\n"  # a killed attempt, in the middle of a line
            task = "-" if self._place.task is None else self._place.task
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            heading = f"{HEADING}{at} host={host_name()} pid={os.getpid()} run={self._place.run} task={task} {what}\n"
            os.write(file, ("\n" if broken else "").encode() + heading.encode())
            self._begun = os.fstat(file).st_size
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _redirect(self) -> None:
        """Redirect descriptors 1 and 2 to the file, and Python's streams to them without buffering."""
        assert self._file is not None
        _flush()
        before = os.dup(1), os.dup(2)
        _point_at(self._file, self._file)
        self._before, self._streams = before, (sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = _forgiving(1), _forgiving(2)

    def _give_back(self) -> None:
        if self._before is None:
            return
        _flush()
        _point_at(*self._before)
        for descriptor in self._before:
            os.close(descriptor)
        self._before = None
        if sys.stdout is _forgiving(1):  # unless the trial has replaced it
            sys.stdout = self._streams[0]
        if sys.stderr is _forgiving(2):
            sys.stderr = self._streams[1]

    def _spool(self) -> Path:
        """Return a folder of this machine and user for output to be uploaded. The next process uses the same folder, and finds
        there what a killed process has left."""
        folder = Path(tempfile.gettempdir()) / f"clnp-output-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{folder} belongs to another user")
        return folder / hashlib.sha256(self._place.storage.encode()).hexdigest()[:16]

    def _publish(self) -> None:
        files, printed = open_files(self._place.storage), self._path.read_bytes()
        with contextlib.suppress(FileNotFoundError):
            printed = files.read(self._name) + printed
        if len(printed) > MAX_BYTES:
            half = MAX_BYTES // 2
            printed = printed[:half] + CUT % MAX_BYTES + printed[-half:]
        files.write(self._name, printed)
        self._path.unlink(missing_ok=True)


class _Forgiving(io.RawIOBase):
    """A descriptor that ignores write errors: output that a full disk refuses is lost without an error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def name(self) -> int:
        """Return the descriptor, as files do that Python opens by descriptor."""
        return self._descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        count = len(left)
        with contextlib.suppress(OSError):
            while left:
                left = left[os.write(self._descriptor, left):]
        return count


@cache
def _forgiving(descriptor: int) -> io.TextIOWrapper:
    """Return Python's stream on a descriptor: one per process, wherever the descriptor points to."""
    return io.TextIOWrapper(_Forgiving(descriptor), encoding="utf-8", errors="backslashreplace", write_through=True)


@cache
def _libc() -> ctypes.CDLL | None:
    """Return the C library, after making its standard output line-buffered, so that output before a kill is kept."""
    try:
        library = ctypes.CDLL(None)
        line_buffered = 1
        library.setvbuf(ctypes.c_void_p.in_dll(library, "stdout"), None, line_buffered, ctypes.c_size_t(0))
    except (OSError, ValueError, AttributeError, TypeError):  # another C library
        return None
    return library


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    library = _libc()
    if library is not None:
        library.fflush(None)


def _point_at(stdout: int, stderr: int) -> None:
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
