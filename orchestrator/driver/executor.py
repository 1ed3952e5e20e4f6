"""What a driver asks of whatever computes: train these trials, run this job, how many side by side, stop.

:mod:`orchestrator.driver.ray_executor` computes on a Ray cluster and is the default;
:mod:`orchestrator.driver.inline_executor` computes in the driver's own process. Results, keys and digests do not depend on the
executor, so it is no part of a configuration and may differ between a launch and a resume.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.config.choices import ExecutorKind
from orchestrator.config.config import Config
from orchestrator.driver.grace import Grace
from orchestrator.driver.recorder import Recorder
from orchestrator.driver.sampler import Draws
from orchestrator.driver.submitted_job import SubmittedJob
from workers.capture import OutputPlace
from workers.spec import TrialSpec

Job = Callable[..., Any]
"""A function of :mod:`workers.jobs`."""


@dataclass(frozen=True, slots=True)
class SweepWork:
    """The trials of a stage that have no result yet.

    Attributes:
        config: the run's.
        storage: root of the artifact store.
        recorder: writes every report to the database.
        grace: tells whether the driver should stop.
        packs: the planned trials, in the order of their numbers; a pack runs as a whole.
        done: trials that have already ended; they are only trained as part of their packs.
        draws: draws the remaining trials, after the planned ones; None if all are planned.
    """

    config: Config
    storage: str
    recorder: Recorder
    grace: Grace
    packs: Sequence[Sequence[TrialSpec]]
    done: Collection[int] = ()
    draws: Draws | None = None


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a job between trials runs.

    Attributes:
        config: the run's; its ``resources`` apply to the job.
        place: where its output is stored.
        stop_key: of :meth:`Executor.ask_to_stop`, for a job that trains; None for a job that cannot stop.
    """

    config: Config
    place: OutputPlace
    stop_key: str | None = None


class Executor(Protocol):
    """Computes the trials and jobs of one driver, which calls it from its main thread only."""

    @property
    def kind(self) -> ExecutorKind:
        """Which executor it is."""

    @property
    def parallel_trials(self) -> int:
        """How many trials, or packs, run side by side."""

    def train(self, sweep: SweepWork) -> None:
        """Train the trials of a sweep until all have ended, a time limit is over, or the driver should stop; running trials
        write a checkpoint first. Every report goes to the recorder.

        Raises:
            Exception: what the recorder raised; the sweep has ended.
        """

    def submit(self, job: Job, *arguments: object, options: JobOptions) -> SubmittedJob:
        """Accept a job of :mod:`workers.jobs`. It may start now, or not before :meth:`fetch`."""

    def fetch(self, submitted: SubmittedJob, stop: Callable[[], bool], grace_is_over: Callable[[], bool]) -> Any:
        """Return the result of a job.

        Args:
            submitted: returned by :meth:`submit` of this executor.
            stop: whether the driver should stop.
            grace_is_over: called after ``stop`` became true, for jobs that can stop; True ends the job at once.

        Raises:
            workers.training.resume.StoppedError: ``stop`` became true first.
            ClnpError: the job raised it.
            RunFailedError: the job raised something else, exceeded its limit, or lost its worker.
        """

    def ask_to_stop(self, key: str) -> None:
        """Request every training with this key to write a checkpoint and stop."""

    def watched(self, run: str, stop: Callable[[str], None], let_go: Callable[[], None]) -> AbstractContextManager[None]:
        """Return a context in which the loss of the executor is detected.

        Args:
            run: the name of the run, for messages.
            stop: asks the driver to stop, with a reason.
            let_go: releases the lease; called before the process is ended by force.
        """
