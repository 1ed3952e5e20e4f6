"""All figures by name, drawn from a database, for the service, reports and notebooks."""

from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from clnp_core.errors import NotFoundError
from clnp_core.selection import required_correct
from db.reads.curves import pruned_within_margin
from orchestrator.figures.curve_charts import learning_figure, search_figure, threshold_figure
from orchestrator.figures.run_charts import accuracy_figure, capacity_figure
from orchestrator.figures.trial_chart import trial_points, trials_figure
from orchestrator.runs.recorded_config import learnt_under, score_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.reads.reads import Reads
    from db.rows import SelectionRow
    from orchestrator.figures.chart import Chart

Row = TypeVar("Row")

ACCURACY, CAPACITY = "accuracy", "capacity"
TRIALS, SEARCH = "trials", "search"
CURVE, LEARNING = "threshold-curve", "learning"
RUN_FIGURES = (ACCURACY, CAPACITY)
STAGE_FIGURES = (TRIALS, SEARCH)
TRIAL_FIGURES = (CURVE, LEARNING)


def run_figure(reads: "Reads", run: str, name: str) -> "Chart":
    """Return a figure of a run.

    Args:
        reads: reads of its database.
        run: the run's name.
        name: one of :data:`RUN_FIGURES`.

    Raises:
        NotFoundError: no such run or figure, or there is no data for it yet.
    """
    _known(name, RUN_FIGURES, "a run")
    if name == ACCURACY:
        cells = reads.accuracy_matrix(run)
        return accuracy_figure(_something(cells, f"run {run!r} has committed no task yet"))
    return capacity_figure(_something(reads.capacity(run), f"run {run!r} has committed no task yet"))


def stage_figure(reads: "Reads", run: str, task: int, name: str) -> "Chart":
    """Return a figure of one task of a run.

    Args:
        reads, run: as in :func:`run_figure`.
        task: counted from 1.
        name: one of :data:`STAGE_FIGURES`.

    Raises:
        NotFoundError: no such run, task or figure, or there is no data for it yet.
    """
    _known(name, STAGE_FIGURES, "a task")
    if name == SEARCH:
        searches = [commit.search for commit in reads.commits(run, task) if commit.search is not None]
        return search_figure(_something(searches, f"task {task} of run {run!r} has recorded no search")[0])
    selection = _selection(reads, run, task)
    margin = selection.margin_points if selection else reads.run(run).margin_points
    points = trial_points(reads.trials(run, task), pruned_within_margin(reads, run, task, margin))
    return trials_figure(_something(points, f"no trial of task {task} of run {run!r} has a result yet"), selection)


def trial_figure(reads: "Reads", run: str, task: int, number: int, name: str) -> "Chart":
    """Return a figure of one trial.

    Args:
        reads, run, task: as in :func:`stage_figure`.
        number: number of the trial, from 0.
        name: one of :data:`TRIAL_FIGURES`.

    Raises:
        NotFoundError: no such run, task, trial or figure, or there is no data for it yet.
    """
    _known(name, TRIAL_FIGURES, "a trial")
    where = f"trial {number} of task {task} of run {run!r}"
    if name == LEARNING:
        epochs = _something(reads.trial_history(run, task, number), f"{where} has recorded no epoch yet")
        return learning_figure(epochs, reads.trial(run, task, number).best_epoch)
    curve = _something(reads.threshold_curve(run, task, number), f"{where} has recorded no threshold curve yet")
    selection = _selection(reads, run, task)
    score = score_of(learnt_under(reads, reads.run(run), task))
    return threshold_figure(curve, reads.trial(run, task, number).thresholds or (), _least_accuracy(selection), score)


def _selection(reads: "Reads", run: str, task: int) -> "SelectionRow | None":
    return next(iter(reads.selections(run, task)), None)


def _least_accuracy(selection: "SelectionRow | None") -> float | None:
    """Return the lowest accuracy within the margin, a fraction."""
    if selection is None:
        return None
    required = required_correct(selection.best_val_correct, selection.val_total, Decimal(selection.margin_points))
    return required / selection.val_total


def _known(name: str, names: tuple[str, ...], of: str) -> None:
    if name not in names:
        raise NotFoundError(f"{of} has no figure {name!r}",
                            f"its figures are {', '.join(names)}" if len(names) > 1 else f"its only figure is {names[0]}")


def _something(rows: "Sequence[Row]", nothing: str) -> "Sequence[Row]":
    if not rows:
        raise NotFoundError(f"there is nothing to draw: {nothing}", "`clnp status` shows the progress of a run")
    return rows
