"""One task of a run: its trials, and which of them was chosen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows import SelectionRow, StageRow
from orchestrator.handles.handle import Drawn
from orchestrator.handles.trial import Trial
from orchestrator.notebook.figure_handle import Figures
from orchestrator.notebook.handle import ROWS, Shown
from orchestrator.render.format import NOTHING, alpha_text, percent_or_nothing, rate_text
from orchestrator.render.table import Column, number, prose
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from pandas import DataFrame

    from workers.data.samples import TaskData


@dataclass(frozen=True, slots=True, repr=False)
class Stage(Drawn):
    """A handle on one task of a run. :meth:`orchestrator.notebook.run_handle.Run.stage` gives it."""

    run: str
    task: int
    place: Place

    @property
    def row(self) -> StageRow:
        """All that is recorded of it: its state, how many samples it has, its network before the task, …"""
        with self.place.reads() as reads:
            return reads.stage(self.run, self.task)

    @property
    def selection(self) -> SelectionRow | None:
        """Which trial was chosen, and why; None before that."""
        with self.place.reads() as reads:
            return next(iter(reads.selections(self.run, self.task)), None)

    @property
    def chosen(self) -> Trial | None:
        """The trial that was chosen; None before that."""
        selection = self.selection
        return None if selection is None else Trial(self.run, self.task, selection.chosen, self.place)

    def trials(self) -> "DataFrame":
        """One row per trial, with its verdict and the reason of it."""
        from db.dataframes import trials

        return trials(self.run, self.task, self.place.url)

    def trial(self, number: int) -> Trial:
        """One trial of the task.

        Raises:
            NotFoundError: there is no trial of that number.
        """
        with self.place.reads() as reads:
            reads.trial(self.run, self.task, number)
        return Trial(self.run, self.task, number, self.place)

    def data(self) -> "TaskData":
        """The task's samples, as its trials saw them: ``.train``, ``.val`` and ``.test``, each with ``.inputs``, float32
        [samples, *shape], and ``.labels``, int64 [samples], torch tensors. Calls share them: do not change them in place.

        Raises:
            DataError: files are missing, or the data is no longer what was recorded before the task was learnt.
            ConfigError: the benchmark cannot be imported.
        """
        from orchestrator.handles.data import recorded_data

        with self.place.reads() as reads:
            run, stage = reads.run(self.run), reads.stage(self.run, self.task)
        return recorded_data(run, stage)

    @property
    def figures(self) -> Figures:
        """Its figures: accuracy against sparsity of its trials."""
        from orchestrator.figures.registry import STAGE_FIGURES, stage_figure

        return Figures(self._called(), STAGE_FIGURES, self.place,
                       lambda reads, name: stage_figure(reads, self.run, self.task, name))

    def _called(self) -> str:
        return f"Task {self.task} of run {self.run}"

    def _show(self) -> Shown:
        with self.place.reads() as reads:
            stage = reads.stage(self.run, self.task)
            trials = reads.trials(self.run, self.task, limit=ROWS)
            selection = next(iter(reads.selections(self.run, self.task)), None)
        why = (f"Trial {selection.chosen} was chosen: {selection.reason}.",) if selection else ()
        columns = (number("trial"), Column("alpha"), number("rate"), number("val %"), number("pruned %"), number("free"),
                   prose("verdict"))
        rows = [(str(row.number), alpha_text(row.alpha), rate_text(row.learning_rate),
                 percent_or_nothing(row.val_correct, row.val_total), percent_or_nothing(row.pruned_val_correct, row.val_total),
                 NOTHING if row.free_neurons is None else f"{row.free_neurons:,}",
                 row.verdict.value if row.verdict else row.state.value) for row in trials]
        return Shown(f"{self._called()} is {stage.state.value}.", columns, rows, stage.trials_total, why)
