"""Start drivers in the background: as processes of this machine, or as jobs of a cluster.

A launch records the run first and then starts `clnp resume`. So the run exists under its name when the call returns, its name
cannot be taken in between, and exactly the validated config is driven. A driver that a notebook starts continues when the
notebook is closed.
"""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from clnp_core.errors import BusyError, ConfigError, RunFailedError, StateError
from db.engine import open_database
from db.liveness import this_host
from db.reads.reads import Reads
from db.states import RunState
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver.launch import AnyConfig, Overrides, built, new_run
from orchestrator.jobs.jobs import LONGEST_OUTPUT_BYTES, Job, JobFolder, JobKind, JobRecord, JobState, as_job, started_of
from orchestrator.jobs.own_packages import importing_ours, python_module
from orchestrator.jobs.ray_jobs import RayJobs, sendable
from orchestrator.runs.location import Place
from orchestrator.runs.run_names import MAX_NAME

DETACHED = """
folder=$1; shift
( "$@"; echo $? >"$folder/exit.part"; mv "$folder/exit.part" "$folder/exit" ) >"$folder/output" 2>&1 </dev/null &
echo $!
"""
"""Starts a detached command in the session of this shell; its output and exit code are kept in files."""

PRIVATE = ("CLNP_TOKEN",)
"""Environment variables that a driver does not need."""


def driver_environment(place: Place) -> dict[str, str]:
    """Return the environment of a driver process. It contains the database's URL, because arguments of a process are visible
    to other users."""
    environment = {name: value for name, value in os.environ.items() if name not in PRIVATE}
    return importing_ours(environment | {"CLNP_DB_URL": place.url, "CLNP_STORAGE": place.storage, "PYTHONUNBUFFERED": "1"})


