"""Runs in the background: a driver as a process of its own, which goes on when the notebook that started it is closed."""

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
    """Record a run and start its driver; returns its name once the driver holds it. :func:`clnp.start` says the
    rest."""
    starter = _starter(place)
    job = starter.launch(built(config, name, overrides), name, JobKind.PROCESS)
    _await_driver(place, starter, job)
    return job.run


def start_again(place: Place, run: str, retry_failed: bool, accept_environment: bool) -> None:
    """Start a driver that goes on with a run; returns once it holds the run.
    :meth:`orchestrator.notebook.run_handle.Run.start` says the rest."""
    starter = _starter(place)
    _await_leaving(place, starter, run)
    _await_driver(place, starter, starter.resume(run, JobKind.PROCESS, retry_failed, accept_environment))


def _starter(place: Place) -> Starter:
    return Starter(place, Path.cwd() / ".clnp" / "jobs")


def _await_leaving(place: Place, starter: Starter, run: str) -> None:
    """A driver that has let go of the run still says how it ended: until its process is gone, or too long."""
    for _ in range(int(LEAVING_SECONDS / POLL_SECONDS)):
        with place.reads() as reads:
            driven = reads.run(run).driver_lives
        if driven or not any(job.run == run and job.state is JobState.RUNNING for job in starter.jobs()):
            return
        time.sleep(POLL_SECONDS)


def _await_driver(place: Place, starter: Starter, job: Job) -> None:
    """Until the driver holds the run, or has ended: then it may have had nothing to do.

    Raises:
        RunFailedError: it ended with an error; with the last lines that it printed.
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
                             f"the run is recorded: clnp.run({job.run!r}).start() tries again once that is fixed")
