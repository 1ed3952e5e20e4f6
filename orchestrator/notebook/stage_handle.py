"""Handle on one task of a run: its trials, its selection, and its data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clnp_core.errors import DataError
from db import dataframes
from db.rows import RunRow, SelectionRow, StageRow, TrialRow
from orchestrator.config.config import Config
from orchestrator.driver import plan
from orchestrator.figures.registry import SEARCH, STAGE_FIGURES, TRIAL_FIGURES, stage_figure, trial_figure
from orchestrator.notebook.figure_handle import Figures
from orchestrator.notebook.handle import ROWS, Drawn, Shown, facts
from orchestrator.render.format import (
    NOTHING,
    alpha_text,
    percent_or_nothing,
    rate_text,
    seconds_text,
    thresholds_text,
    verdict_text,
)
from orchestrator.render.table import Column, number, prose
from orchestrator.runs.location import Place
from orchestrator.runs.trial_logs import output_of_trial

if TYPE_CHECKING:
    from pandas import DataFrame

    from workers.data.samples import TaskData



@dataclass(frozen=True, slots=True, repr=False)
class Trial(Drawn):
    """A handle on one trial; see :meth:`orchestrator.notebook.run_handle.Run.trial`."""

    run: str
    task: int
    number: int
    place: Place

    @property
    def row(self) -> TrialRow:
        """Its record: α, learning rate, accuracy, verdict and its reason, …"""
        with self.place.reads() as reads:
            return reads.trial(self.run, self.task, self.number)

    def epochs(self) -> "DataFrame":
        """Return one row per epoch of its last attempt: losses, validation accuracy (a fraction), seconds."""
        return dataframes.trial_history(self.run, self.task, self.number, self.place.url)

    def threshold_curve(self) -> "DataFrame":
        """Return one row per threshold: validation accuracy and sparsity (fractions) after pruning. Empty until it ends."""
        return dataframes.threshold_curve(self.run, self.task, self.number, self.place.url)

    def output(self) -> str:
        """Return the output of its process, attempt by attempt.

        Raises:
            NotFoundError: no output is kept, with the reason.
            ArtifactError: the store cannot be read.
        """
        with self.place.reads() as reads:
            return output_of_trial(reads, self.place.storage, self.run, self.task, self.number)

    @property
    def figures(self) -> Figures:
        """Its figures: threshold curve, epochs."""
        return Figures(self._called(), TRIAL_FIGURES, self.place,
                       lambda reads, name: trial_figure(reads, self.run, self.task, self.number, name))

    def _called(self) -> str:
        return f"Trial {self.number} of task {self.task} of run {self.run}"

    def _show(self) -> Shown:
        row = self.row
        verdict = row.verdict.value if row.verdict else NOTHING
        why = row.verdict_reason or row.failure_reason
        pairs = [("alpha", alpha_text(row.alpha)), ("learning rate", rate_text(row.learning_rate)),
                 ("validation %", percent_or_nothing(row.val_correct, row.val_total)),
                 ("epochs", NOTHING if row.epochs_run is None else f"{row.epochs_run}, the best is {row.best_epoch}"),
                 ("time", seconds_text(row.total_seconds)), ("verdict", f"{verdict}: {why}" if why else verdict)]
        if row.thresholds is not None:
            pairs += [("pruned at", thresholds_text(row.thresholds)),
                      ("pruned %", percent_or_nothing(row.pruned_val_correct, row.val_total)),
                      ("free neurons", f"{row.free_neurons or 0:,} of {row.hidden_total or 0:,}")]
        return facts(f"{self._called()} is {row.state.value}.", pairs)


@dataclass(frozen=True, slots=True, repr=False)
class Stage(Drawn):
    """A handle on one task of a run; see :meth:`orchestrator.notebook.run_handle.Run.stage`."""

    run: str
    task: int
    place: Place

    @property
    def row(self) -> StageRow:
        """Its record: state, number of samples, network before the task, …"""
        with self.place.reads() as reads:
            return reads.stage(self.run, self.task)

    @property
    def selection(self) -> SelectionRow | None:
        """The chosen trial and the reason; None before the selection."""
        with self.place.reads() as reads:
            return next(iter(reads.selections(self.run, self.task)), None)

    @property
    def chosen(self) -> Trial | None:
        """The chosen trial; None before the selection."""
        selection = self.selection
        return None if selection is None else Trial(self.run, self.task, selection.chosen, self.place)

    def trials(self) -> "DataFrame":
        """Return one row per trial, with its verdict and the reason."""
        return dataframes.trials(self.run, self.task, self.place.url)

    def trial(self, number: int) -> Trial:
        """Return a trial of the task.

        Raises:
            NotFoundError: there is no trial with that number.
        """
        with self.place.reads() as reads:
            reads.trial(self.run, self.task, number)
        return Trial(self.run, self.task, number, self.place)

    def data(self) -> "TaskData":
        """Return the task's samples as its trials use them: ``.train``, ``.val`` and ``.test``, each with torch tensors
        ``.inputs``, float32 [samples, *shape], and ``.labels``, int64 [samples]. They are shared: do not modify them in place.

        Raises:
            DataError: files are missing, or the data has changed since the task was learnt.
            ConfigError: the benchmark cannot be imported.
        """

        with self.place.reads() as reads:
            run, stage = reads.run(self.run), reads.stage(self.run, self.task)
        return recorded_data(run, stage)

    @property
    def figures(self) -> Figures:
        """Its figures: accuracy against sparsity of its trials, and the candidates of its search, if there was one."""
        with self.place.reads() as reads:
            searched = any(commit.search for commit in reads.commits(self.run, self.task))
        names = tuple(name for name in STAGE_FIGURES if searched or name != SEARCH)
        return Figures(self._called(), names, self.place,
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
                 verdict_text(row)) for row in trials]
        return Shown(f"{self._called()} is {stage.state.value}.", columns, rows, stage.trials_total, why)


def recorded_data(run: RunRow, stage: StageRow) -> "TaskData":
    """Return the data of a task, compared with the record of its driver; a task without a driver yet has no record.

    Raises:
        DataError: its files are missing, or the data has changed.
        ConfigError: its benchmark cannot be imported.
    """

    from workers.data.loader import load_task  # imports torch, which reading a run does not need

    data = load_task(plan.benchmark_spec(Config.from_resolved(run.config)), stage.task)
    if stage.split_digest is not None and data.split_digest() != stage.split_digest:
        raise DataError(f"the data of task {stage.task} of run {run.name!r} has changed since the task was learnt",
                        "restore the old data or benchmark code; samples that were modified in place count as changed")
    return data
