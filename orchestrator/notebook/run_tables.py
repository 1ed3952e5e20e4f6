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
    """The part of a run's handle that reads. Accuracies in DataFrames are fractions; columns are those of :mod:`db.rows`."""

    __slots__ = ()

    name: str
    """Of the run."""

    @property
    def row(self) -> RunRow:
        """All that is recorded of it, as it is now."""
        with self.place.reads() as reads:
            return reads.run(self.name)

    @property
    def state(self) -> RunState:
        """What it is doing, or how it has ended."""
        return self.row.state

    @property
    def tasks(self) -> int:
        """How many tasks it has."""
        return self.row.tasks

    @property
    def tasks_committed(self) -> int:
        """How many of them are committed."""
        return self.row.tasks_committed

    @property
    def benchmark(self) -> str:
        """Where its tasks come from."""
        return self.row.benchmark

    @property
    def seed(self) -> int:
        """The root of every random choice."""
        return self.row.seed

    @property
    def margin_points(self) -> str:
        """m, in percentage points: exact, so text."""
        return self.row.margin_points

    @property
    def config(self) -> dict[str, object]:
        """Its whole configuration, every default filled in."""
        return self.row.config

    @property
    def environment(self) -> dict[str, object] | None:
        """What its bits depend on beside the config: device, torch, code, threads. None before a driver has looked."""
        return self.row.environment

    @property
    def forked_from(self) -> str | None:
        """The run whose commit it continues from; None where it started from nothing, or that run has been removed."""
        return self.row.forked_from

    @property
    def forked_after_task(self) -> int | None:
        """The task whose commit that was."""
        return self.row.forked_after_task

    @property
    def created_at(self) -> datetime:
        """When it was recorded, UTC."""
        return self.row.created_at

    @property
    def driver_lives(self) -> bool:
        """Whether a driver is at work on it, wherever."""
        return self.row.driver_lives

    def stages(self) -> "DataFrame":
        """One row per task: its state, its data, its trials by state."""
        return dataframes.stages(self.name, self.place.url)

    def trials(self, task: int | None = None) -> "DataFrame":
        """One row per trial, of all tasks or of one, with its verdict and the reason of it.

        Raises:
            NotFoundError: there is no such task.
        """
        return dataframes.trials(self.name, task, self.place.url)

    def selections(self) -> "DataFrame":
        """One row per task that has chosen: which trial, and why."""
        return dataframes.selections(self.name, None, self.place.url)

    def commits(self) -> "DataFrame":
        """One row per committed task: digest, proof, validation count."""
        return dataframes.commits(self.name, None, self.place.url)

    def capacity(self) -> "DataFrame":
        """One row per commit and hidden layer: neurons used, new, reused, free."""
        return dataframes.capacity(self.name, self.place.url)

    def accuracy_matrix(self) -> "DataFrame":
        """Test accuracy, a fraction: one row per commit (``after_task``), one column per task (``on_task``)."""
        return dataframes.accuracy_matrix(self.name, self.place.url)

    def evaluations(self) -> "DataFrame":
        """The same as one row per cell, with exact counts."""
        return dataframes.evaluations(self.name, self.place.url)

    def events(self) -> "DataFrame":
        """What happened, oldest first."""
        return dataframes.events(self.name, self.place.url)
