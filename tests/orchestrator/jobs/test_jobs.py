"""What became of drivers that were started, told from files that outlive who started them."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clnp_core.errors import NotFoundError
from db.liveness import this_host
from orchestrator.jobs.jobs import LONGEST_OUTPUT_BYTES, JobFolder, JobKind, JobRecord, JobState, started_of
from orchestrator.jobs.ray_jobs import sendable
from tests.messages import naming


def _record(folder: JobFolder, pid: int, host: str | None = None, started: float | None = None) -> JobRecord:
    job_id, _ = folder.new()
    record = JobRecord(job_id, "demo", "launch", JobKind.PROCESS, datetime.now(UTC), ("clnp", "resume", "demo"),
                       host or this_host(), pid, started_of(pid) if started is None else started)
    folder.keep(record)
    return record


def test_a_job_runs_ends_or_is_lost(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "jobs")
    assert folder.records() == []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        record = _record(folder, process.pid)
        assert folder.record(record.id) == record
        assert folder.job(record).state is JobState.RUNNING
        process.communicate(b"\n")
    assert folder.job(record).state is JobState.LOST
    (folder.folder / record.id / "exit").write_text("9\n")
    job = folder.job(record)
    assert (job.state, job.exit_code) == (JobState.ENDED, 9) and job.ended_at is not None
    assert folder.job(_record(folder, 1, host="elsewhere")).state is JobState.UNKNOWN


def test_another_process_with_the_same_number_is_not_the_job(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert folder.job(_record(folder, process.pid, started=time.time() - 5000)).state is JobState.LOST
        process.communicate(b"\n")


def test_only_the_end_of_a_long_output_is_told(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    job_id, place = folder.new()
    assert folder.output(job_id) == ""
    (place / "output").write_text("first" + "x" * LONGEST_OUTPUT_BYTES)
    assert folder.output(job_id) == "x" * LONGEST_OUTPUT_BYTES


@pytest.mark.parametrize("name", ["", "..", "../jobs", "20260101-000000-abcdef", "20260101-000000-abcdef/..", "x" * 200])
def test_a_name_of_no_job(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match=naming("no such job")):
        JobFolder(tmp_path).record(name)


def test_a_folder_of_somebody_else_is_no_job(tmp_path: Path) -> None:
    (tmp_path / "20260101-000000-abcdef").mkdir()
    (tmp_path / "20260101-000000-abcdef" / "job.json").write_text('{"id": 1}')
    assert JobFolder(tmp_path).records() == []


def test_no_password_goes_along_with_a_ray_job() -> None:
    for address in ("postgresql://ada:secret@db/clnp", "postgresql://ada@db/clnp?password=secret"):
        assert sendable(address, "/store", None) == {"CLNP_STORAGE": "/store"}
    for address in ("postgresql://ada@db/clnp", "postgresql://ada:@db/clnp"):
        assert sendable(address, "/store", "/data") == {
            "CLNP_DB_URL": "postgresql+psycopg://ada@db/clnp", "CLNP_STORAGE": "/store", "CLNP_DATA": "/data"}
