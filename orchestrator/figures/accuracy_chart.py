"""The accuracy matrix as a heat map: the network committed after each task, on the test data of every task up to it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from db.rows import AccuracyRow
from orchestrator.figures.chart import chart_of, layered

if TYPE_CHECKING:
    import altair

SCALE = ((0, "#1d3f72"), (50, "#3f7fa8"), (90, "#7dbfa0"), (100, "#f3e9a2"))
"""Percent → colour, the same in every figure, so that figures can be compared. Dark is bad and bright is good, also for
colour-blind readers, in print and on any background; the last ten percent, where good runs differ, have a third of the
colours."""

DARK_WORDS_FROM = 52
"""Percent from which a cell is bright, so that dark digits have a contrast of more than 4:1."""

TALLEST_CELL, LOWEST_CELL, HEIGHT = 34, 15, 620
"""Pixels: row height with few and with many rows; maximum height of all rows."""


def accuracy_figure(cells: Sequence[AccuracyRow]) -> "altair.LayerChart":
    """Return the heat map with a row per commit and a column per task, in percent; numbers shrink with the cells.

    Args:
        cells: cells of one run, in any order; at least one.
    """
    import altair as alt

    columns = len({cell.on_task for cell in cells})
    rows = len({cell.after_task for cell in cells})
    values = [{"after": cell.after_task, "on": cell.on_task, "accuracy": 100 * cell.test_accuracy,
               "correct": f"{cell.test_correct:,} of {cell.test_total:,}"} for cell in cells]
    base = chart_of(values).encode(
        x=alt.X("on:O", title="tested on task", axis=alt.Axis(orient="top", labelAngle=0, labelOverlap=True,
                                                                 labelSeparation=4)),
        y=alt.Y("after:O", title="after task", axis=alt.Axis(labelOverlap=True)),
        tooltip=[alt.Tooltip("after:O", title="after task"), alt.Tooltip("on:O", title="tested on task"),
                 alt.Tooltip("accuracy:Q", title="test accuracy %", format=".2f"),
                 alt.Tooltip("correct:N", title="correct")])
    ground = base.mark_rect(stroke="#80808040", strokeWidth=0.5).encode(color=alt.Color(
        "accuracy:Q", title="test accuracy %",
        scale=alt.Scale(domain=[percent for percent, _ in SCALE], range=[colour for _, colour in SCALE], interpolate="lab"),
        legend=alt.Legend(orient="bottom", direction="horizontal", gradientLength=160, gradientThickness=10)))
    cell = f"(width / {columns})"
    digits = f"{cell} >= 40 ? '.2f' : {cell} >= 22 ? '.1f' : '.0f'"
    fit = f"{cell} >= 40 ? {cell} / 3.6 : {cell} >= 22 ? {cell} / 2.7 : {cell} / 1.7"
    numbers = base.mark_text(
        text=alt.expr(f"format(datum.accuracy, {digits})"), baseline="middle",
        fontSize=alt.expr(f"min(12, {fit})"), opacity=alt.expr(f"{cell} >= 11 ? 1 : 0"),
    ).encode(color=alt.condition(f"datum.accuracy >= {DARK_WORDS_FROM}", alt.value("#101820"), alt.value("#ffffff")))
    height = max(LOWEST_CELL, min(TALLEST_CELL, HEIGHT // max(1, rows)))
    return layered([ground, numbers], height * rows)
