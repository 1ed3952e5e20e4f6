"""The executor ``inline``: trials and jobs one after another in the driver's own process, without Ray.

It is for debugging a task or a network, where a breakpoint stops in this process, and for runs so small that starting Ray takes
longer. It has no means against its own end: a process that runs out of memory ends the driver (a resume continues from what is
recorded), and code that hangs is interrupted by a second Ctrl-C only. ``resources.trial_time_limit_seconds`` and
``sweep_time_limit_seconds`` are checked between two epochs, ``job_time_limit_seconds`` is not used, and ``retries`` has no
meaning without a worker that may die. Output is not stored: it appears where the driver prints.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from clnp_core.errors import ConfigError, RunFailedError
from orchestrator.config.choices import ExecutorKind
from orchestrator.config.config import Config
from orchestrator.driver.executor import Job, JobOptions, SweepWork
from orchestrator.driver.recorder import PackConfig
from orchestrator.driver.submitted_job import SubmittedJob
from workers import user_modules
from workers.environment import host_name
from workers.jobs.job_answer import Refused, answer
from workers.jobs.pack_attempt import PackAttempt, StageWork
from workers.training.resume import StoppedError, listen

GPUS = "CUDA_VISIBLE_DEVICES"
BREAKPOINT = "PYTHONBREAKPOINT"


@contextmanager
def inline_executor(config: Config) -> Iterator["InlineExecutor"]:
    """Prepare this process for the duration of a block: a trial sees a GPU only if it requests one, and ``breakpoint()`` is not
    Ray's.

    Raises:
        ConfigError: a trial requests more than this machine has, or requests no GPU in a process that already uses one.
    """
    wanted, before, threads = config.resources, os.environ.get(GPUS), torch.get_num_threads()
    if not wanted.gpus_per_trial:
        os.environ[GPUS] = ""
    if os.environ.get(BREAKPOINT, "").startswith("ray."):  # from a Ray that this process, or its parent, started before
        del os.environ[BREAKPOINT]
    try:
        _refuse_misfit(config)
        yield InlineExecutor()
    finally:
        listen(None)
        torch.set_num_threads(threads)
        if before is None:
            os.environ.pop(GPUS, None)
        else:
            os.environ[GPUS] = before


def _refuse_misfit(config: Config) -> None:
    wanted, cpus = config.resources, len(os.sched_getaffinity(0))
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted.gpus_per_trial > gpus or wanted.cpus_per_trial > cpus:
        raise ConfigError(f"a trial requests {wanted.cpus_per_trial:g} CPUs and {wanted.gpus_per_trial:g} GPUs, this process "
                          f"has {cpus} and {gpus}",
                          "lower resources.cpus_per_trial or gpus_per_trial, or use the executor ray with a cluster in "
                          "RAY_ADDRESS")
    if gpus and not wanted.gpus_per_trial:
        raise ConfigError("a trial requests no GPU, but this process already uses one, which cannot be hidden from the trial",
                          f"set resources.gpus_per_trial, or start the process with {GPUS}= in its environment")


@dataclass(slots=True)
class _Trial:
    """A pack in this process, as a recorder sees it."""

    trial_id: str
    config: PackConfig

    def set_config(self, config: PackConfig) -> None:
        self.config = config


@dataclass(slots=True)
class InlineJob:
    """A job that runs when its result is fetched."""

    job: Job
    arguments: tuple[object, ...]
    can_stop: bool

    def is_running(self) -> bool:
        """Return False: between submitting and fetching it, nothing happens."""
        return False

    def cancel(self) -> None:
        """Do nothing: it has not begun."""


class InlineExecutor:
    """An :class:`orchestrator.driver.executor.Executor` without other processes."""

    kind = ExecutorKind.INLINE
    parallel_trials = 1

    def train(self, sweep: SweepWork) -> None:
        limit = sweep.config.resources.sweep_time_limit_seconds
        ends = None if limit is None else time.monotonic() + limit
        for config in _trials(sweep):
            if _should_end(sweep, ends):
                break
            self._attempt(sweep, _Trial(f"inline-{uuid.uuid4().hex[:12]}", config), ends)
        if sweep.recorder.error is not None:
            raise sweep.recorder.error

    def _attempt(self, sweep: SweepWork, trial: _Trial, ends: float | None) -> None:
        """Train one pack; leave it unrecorded if it is stopped."""
        recorder, resources = sweep.recorder, sweep.config.resources
        work = StageWork(sweep.storage, sweep.config.selection.margin_points, resources.trial_time_limit_seconds,
                         resources.checkpoint_every_seconds)
        recorder.started(trial)
        attempt = PackAttempt(work, trial.config["trials"], trial.config["wanted"], host_name(), sweep.grace.asked)
        objectives: tuple[float, float] | None = None
        try:
            while True:
                report = attempt.step()
                stopped, done = report["stopped"], bool(report.get("done"))
                recorder.reported(trial, report)
                recorder.tick()
                if done:
                    objectives = report["val_accuracy"], report["sparsity"]
                if done or stopped or recorder.error is not None or _is_over(ends):
                    break
                if sweep.grace.asked() and sweep.grace.is_over():
                    break
        finally:
            attempt.end()
            recorder.left(trial)
        if sweep.draws is not None and trial.config.get("sampled"):
            number = trial.config["wanted"][0]
            if objectives is None:
                sweep.draws.failed(number)
            else:
                sweep.draws.tell(number, *objectives)

    def submit(self, job: Job, *arguments: object, options: JobOptions) -> SubmittedJob:
        return InlineJob(job, arguments, options.stop_key is not None)

    def fetch(self, submitted: SubmittedJob, stop: Callable[[], bool], grace_is_over: Callable[[], bool]) -> Any:
        assert isinstance(submitted, InlineJob), "a job of this executor"
        if stop():
            raise StoppedError
        listen(stop if submitted.can_stop else None)
        try:
            outcome = answer(submitted.job, *submitted.arguments, kept=None)
        except Exception as error:
            raise RunFailedError(f"the job {submitted.job.__name__} failed: {user_modules.summary(error)}",
                                 "the traceback is above; resume the run to try again") from error
        finally:
            listen(None)
        if isinstance(outcome, Refused):
            raise outcome.error
        return outcome

    def ask_to_stop(self, key: str) -> None:
        """Do nothing: a training in this process asks the driver itself."""

    def watched(self, run: str, stop: Callable[[str], None], let_go: Callable[[], None]) -> AbstractContextManager[None]:
        return nullcontext()


def _trials(sweep: SweepWork) -> Iterator[PackConfig]:
    """Yield the packs of a sweep, then what a sampler draws, each when the one before has ended."""
    done = frozenset(sweep.done)
    for pack in sweep.packs:
        yield {"trials": list(pack), "wanted": [trial.number for trial in pack if trial.number not in done]}
    if sweep.draws is not None:
        for trial in iter(sweep.draws.draw, None):
            yield {"trials": [trial], "wanted": [trial.number], "sampled": True}


def _should_end(sweep: SweepWork, ends: float | None) -> bool:
    return sweep.recorder.error is not None or sweep.grace.asked() or _is_over(ends)


def _is_over(ends: float | None) -> bool:
    return ends is not None and time.monotonic() >= ends
