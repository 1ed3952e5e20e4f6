"""The context of every transition: store, reads, cluster and progress."""

from dataclasses import dataclass, field
from typing import Any

from clnp_core.architecture import Architecture
from db.reads.reads import Reads
from db.records import Lease
from db.rows import StageRow
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver import plan
from orchestrator.driver.executor import Executor, Job, JobOptions
from orchestrator.driver.grace import Grace
from orchestrator.driver.lease import Keeper
from orchestrator.driver.stages.early_scans import ScansAhead
from orchestrator.driver.submitted_job import SubmittedJob
from orchestrator.events.events import Progress, tell_step
from workers.capture import OutputPlace
from workers.spec import BenchmarkSpec, StageSpec


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run with an executor, under a held lease. ``storage`` is the root of the artifact store; ``ahead`` maps a task
    to the scans that started before its sweep had ended; ``steps`` contains the last reported step."""

    store: Store
    reads: Reads
    keeper: Keeper
    grace: Grace
    config: Config
    storage: str
    executor: Executor
    progress: Progress
    ahead: dict[int, ScansAhead] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    @property
    def lease(self) -> Lease:
        """The lease, which permits writing the run's results."""
        return self.keeper.lease

    @property
    def name(self) -> str:
        """The run's name."""
        return self.keeper.lease.run_name

    def spec(self, stage: StageRow) -> StageSpec:
        """Return what the trials of a stage share, rebuilt from its row: the same before and after a crash."""
        assert stage.architecture is not None, "a stage that has begun has an architecture"
        return plan.stage_spec(self.config, stage.task, Architecture.from_json(stage.architecture), stage.base_digest)

    def step(self, text: str, task: int) -> None:
        """Report and record a slow step before it begins; a repeated step only once."""
        if self.steps[-1:] != [text]:
            self.steps[:] = [text]
            tell_step(self.progress, self.store, self.lease, text, task)

    def job(self, job: Job, *arguments: object) -> Any:
        """Run a job of :mod:`workers.jobs` on a worker and wait for it; errors and stops as in :meth:`fetch`."""
        return self.fetch(self.submit(job, *arguments))

    def submit(self, job: Job, *arguments: object, stop_key: str | None = None) -> SubmittedJob:
        """Start a job on a worker with the resources of a trial."""
        place = OutputPlace(self.storage, self.name, _task_of(arguments))
        return self.executor.submit(job, *arguments, options=JobOptions(self.config, place, stop_key))

    def training(self, job: Job, *arguments: object) -> SubmittedJob:
        """As :meth:`submit`, for a job that trains: it writes a checkpoint when the driver stops."""
        return self.submit(job, *arguments, stop_key=self.grace.key)

    def fetch(self, job: SubmittedJob) -> Any:
        """Return the result of a job. If the driver is asked to stop, wait for a training job to stop.

        Raises:
            workers.training.resume.StoppedError: the driver was asked to stop first.
            ClnpError: what the job raised.
        """
        return self.executor.fetch(job, self.keeper.should_stop, self.grace.is_over)


def _task_of(arguments: tuple[object, ...]) -> int | None:
    """Return the task of a job, which decides where its output is kept: from its stage, or its benchmark and task."""
    match arguments:
        case (StageSpec(task=task), *_):
            return task
        case (BenchmarkSpec(), int(task), *_):
            return task
    return None
