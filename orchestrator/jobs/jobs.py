"""Drivers that were started for somebody else, and what became of them: a folder for each, which outlives who started it.

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
"""Of the end of an output that is told."""


class JobKind(StrEnum):
    """How a driver is started."""

    PROCESS = "process"
    """A process of this machine."""

    RAY_JOB = "ray-job"
    """A job of a Ray cluster, on its head."""


class JobState(StrEnum):
    """What a job is doing."""

    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    """It is gone and left no exit code: killed, or its machine was started again, or ended by the cluster that had it."""

    UNKNOWN = "unknown"
    """The cluster that has it cannot be asked."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What is known of a job from its start.

    Attributes:
        id: its name.
        run: the run that it drives.
        action: what was asked for: launch or resume.
        kind: how it was started.
        started_at: when.
        command: what was started; it holds no secret.
        host, pid, process_started: of a process.
        ray_job: of a Ray job, its submission id.
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
    """A job as it is now. ``exit_code`` is None while it has none; ``ended_at`` is when a process left it, and when
    Ray saw the end of a job; ``message`` is what the cluster says of a Ray job."""

    state: JobState = JobState.UNKNOWN
    exit_code: int | None = None
    ended_at: datetime | None = None
    message: str | None = None


class JobFolder:
    """The jobs that were started from one working folder. Processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> tuple[str, Path]:
        """The name and the folder of a job that is about to be started; nobody else may read there."""
        job_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        place = self.folder / job_id
        place.mkdir(mode=0o700, parents=True)
        return job_id, place

    def keep(self, record: JobRecord) -> None:
        """Write down what was started."""
        values: dict[str, Any] = {name: getattr(record, name) for name in JobRecord.__dataclass_fields__}
        values["started_at"] = record.started_at.isoformat()
        file = self.folder / record.id / "job.json"
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(values))
        partial.replace(file)

    def records(self) -> list[JobRecord]:
        """All jobs, the latest first."""
        try:
            names = sorted((entry.name for entry in self.folder.iterdir() if ID.fullmatch(entry.name)), reverse=True)
        except OSError:
            return []
        return [record for name in names if (record := self._read(name)) is not None]

    def record(self, job_id: str) -> JobRecord:
        """One job.

        Raises:
            NotFoundError: there is none of this name.
        """
        found = self._read(job_id) if ID.fullmatch(job_id) else None
        if found is None:
            raise NotFoundError("there is no such job", "/api/v1/jobs lists them")
        return found

    def job(self, record: JobRecord) -> Job:
        """A process as it is now."""
        code, ended_at = self._exit(record.id)
        if code is not None:
            state = JobState.ENDED
        elif record.host != this_host():
            state = JobState.UNKNOWN
        else:
            owner = Owner(record.host, record.pid or 0, record.process_started or 0.0, record.id)
            state = JobState.LOST if is_gone(owner) else JobState.RUNNING
            if state is JobState.LOST:  # unless it has ended between the two looks
                code, ended_at = self._exit(record.id)
                state = JobState.ENDED if code is not None else state
        return as_job(record, state, code, ended_at)

    def output(self, job_id: str) -> str:
        """The end of what a process printed, at most :data:`LONGEST_OUTPUT_BYTES`."""
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
            return None  # a start that failed half-way, or a folder of somebody else


def as_job(record: JobRecord, state: JobState, exit_code: int | None = None, ended_at: datetime | None = None,
           message: str | None = None) -> Job:
    """A job with what it is doing now."""
    known: dict[str, Any] = {name: getattr(record, name) for name in JobRecord.__dataclass_fields__}
    return Job(**known, state=state, exit_code=exit_code, ended_at=ended_at, message=message)


def started_of(pid: int) -> float:
    """When a process began, to tell it from a later one with the same number."""
    return process_started(pid) or 0.0
