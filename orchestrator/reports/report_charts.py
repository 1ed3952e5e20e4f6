"""The figures of a report, and their images."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from clnp_core.selection import required_correct
from db.rows import SelectionRow
from orchestrator.figures import chart
from orchestrator.figures.curve_charts import learning_figure, search_figure, threshold_figure
from orchestrator.figures.registry import ACCURACY, CAPACITY, CURVE, LEARNING, SEARCH, TRIALS
from orchestrator.figures.run_charts import accuracy_figure, capacity_figure
from orchestrator.figures.trial_chart import MANY, trials_figure
from orchestrator.render.format import divides_the_network, score_text
from orchestrator.reports.report_data import Gathered, TaskPart

if TYPE_CHECKING:
    from orchestrator.figures.chart import Chart


@dataclass(frozen=True, slots=True)
class ReportFigure:
    """One figure of a report.

    Attributes:
        name: name of its files, without extension.
        task: its task; None for a figure of the run.
        kind: its name in :mod:`orchestrator.figures.registry`.
        caption: its caption.
        chart: the chart.
        crowded: whether it has so many marks that a raster image is smaller than a vector image.
    """

    name: str
    task: int | None
    kind: str
    caption: str
    chart: "Chart"
    crowded: bool = False
    _images: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def image(self, form: str) -> bytes:
        """Return the figure on white as ``png``, ``svg`` or ``pdf``; cached."""
        if form not in self._images:
            self._images[form] = (chart.svg(self.chart).encode() if form == "svg" else
                                  chart.png(self.chart) if form == "png" else chart.pdf(self.chart))
        return self._images[form]


def figures_of(gathered: Gathered) -> list[ReportFigure]:
    """Return every figure that has data: those of the run, then task by task."""
    return [*_of_run(gathered), *(figure for task in gathered.tasks for figure in _of_task(task))]


def _of_run(gathered: Gathered) -> Iterator[ReportFigure]:
    if gathered.cells:
        yield ReportFigure(ACCURACY, None, ACCURACY,
                           "Test accuracy of the network committed after each task (rows), on the test "
                           "data of every task up to it (columns).", accuracy_figure(gathered.cells))
    if gathered.capacity and divides_the_network(gathered.run.method):
        yield ReportFigure(CAPACITY, None, CAPACITY, "Neurons of every hidden layer after each task: used by earlier tasks and "
                           "reused by this one, used by earlier ones only, new, and free.", capacity_figure(gathered.capacity))


def _of_task(part: TaskPart) -> Iterator[ReportFigure]:
    task, chosen = part.stage.task, part.chosen
    if part.points and part.prunes:
        yield ReportFigure(f"task-{task}-{TRIALS}", task, TRIALS, _trials_caption(part),
                           trials_figure(part.points, part.selection),
                           crowded=len(part.points) > MANY)
    if chosen is None or part.selection is None:
        return
    if part.curve and part.prunes:
        yield ReportFigure(f"task-{task}-{CURVE}", task, CURVE,
                           f"Validation accuracy and free neurons of trial {chosen.number}, the "
                           f"chosen one, against the threshold{score_text(part.score)} that every layer would be pruned at. "
                           "Dashed: its θ*. Dotted: the least accuracy within the margin.",
                           threshold_figure(part.curve, part.selection.thresholds, least_accuracy(part.selection), part.score))
    if part.epochs:
        yield ReportFigure(f"task-{task}-{LEARNING}", task, LEARNING,
                           f"How trial {chosen.number} learnt. The circle is the epoch "
                           "whose weights were kept; accuracies are those before pruning.",
                           learning_figure(part.epochs, chosen.best_epoch))
    if part.commit is not None and part.commit.search is not None:
        yield ReportFigure(f"task-{task}-{SEARCH}", task, SEARCH,
                           "The candidates of the search, validation accuracy before and after their fine-tuning against their "
                           "neurons. Dashed: the reference. Dotted: the least accuracy within the margin. The circle is the "
                           "candidate that was committed.", search_figure(part.commit.search))


def _trials_caption(part: TaskPart) -> str:
    approximate = any(not point.exact for point in part.points)
    told = ("Every trial that has a result, pruned. " if part.selection is None else
            "Every trial that has a result, pruned; the band is the margin. ")
    return told + ("A trial that the selection did not prune is drawn at the sparsest point of its recorded curve within "
                   "the margin of its own accuracy." if approximate else "")


def least_accuracy(selection: SelectionRow) -> float:
    """Return the lowest validation accuracy within the margin, a fraction."""
    return required_correct(selection.best_val_correct, selection.val_total,
                            Decimal(selection.margin_points)) / selection.val_total
