"""Progress and results of a group: mean and standard deviation over the seeds of completed runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from db.states import RunState
from orchestrator.render.format import NOTHING, plural
from orchestrator.render.matrices import percent
from orchestrator.render.table import Column, number, prose

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from db.rows import RunRow

COLUMNS = (prose("run"), number("seed"), Column("state"), number("tasks"), number("mean test %"))
"""Columns of a group's table, see :meth:`GroupSummary.rows`."""


@dataclass(frozen=True, slots=True)
class Member:
    """A run of a group. ``mean_test_accuracy`` is over all its tasks, a fraction; None if it is not completed."""

    run: "RunRow"
    mean_test_accuracy: float | None


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """The current state of a group. Runs that are not completed are listed but not averaged: a mean over fewer tasks is not
    comparable."""

    name: str
    members: tuple[Member, ...]

    @classmethod
    def of(cls, reads: "Reads", name: str) -> "GroupSummary":
        """Read the summary of a group.

        Raises:
            NotFoundError: no such group.
        """
        return cls(name, tuple(Member(row, _mean(reads, row)) for row in reads.group(name)))

    @property
    def accuracies(self) -> list[float]:
        """The mean test accuracy of every completed run, a fraction."""
        return [member.mean_test_accuracy for member in self.members if member.mean_test_accuracy is not None]

    @property
    def mean(self) -> float | None:
        """The mean of :attr:`accuracies`; None without any."""
        return fmean(self.accuracies) if self.accuracies else None

    @property
    def deviation(self) -> float | None:
        """Their sample standard deviation (n - 1); None for fewer than two."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None

    @property
    def heading(self) -> str:
        """One line: how many runs are completed."""
        return f"Group {self.name}: {len(self.accuracies)} of {plural(len(self.members), 'run')} completed."

    @property
    def rows(self) -> list[list[str]]:
        """Return one row per run, for a table of :data:`COLUMNS`."""
        return [[member.run.name, str(member.run.seed), member.run.state.value,
                 f"{member.run.tasks_committed}/{member.run.tasks}",
                 NOTHING if member.mean_test_accuracy is None else percent(member.mean_test_accuracy)]
                for member in self.members]

    @property
    def sentence(self) -> str:
        """Return a sentence with the results of the completed runs."""
        completed = len(self.accuracies)
        if self.mean is None:
            return "No run is completed yet, so there is no mean test accuracy."
        if self.deviation is None:
            return f"Mean test accuracy: {percent(self.mean)} %, of the one run that is completed (n = 1)."
        return (f"Mean test accuracy: {percent(self.mean)} ± {percent(self.deviation)} % (mean ± standard deviation over "
                f"{completed} completed runs, n = {completed}).")

    @property
    def next_steps(self) -> Sequence[str]:
        """The command that resumes the group, if it is unfinished and has no driver."""
        open_runs = [member.run for member in self.members if member.run.waits_for_a_driver]
        return [f"`clnp resume {self.name}` continues {plural(len(open_runs), 'run')}."] if open_runs else []


def _mean(reads: "Reads", row: "RunRow") -> float | None:
    if row.state is not RunState.COMPLETED:
        return None
    return fmean(cell.test_accuracy for cell in reads.accuracy_matrix(row.name) if cell.after_task == row.tasks)
