"""What trials and jobs print, kept where it is found again: ``logs/RUN/task-K/ID.log`` below the root of the artifact store.

A trial's ID is Ray Tune's, which the database records; a job's is its name with an id of Ray's. Everything that the process
writes to standard output and standard error goes there, from Python and from C: prints of a user's own benchmark, warnings of
libraries, the traceback of a trial that hangs. In a folder it is written directly, so that a killed process leaves what it
said; in a bucket it arrives when the attempt ends, or with the next attempt on the same machine. Who prints nothing leaves no
file.

Results never depend on any of this: what cannot be kept, because a disk is full for instance, is lost, and the trial goes on.
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
"""What the line that begins an attempt begins with."""

MAX_BYTES = 8_000_000
"""Of one attempt in a folder, and of one file in a bucket; what is cut off is replaced by a line that says so."""

CUT = b"\n==== cut: more than %d bytes were printed\n"


@dataclass(frozen=True, slots=True)
class OutputPlace:
    """Where the output of a run's trials and jobs goes: the root of the artifact store, the run, and the task (counted from 1),
    None for what belongs to no task."""

    storage: str
    run: str
    task: int | None


def folder_of(run: str, task: int | None = None) -> str:
    """The folder, below the root, of a run's output, or of one of its tasks'.

    Raises:
        ArtifactError: the name of the run would lead out of the folder.
    """
    return below(FOLDER, run) if task is None else below(FOLDER, run, f"task-{task}")


def file_of(run: str, task: int | None, name: str) -> str:
    """The file, below the root, of what one trial (by Ray's id) or job printed.

    Raises:
        ArtifactError: as :func:`folder_of`, or the id would lead out of it.
    """
    return f"{folder_of(run, task)}/{below(f'{name}{SUFFIX}')}"


def begin_trial(place: OutputPlace, ray_trial_id: str, numbers: Sequence[int], attempt: int) -> "Output":
    """Keep what this process prints from here on, as an attempt at a trial or at a pack of them."""
    return Output(place, ray_trial_id, f"trials={','.join(map(str, numbers))} attempt={attempt}")


def begin_job(place: OutputPlace, job: str, ray_task_id: str) -> "Output":
    """Keep what this process prints from here on, as that of a job between trials."""
    return Output(place, f"{job}-{ray_task_id[:16]}", f"job={job} attempt=1")


class Output:
    """One attempt whose output is kept, until :meth:`end`. A process keeps one at a time; nothing here raises."""

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
        """Where what is printed will be found; None where it cannot be kept."""
        return None if self._file is None else open_files(self._place.storage).shown(self._name)

    def look(self) -> None:
        """Between two reports: what has grown too long is cut off here."""
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
        """Give the streams back; a bucket is given what was printed. Once is enough, and twice does no harm."""
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
        """Descriptors 1 and 2 are the file from here on, and Python's streams write to them at once."""
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
        if sys.stdout is _forgiving(1):  # and not one that the trial has put there
            sys.stdout = self._streams[0]
        if sys.stderr is _forgiving(2):
            sys.stderr = self._streams[1]

    def _spool(self) -> Path:
        """A folder of this machine and user for what goes to the bucket. It is the same for the next process, which finds there
        what a killed one has left."""
        folder = Path(tempfile.gettempdir()) / f"clnp-output-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{folder} is somebody else's")
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
    """A descriptor that takes everything: what a full disk refuses is lost, and no error of whoever printed it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def name(self) -> int:
        """As that of a file that Python opens by its descriptor."""
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
    """Python's stream on a descriptor: one for the life of the process, whatever the descriptor is at the moment."""
    return io.TextIOWrapper(_Forgiving(descriptor), encoding="utf-8", errors="backslashreplace", write_through=True)


@cache
def _libc() -> ctypes.CDLL | None:
    """The C library, whose standard output writes line by line from here on: what is printed before a kill is kept."""
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
