"""What a run recorded: facts, and DataFrames."""

from datetime import datetime
from typing import TYPE_CHECKING

from db import dataframes
from db.rows import RunRow
from db.states import RunState
from orchestrator.notebook.handle import Drawn

if TYPE_CHECKING:
    from pandas import DataFrame


class RunTables(Drawn):
    """The records of a run's handle. Accuracies in DataFrames are fractions; columns are those of :mod:`db.rows`."""

    __slots__ = ()

    name: str
    """Name of the run."""

    @property
    def row(self) -> RunRow:
        """Its record, read now."""
        with self.place.reads() as reads:
            return reads.run(self.name)

    @property
    def state(self) -> RunState:
        """Its current or final state."""
        return self.row.state

    @property
    def tasks(self) -> int:
        """Number of its tasks."""
        return self.row.tasks

    @property
    def tasks_committed(self) -> int:
        """Number of its committed tasks."""
        return self.row.tasks_committed

    @property
    def benchmark(self) -> str:
        """Name of its benchmark."""
        return self.row.benchmark

    @property
    def seed(self) -> int:
        """The seed of all randomness."""
        return self.row.seed

    @property
    def margin_points(self) -> str:
        """The margin m in percentage points, as text, since it is exact."""
        return self.row.margin_points

    @property
    def config(self) -> dict[str, object]:
        """Its complete configuration with all defaults."""
        return self.row.config

    @property
    def environment(self) -> dict[str, object] | None:
        """What its results depend on besides the config: device, torch, code, threads. None before its first driver."""
        return self.row.environment

    @property
    def forked_from(self) -> str | None:
        """The run whose commit it continues from; None if it is no fork, or that run has been removed."""
        return self.row.forked_from

    @property
    def forked_after_task(self) -> int | None:
        """The task of that commit."""
        return self.row.forked_after_task

    @property
    def created_at(self) -> datetime:
        """Time of its creation, UTC."""
        return self.row.created_at

    @property
    def driver_lives(self) -> bool:
        """Whether it has a running driver, on any machine."""
        return self.row.driver_lives

    def stages(self) -> "DataFrame":
        """Return one row per task: state, data, trials by state."""
        return dataframes.stages(self.name, self.place.url)

    def trials(self, task: int | None = None) -> "DataFrame":
        """Return one row per trial, of all tasks or of one, with its verdict and the reason.

        Raises:
            NotFoundError: there is no such task.
        """
        return dataframes.trials(self.name, task, self.place.url)

    def selections(self) -> "DataFrame":
        """Return one row per selected task: the chosen trial and the reason."""
        return dataframes.selections(self.name, None, self.place.url)

    def commits(self) -> "DataFrame":
        """Return one row per committed task: digest, proof, validation count."""
        return dataframes.commits(self.name, None, self.place.url)

    def capacity(self) -> "DataFrame":
        """Return one row per commit and hidden layer: neurons used, new, reused, free."""
        return dataframes.capacity(self.name, self.place.url)

    def accuracy_matrix(self) -> "DataFrame":
        """Return test accuracy, a fraction: one row per commit (``after_task``), one column per task (``on_task``)."""
        return dataframes.accuracy_matrix(self.name, self.place.url)

    def evaluations(self) -> "DataFrame":
        """Return the accuracy matrix as one row per cell, with exact counts."""
        return dataframes.evaluations(self.name, self.place.url)

    def events(self) -> "DataFrame":
        """Return its events, oldest first."""
        return dataframes.events(self.name, self.place.url)
