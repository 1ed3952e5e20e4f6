"""The samples of a run's task, as its trials saw them."""

from clnp_core.errors import DataError
from db.rows import RunRow, StageRow
from orchestrator.config.config import Config
from orchestrator.driver import plan
from workers.data.loader import load_task
from workers.data.samples import TaskData


def recorded_data(run: RunRow, stage: StageRow) -> TaskData:
    """The data of a task, if it is still what was recorded before the task was learnt; a task that no driver has looked at yet
    has no record to compare with.

    Raises:
        DataError: its files are missing, or it is another now.
        ConfigError: its benchmark cannot be imported.
    """
    data = load_task(plan.benchmark_spec(Config.from_resolved(run.config)), stage.task)
    if stage.split_digest is not None and data.split_digest() != stage.split_digest:
        raise DataError(f"the data of task {stage.task} of run {run.name!r} is not what it was when the task was learnt",
                        "bring the old data or the old benchmark code back; samples that were changed in place count as others")
    return data