class Starter:
    """Starts drivers and reports their state. Thread-safe.

    Args:
        place: the database and the artifact store of the runs.
        folder: the folder of the jobs.
        ray: the cluster for Ray jobs, or None.
    """

    def __init__(self, place: Place, folder: Path, ray: RayJobs | None = None) -> None:
        self._place, self._jobs, self._ray = place, JobFolder(folder), ray
        self._lock = threading.Lock()

    def launch(self, config: Config, name: str | None, kind: JobKind) -> Job:
        """Record a run and start its driver.

        Args:
            config: config of the run.
            name: name of the run; must be free. None uses the config's name, with a number appended if it is taken.
            kind: how the driver is started.

        Raises:
            StateError: the name is taken.
            ConfigError: jobs of this kind cannot be started here, or the config has several seeds.
            RunFailedError: the cluster does not accept the job; nothing is recorded.
            DatabaseError: it cannot be written to.
        """
        self._check(kind)
        if config.seeds is not None:
            raise ConfigError("a config with seeds makes a group, and only single runs can be started in the background",
                              "launch it with `clnp launch`, or launch one seed at a time, as `seed`")
        engine = open_database(self._place.url, create=True)
        try:
            store = Store(engine)
            run = self._record(store, config, name)
            try:
                return self._start(run, "launch", ["resume", run], kind)
            except BaseException:
                store.remove_run(run)
                raise
        finally:
            engine.dispose()

    def resume(self, run: str, kind: JobKind, retry_failed: bool = False, accept_environment: bool = False) -> Job:
        """Start a driver that resumes a run.

        Args:
            run: its name.
            kind: how the driver is started.
            retry_failed, accept_environment: as :func:`clnp.resume`.

        Raises:
            NotFoundError: no such run.
            BusyError: a driver holds it, or is being started.
            StateError: it was cancelled, or is depleted.
            ConfigError, RunFailedError, DatabaseError: as :meth:`launch`.
        """
        self._check(kind)
        with self._lock:
            with self._place.reads() as reads:
                self._check_rest(reads, run)
            flags = ["--retry-failed"] * retry_failed + ["--accept-environment"] * accept_environment
            return self._start(run, "resume", ["resume", run, *flags], kind)

    def jobs(self) -> list[Job]:
        """Return all jobs of the folder, newest first."""
        return [self._now(record) for record in self._jobs.records()]

    def job(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFoundError: there is no job of this name.
        """
        return self._now(self._jobs.record(job_id))

    def output(self, job_id: str) -> str:
        """Return the end of a job's output.

        Raises:
            NotFoundError: there is no job of this name.
            RunFailedError: it is a Ray job, and the cluster cannot be reached.
        """
        record = self._jobs.record(job_id)
        if record.kind is JobKind.PROCESS:
            return self._jobs.output(record.id)
        return self._cluster().output(record.ray_job or "").encode()[-LONGEST_OUTPUT_BYTES:].decode("utf-8", "replace")

    def _check(self, kind: JobKind) -> None:
        if kind is JobKind.RAY_JOB:
            self._cluster()

    def _cluster(self) -> RayJobs:
        if self._ray is None:
            raise ConfigError("no Ray cluster is configured for jobs",
                              "start the service with --ray-dashboard http://HEAD:8265, or start drivers as processes")
        return self._ray

    def _record(self, store: Store, config: Config, name: str | None) -> str:
        if name is not None:
            store.create_run(new_run(name, config))
            return name
        number = 1
        while True:
            ending = "" if number == 1 else f"-{number}"
            run = f"{config.name[:MAX_NAME - len(ending)]}{ending}"
            try:
                store.create_run(new_run(run, config))
                return run
            except StateError:
                number += 1

    def _check_rest(self, reads: Reads, run: str) -> None:
        row = reads.run(run)
        if row.driver_lives and row.owner is not None:
            raise BusyError(f"run {run!r} is driven by process {row.owner.pid} on {row.owner.host}",
                            f"`clnp stop {run}` ends that driver")
        if row.state in (RunState.CANCELLED, RunState.DEPLETED):
            raise StateError(f"run {run!r} is {row.state.value} and cannot be resumed",
                             f"`clnp show {run}` says why; `clnp fork {run} --task K` continues from one of its commits")
        for record in self._jobs.records():
            if record.run == run and (job := self._now(record)).state is JobState.RUNNING:
                raise BusyError(f"job {job.id} is driving run {run!r} already", "it is starting, or has just ended the run")

    def _start(self, run: str, action: str, arguments: Sequence[str], kind: JobKind) -> Job:
        job_id, place = self._jobs.new()
        now = datetime.now(UTC)
        if kind is JobKind.PROCESS:
            command = (*python_module("orchestrator.cli"), *arguments)
            pid = self._detached(place, command)
            record = JobRecord(job_id, run, action, kind, now, command, this_host(), pid, started_of(pid))
        else:
            cluster = self._cluster()
            command = cluster.command(arguments)
            along = sendable(self._place.url, self._place.storage, os.environ.get("CLNP_DATA"))
            submission = cluster.submit(job_id, command, along)
            record = JobRecord(job_id, run, action, kind, now, command, cluster.dashboard, ray_job=submission)
        self._jobs.keep(record)
        return self._now(record)

    def _detached(self, place: Path, command: Sequence[str]) -> int:
        shell = subprocess.run(["/bin/sh", "-c", DETACHED, "clnp-job", str(place), *command],
                               env=driver_environment(self._place), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               start_new_session=True, check=True)
        return int(shell.stdout)

    def _now(self, record: JobRecord) -> Job:
        if record.kind is JobKind.PROCESS:
            return self._jobs.job(record)
        try:
            found = self._cluster().look(record.ray_job or "")
        except (RunFailedError, ConfigError) as error:
            return as_job(record, JobState.UNKNOWN, message=error.message)
        ended = JobState.LOST if found.exit_code is None else JobState.ENDED
        return as_job(record, JobState.RUNNING if found.is_running else ended, found.exit_code, found.ended_at, found.message)


POLL_SECONDS = 0.1
LEAVING_SECONDS = 20.0


def start_run(place: Place, config: AnyConfig, name: str | None, overrides: Overrides) -> str:
    """Record a run and start its driver; return its name once the driver holds the lease. See
    :func:`clnp.start`."""
    starter = _starter(place)
    job = starter.launch(built(config, name, overrides), name, JobKind.PROCESS)
    _await_driver(place, starter, job)
    return job.run


def start_again(place: Place, run: str, retry_failed: bool, accept_environment: bool) -> None:
    """Start a driver that resumes a run; return once it holds the lease. See
    :meth:`orchestrator.notebook.run_handle.Run.start`."""
    starter = _starter(place)
    _await_leaving(place, starter, run)
    _await_driver(place, starter, starter.resume(run, JobKind.PROCESS, retry_failed, accept_environment))


def _starter(place: Place) -> Starter:
    return Starter(place, Path.cwd() / ".clnp" / "jobs")


def _await_leaving(place: Place, starter: Starter, run: str) -> None:
    """Wait until the process of a driver that has released the run has ended, for a limited time."""
    for _ in range(int(LEAVING_SECONDS / POLL_SECONDS)):
        with place.reads() as reads:
            driven = reads.run(run).driver_lives
        if driven or not any(job.run == run and job.state is JobState.RUNNING for job in starter.jobs()):
            return
        time.sleep(POLL_SECONDS)


def _await_driver(place: Place, starter: Starter, job: Job) -> None:
    """Wait until the driver holds the run, or has ended because there was nothing to do.

    Raises:
        RunFailedError: it ended with an error; with its last lines of output.
    """
    while job.state is JobState.RUNNING:
        with place.reads() as reads:
            if reads.run(job.run).driver_lives:
                return
        time.sleep(POLL_SECONDS)
        job = starter.job(job.id)
    if job.exit_code != 0:
        printed = starter.output(job.id).strip().splitlines()[-2:] or ["it printed nothing"]
        raise RunFailedError(f"the driver of run {job.run!r} ended with exit code {job.exit_code}: {' | '.join(printed)}",
                             f"the run is recorded: clnp.run({job.run!r}).start() retries it once that is fixed")
