"""One trial of a stage."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows import TrialRow
from orchestrator.handles.handle import Drawn
from orchestrator.notebook.figure_handle import Figures
from orchestrator.notebook.handle import Shown, facts
from orchestrator.render.format import NOTHING, alpha_text, percent_or_nothing, rate_text, seconds_text, thresholds_text
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True, repr=False)
class Trial(Drawn):
    """A handle on one trial. :meth:`orchestrator.notebook.run_handle.Run.trial` gives it."""

    run: str
    task: int
    number: int
    place: Place

    @property
    def row(self) -> TrialRow:
        """All that is recorded of it: α, learning rate, accuracy, verdict and its reason, …"""
        with self.place.reads() as reads:
            return reads.trial(self.run, self.task, self.number)

    def epochs(self) -> "DataFrame":
        """One row per epoch of its last attempt: losses, validation accuracy (a fraction), seconds."""
        from db.dataframes import trial_history

        return trial_history(self.run, self.task, self.number, self.place.url)

    def threshold_curve(self) -> "DataFrame":
        """One row per threshold: validation accuracy and sparsity (fractions) once pruned there. Empty before it has ended."""
        from db.dataframes import threshold_curve

        return threshold_curve(self.run, self.task, self.number, self.place.url)

    def output(self) -> str:
        """What its process printed, attempt by attempt.

        Raises:
            NotFoundError: nothing is kept, and why.
            ArtifactError: the store cannot be read.
        """
        from orchestrator.runs.trial_logs import output_of_trial

        with self.place.reads() as reads:
            return output_of_trial(reads, self.place.storage, self.run, self.task, self.number)

    @property
    def figures(self) -> Figures:
        """Its figures: the threshold curve, the epochs."""
        from orchestrator.figures.registry import TRIAL_FIGURES, trial_figure

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
