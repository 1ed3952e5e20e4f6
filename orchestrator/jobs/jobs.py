"""Records of background drivers: one folder per job, which outlives the process that started it.

    <folder>/20261126-084512-1f0a9c/job.json    what was started, when, for which run
                                    output      what it prints
                                    exit        its exit code, once it has ended
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from clnp_core.errors import NotFoundError
from db.liveness import is_gone, process_started, this_host
from db.records import Owner

ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}", re.ASCII)
LONGEST_OUTPUT_BYTES = 1_000_000
"""Maximum number of bytes shown from the end of an output."""


class JobKind(StrEnum):
    """How a driver is started."""

    PROCESS = "process"
    """A process of this machine."""

    RAY_JOB = "ray-job"
    """A job of a Ray cluster, on its head."""


class JobState(StrEnum):
    """The state of a job."""

    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    """It ended without an exit code: killed, ended by a reboot, or ended by its cluster."""

    UNKNOWN = "unknown"
    """Its cluster cannot be reached."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What is recorded when a job starts.

    Attributes:
        id: name of the job.
        run: the run that it drives.
        action: launch or resume.
        kind: how it was started.
        started_at: start time.
        command: the command line, without secrets.
        host, pid, process_started: identity of a process.
        ray_job: submission id of a Ray job.
    """

    id: str
    run: str
    action: str
    kind: JobKind
    started_at: datetime
    command: tuple[str, ...]
    host: str
    pid: int | None = None
    process_started: float | None = None
    ray_job: str | None = None


@dataclass(frozen=True, slots=True)
class Job(JobRecord):
    """The current state of a job. ``exit_code`` is None until it has one; ``ended_at`` is when a process wrote it, or when
    Ray noticed the end of a job; ``message`` is the cluster's message about a Ray job."""

    state: JobState = JobState.UNKNOWN
    exit_code: int | None = None
    ended_at: datetime | None = None
    message: str | None = None


class JobFolder:
    """The jobs that were started from one working folder. Several processes may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> tuple[str, Path]:
        """Create the private folder of a new job; return the job's name and the folder."""
        job_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        place = self.folder / job_id
        place.mkdir(mode=0o700, parents=True)
        return job_id, place

    def keep(self, record: JobRecord) -> None:
        """Write the record of a started job."""
        values: dict[str, Any] = {name: getattr(record, name) for name in JobRecord.__dataclass_fields__}
        values["started_at"] = record.started_at.isoformat()
        file = self.folder / record.id / "job.json"
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(values))
        partial.replace(file)

    def records(self) -> list[JobRecord]:
        """Return all records, newest first."""
        try:
            names = sorted((entry.name for entry in self.folder.iterdir() if ID.fullmatch(entry.name)), reverse=True)
        except OSError:
            return []
        return [record for name in names if (record := self._read(name)) is not None]

    def record(self, job_id: str) -> JobRecord:
        """Return the record of a job.

        Raises:
            NotFoundError: there is no job of this name.
        """
        found = self._read(job_id) if ID.fullmatch(job_id) else None
        if found is None:
            raise NotFoundError("there is no such job", "/api/v1/jobs lists them")
        return found

    def job(self, record: JobRecord) -> Job:
        """Return the current state of a process."""
        code, ended_at = self._exit(record.id)
        if code is not None:
            state = JobState.ENDED
        elif record.host != this_host():
            state = JobState.UNKNOWN
        else:
            owner = Owner(record.host, record.pid or 0, record.process_started or 0.0, record.id)
            state = JobState.LOST if is_gone(owner) else JobState.RUNNING
            if state is JobState.LOST:  # unless it ended between the two checks
                code, ended_at = self._exit(record.id)
                state = JobState.ENDED if code is not None else state
        return as_job(record, state, code, ended_at)

    def output(self, job_id: str) -> str:
        """Return the end of a process's output, at most :data:`LONGEST_OUTPUT_BYTES`."""
        try:
            with (self.folder / job_id / "output").open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - LONGEST_OUTPUT_BYTES))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def _exit(self, job_id: str) -> tuple[int | None, datetime | None]:
        file = self.folder / job_id / "exit"
        try:
            return int(file.read_text()), datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except (OSError, ValueError):
            return None, None

    def _read(self, job_id: str) -> JobRecord | None:
        try:
            values: Mapping[str, Any] = json.loads((self.folder / job_id / "job.json").read_text())
            return JobRecord(**{**values, "kind": JobKind(values["kind"]), "command": tuple(values["command"]),
                                "started_at": datetime.fromisoformat(values["started_at"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None  # a failed start, or a folder of another program


def as_job(record: JobRecord, state: JobState, exit_code: int | None = None, ended_at: datetime | None = None,
           message: str | None = None) -> Job:
    """Return a job with its current state."""
    known: dict[str, Any] = {name: getattr(record, name) for name in JobRecord.__dataclass_fields__}
    return Job(**known, state=state, exit_code=exit_code, ended_at=ended_at, message=message)


def started_of(pid: int) -> float:
    """Return when a process started, to distinguish it from a later one with the same PID."""
    return process_started(pid) or 0.0
