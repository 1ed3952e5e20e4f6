"""Handles on several runs: a group of one config with several seeds, and all runs of a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, overload

from clnp_core.errors import NotFoundError
from db import dataframes
from orchestrator.events.events import Progress
from orchestrator.groups.groups import resume_group
from orchestrator.groups.runner import PlainGroupProgress
from orchestrator.groups.summary import COLUMNS, GroupSummary
from orchestrator.notebook.handle import ROWS, Described, Shown
from orchestrator.notebook.run_handle import Run
from orchestrator.render.format import NOTHING, plural
from orchestrator.render.matrices import percent
from orchestrator.render.table import Column, number, prose
from orchestrator.runs.location import Place
from orchestrator.runs.operations import request_cancel_of_group, request_stop_of_group

if TYPE_CHECKING:
    from pandas import DataFrame

    from orchestrator.events.events import Progress

@dataclass(frozen=True, slots=True, repr=False)
class Runs(Described, Sequence[Run]):
    """The runs that were recorded when it was created, oldest first. It is displayed as a table."""

    names: tuple[str, ...]
    place: Place

    @overload
    def __getitem__(self, which: int | str) -> Run: ...

    @overload
    def __getitem__(self, which: slice) -> "Runs": ...

    def __getitem__(self, which: int | str | slice) -> "Run | Runs":
        """Return a run by its index or its name; a slice returns a shorter list.

        Raises:
            NotFoundError: no run has that name.
            IndexError: the index is out of range.
        """
        if isinstance(which, slice):
            return Runs(self.names[which], self.place)
        if isinstance(which, int):
            return Run(self.names[which], self.place)
        if which not in self.names:
            raise NotFoundError(f"there is no run {which!r} in this list", "clnp.run(name) searches the database")
        return Run(which, self.place)

    def __len__(self) -> int:
        return len(self.names)

    def frame(self) -> "DataFrame":
        """Return one row per run with all its recorded columns, read from the database now."""
        found = dataframes.runs(url=self.place.url)
        return found[found["name"].isin(self.names)]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)

    def _called(self) -> str:
        return f"{plural(len(self.names), 'run')} in {self.place.shown}"

    def _show(self) -> Shown:
        with self.place.reads() as reads:
            rows = [row for row in reads.runs() if row.name in set(self.names)][-ROWS:]
            means = {row.name: _mean([cell.test_accuracy for cell in reads.accuracy_matrix(row.name)
                                      if cell.after_task == row.tasks_committed]) for row in rows}
        columns = (prose("run"), Column("state"), number("tasks"), number("mean test %"), Column("created (UTC)"),
                   prose("benchmark"))
        return Shown(self._called(), columns, [
            (row.name, row.state.value, f"{row.tasks_committed}/{row.tasks}", means[row.name],
             f"{row.created_at:%Y-%m-%d %H:%M}", row.benchmark) for row in rows], len(self.names))


def _mean(accuracies: Sequence[float]) -> str:
    return percent(sum(accuracies) / len(accuracies)) if accuracies else NOTHING


@dataclass(frozen=True, slots=True, repr=False)
class Group(Described):
    """A handle on a recorded group, returned by :func:`clnp.group` and by a launch with several seeds. It is displayed as a
    table of its runs, with the results of the completed ones."""

    name: str
    place: Place

    @property
    def runs(self) -> Runs:
        """Its runs, in the order of the config's seeds."""
        with self.place.reads() as reads:
            return Runs(tuple(row.name for row in reads.group(self.name)), self.place)

    @property
    def standing(self) -> GroupSummary:
        """The current state of its runs, and mean and standard deviation of the test accuracy over the completed ones."""
        with self.place.reads() as reads:
            return GroupSummary.of(reads, self.name)

    def evaluations(self) -> "DataFrame":
        """Return the accuracy matrices of all its runs, a row per cell, with the run, its seed and its state."""
        return dataframes.group_evaluations(self.name, self.place.url)

    def accuracy_matrix(self) -> "DataFrame":
        """Return the test accuracy of all its runs, a fraction: a row per run and commit, a column per task."""
        return dataframes.group_accuracy_matrix(self.name, self.place.url)

    def resume(self, *, retry_failed: bool = False, accept_environment: bool = False,
               progress: "Progress | None" = None) -> Self:
        """Resume every unfinished run, side by side, and return when all drivers have ended. A failed run neither affects the
        others nor raises an error; ``standing`` has the state of each.

        Args:
            retry_failed, accept_environment: as in :func:`clnp.resume`, for every run.
            progress: receives each line of the drivers as a notice; None for no output.

        Raises:
            RunFailedError: the cluster cannot be reached.
        """

        options = ["--retry-failed"] * retry_failed + ["--accept-environment"] * accept_environment
        resume_group(self.place, self.name, PlainGroupProgress(progress or Progress()), options)
        return self

    def stop(self) -> Sequence[str]:
        """Ask the drivers of its runs, on any machine, to stop cleanly; return the runs that have one.

        Raises:
            StateError: none of its runs has a driver.
        """

        return request_stop_of_group(self.name, url=self.place.url)

    def cancel(self) -> Sequence[str]:
        """Cancel all its unfinished runs; return them.

        Raises:
            StateError: all of them have ended.
        """

        return request_cancel_of_group(self.name, url=self.place.url)

    def _called(self) -> str:
        return f"Group {self.name}"

    def _show(self) -> Shown:
        standing = self.standing
        return Shown(standing.heading, COLUMNS, standing.rows[:ROWS], len(standing.members),
                     [standing.sentence, *standing.next_steps])
