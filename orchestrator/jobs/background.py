"""Runs in the background: a driver process that continues when the notebook that started it is closed."""

import time
from pathlib import Path

from clnp_core.errors import RunFailedError
from orchestrator.driver.launch import AnyConfig, Overrides, built
from orchestrator.jobs.jobs import Job, JobKind, JobState
from orchestrator.jobs.start import Starter
from orchestrator.runs.location import Place

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
