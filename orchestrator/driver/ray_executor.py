"""The executor that ships as the default: trials in Ray Tune, jobs as Ray tasks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import ray

from orchestrator.config.choices import ExecutorKind
from orchestrator.config.config import Config
from orchestrator.driver.cluster import Cluster, connect
from orchestrator.driver.executor import Job, JobOptions, SweepWork
from orchestrator.driver.head_watch import watching
from orchestrator.driver.submitted_job import SubmittedJob
from orchestrator.driver.tuner import run_grid, run_sampler
from workers.ray.remote_jobs import Submitted, ask_to_stop, fetch, submit


@contextmanager
def ray_executor(config: Config, storage: str, told: Callable[[str], None]) -> Iterator["RayExecutor"]:
    """Connect to Ray for the duration of a block; arguments and errors as of :func:`orchestrator.driver.cluster.connect`."""
    with connect(config, storage, told) as cluster:
        yield RayExecutor(cluster)


class RayExecutor:
    """An :class:`orchestrator.driver.executor.Executor` on a connected cluster."""

    kind = ExecutorKind.RAY

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @property
    def parallel_trials(self) -> int:
        return self.cluster.parallel_trials

    def train(self, sweep: SweepWork) -> None:
        if sweep.draws is None:
            run_grid(sweep.config, sweep.packs, sweep.storage, self.cluster, sweep.recorder, sweep.grace, sweep.done)
        else:
            run_sampler(sweep.config, sweep.draws, sweep.storage, self.cluster, sweep.recorder, sweep.grace, sweep.packs)

    def submit(self, job: Job, *arguments: object, options: JobOptions) -> SubmittedJob:
        resources = options.config.resources
        return submit(job, *arguments, cpus=resources.cpus_per_trial, gpus=resources.gpus_per_trial,
                      time_limit_seconds=resources.job_time_limit_seconds, place=options.place, stop_key=options.stop_key)

    def fetch(self, submitted: SubmittedJob, stop: Callable[[], bool], grace_is_over: Callable[[], bool]) -> Any:
        assert isinstance(submitted, Submitted), "a job of this executor"
        return fetch(submitted, stop, grace_is_over)

    def ask_to_stop(self, key: str) -> None:
        ask_to_stop(key)

    def watched(self, run: str, stop: Callable[[str], None], let_go: Callable[[], None]) -> AbstractContextManager[None]:
        return watching(self.cluster.head, run, stop, let_go, ray.shutdown)
