"""All runs of a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from clnp_core.errors import NotFoundError
from orchestrator.handles.handle import Described
from orchestrator.notebook.handle import ROWS, Shown
from orchestrator.notebook.run_handle import Run
from orchestrator.render.format import NOTHING, plural
from orchestrator.render.matrices import percent
from orchestrator.render.table import Column, number, prose
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True, repr=False)
class Runs(Described, Sequence[Run]):
    """The runs that were recorded when it was made, oldest first. It shows itself as a table."""

    names: tuple[str, ...]
    place: Place

    @overload
    def __getitem__(self, which: int | str) -> Run: ...

    @overload
    def __getitem__(self, which: slice) -> "Runs": ...

    def __getitem__(self, which: int | str | slice) -> "Run | Runs":
        """A run by its place in the list or by its name; a slice gives a shorter list.

        Raises:
            NotFoundError: none has that name.
            IndexError: there are not so many.
        """
        if isinstance(which, slice):
            return Runs(self.names[which], self.place)
        if isinstance(which, int):
            return Run(self.names[which], self.place)
        if which not in self.names:
            raise NotFoundError(f"there is no run {which!r} in this list", "api.run(name) looks into the database")
        return Run(which, self.place)

    def __len__(self) -> int:
        return len(self.names)

    def frame(self) -> "DataFrame":
        """One row per run of the database as it is now, with everything that is recorded of it."""
        from db.dataframes import runs

        found = runs(url=self.place.url)
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
