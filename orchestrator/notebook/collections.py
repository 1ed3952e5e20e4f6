"""A group of runs: one config under several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from orchestrator.groups.summary import COLUMNS, Standing
from orchestrator.handles.handle import Described
from orchestrator.handles.runs import Runs
from orchestrator.notebook.handle import ROWS, Shown
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from pandas import DataFrame

    from orchestrator.events.events import Progress


@dataclass(frozen=True, slots=True, repr=False)
class Group(Described):
    """A handle on a recorded group. :func:`orchestrator.api.group` gives it, and so does a launch of several seeds. It shows
    itself as a table of its runs, with what the completed ones achieved."""

    name: str
    place: Place

    @property
    def runs(self) -> Runs:
        """Its runs, in the order of the config's seeds."""
        with self.place.reads() as reads:
            return Runs(tuple(row.name for row in reads.group(self.name)), self.place)

    @property
    def standing(self) -> Standing:
        """Its runs as they stand, and mean and standard deviation of the test accuracy over those that are completed."""
        with self.place.reads() as reads:
            return Standing.of(reads, self.name)

    def evaluations(self) -> "DataFrame":
        """The accuracy matrices of all its runs, a row per cell, with the run, its seed and its state."""
        from db.dataframes import group_evaluations

        return group_evaluations(self.name, self.place.url)

    def accuracy_matrix(self) -> "DataFrame":
        """Test accuracy of all its runs, a fraction: a row per run and commit, a column per task."""
        from db.dataframes import group_accuracy_matrix

        return group_accuracy_matrix(self.name, self.place.url)

    def resume(self, *, retry_failed: bool = False, accept_environment: bool = False,
               progress: "Progress | None" = None) -> Self:
        """Go on with every run that is not over, side by side, and return when all drivers have ended. A run that fails ends no
        other one, and raises nothing: ``standing`` tells how each stands.

        Args:
            retry_failed, accept_environment: as in :func:`orchestrator.api.resume`, for every run.
            progress: hears each line of the drivers as a notice; None is silent.

        Raises:
            RunFailedError: the cluster cannot be reached.
        """
        from orchestrator.events.events import Progress
        from orchestrator.groups.groups import resume_group
        from orchestrator.groups.telling import PlainTelling

        options = ["--retry-failed"] * retry_failed + ["--accept-environment"] * accept_environment
        resume_group(self.place, self.name, PlainTelling(progress or Progress()), options)
        return self

    def stop(self) -> Sequence[str]:
        """Ask the drivers of its runs, wherever they are, to stop cleanly; returns the runs that have one.

        Raises:
            StateError: none of its runs is driven.
        """
        from orchestrator.runs.operations import request_stop_of_group

        return request_stop_of_group(self.name, url=self.place.url)

    def cancel(self) -> Sequence[str]:
        """End all its runs for good that have not ended; returns them.

        Raises:
            StateError: all of them have ended.
        """
        from orchestrator.runs.operations import request_cancel_of_group

        return request_cancel_of_group(self.name, url=self.place.url)

    def _called(self) -> str:
        return f"Group {self.name}"

    def _show(self) -> Shown:
        standing = self.standing
        return Shown(standing.heading, COLUMNS, standing.rows[:ROWS], len(standing.members),
                     [standing.sentence, *standing.way_on])
