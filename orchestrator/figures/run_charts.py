"""Figures of a whole run: the accuracy matrix as a heat map, and the usage of the neurons of each hidden layer after each task,
as in the paper's figures 3, 4b and 5b.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clnp_core.values import LayerCapacity
from db.rows import AccuracyRow
from orchestrator.figures.chart import BLUE, FAINT_GREY, ORANGE, SLATE, chart_of, layered

if TYPE_CHECKING:
    import altair


REUSED, EARLIER, NEW, FREE = "earlier, reused", "earlier, not reused", "new", "free"
KINDS = (REUSED, EARLIER, NEW, FREE)
"""States of a neuron relative to the task that was just committed, from the bottom of a bar to its top."""

PANEL, GAP, NAME = 110, 40, 22
"""Pixels: height of a layer's panel, gap between panels, and height of a panel's title."""


@dataclass(frozen=True, slots=True)
class BarPart:
    """One part of a bar: neurons of one layer in one state, after one task.

    ``low`` and ``high`` are its ends, as fractions of the layer's final width: a layer that is widened grows.
    """

    task: int
    layer: int
    kind: str
    neurons: int
    total: int
    low: float
    high: float


def parts(rows: Sequence[LayerCapacity]) -> list[BarPart]:
    """Return the parts of all bars, from the bottom up; empty parts are left out."""
    widest = _widest(rows)
    found = []
    for row in rows:
        counts = (row.reused_neurons, row.used_neurons - row.new_neurons - row.reused_neurons, row.new_neurons,
                  row.free_neurons)
        below = 0
        for kind, count in zip(KINDS, counts, strict=True):
            if count:
                found.append(BarPart(row.task, row.layer, kind, count, row.total_neurons, below / widest[row.layer],
                                     (below + count) / widest[row.layer]))
            below += count
    return found


def capacity_figure(rows: Sequence[LayerCapacity]) -> "altair.LayerChart":
    """Return a chart with a panel per hidden layer, the first on top, and a stacked bar per task.

    It is a single view, because only a single view can adapt to its container's width: the panels are stacked on one axis,
    whose unit is a panel.

    Args:
        rows: rows of one run, in any order; at least one.
    """
    import altair as alt

    layers = sorted({row.layer for row in rows})
    pitch = (PANEL + GAP) / PANEL
    floor = {layer: (len(layers) - 1 - index) * pitch for index, layer in enumerate(layers)}
    top = (len(layers) - 1) * pitch + 1 + NAME / PANEL
    tasks = sorted({row.task for row in rows})
    bars = chart_of([_bar(part, floor[part.layer]) for part in parts(rows)]).mark_bar().encode(
        x=alt.X("task:O", title="task", scale=alt.Scale(domain=tasks, paddingInner=0.18, paddingOuter=0.1),
                axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False)),
        y=alt.Y("low:Q", title="% of the layer's neurons", scale=alt.Scale(domain=[0, top], nice=False, zero=True),
                axis=alt.Axis(values=[floor[layer] + half / 2 for layer in layers for half in (0, 1, 2)], domain=False,
                              labelExpr=f"format(100 * (datum.value % {pitch!r} > {pitch - 0.01!r} ? 0 : "
                                        f"datum.value % {pitch!r}), '.0f')")),
        y2="high:Q",
        color=alt.Color("kind:N", title=None, sort=list(KINDS),
                        scale=alt.Scale(domain=list(KINDS), range=[BLUE, SLATE, ORANGE, FAINT_GREY]),
                        legend=alt.Legend(orient="top", columns=alt.expr("width < 420 ? 2 : 4"))),
        tooltip=[alt.Tooltip("layer:O", title="layer"), alt.Tooltip("task:O", title="after task"),
                 alt.Tooltip("kind:N", title="neurons"), alt.Tooltip("count:N", title="how many"),
                 alt.Tooltip("percent:Q", title="% of the layer", format=".1f")])
    names = chart_of([{"at": floor[layer] + 1, "name": _name(rows, layer)} for layer in layers]).mark_text(
        align="left", baseline="bottom", dy=-6, fontWeight="bold", x=0).encode(y="at:Q", text="name:N")
    return layered([bars, names], round(PANEL * top))


def _bar(part: BarPart, floor: float) -> dict[str, object]:
    return {"task": part.task, "layer": part.layer, "kind": part.kind, "count": f"{part.neurons:,} of {part.total:,}",
            "percent": 100 * part.neurons / part.total, "low": floor + part.low, "high": floor + part.high}


def _widest(rows: Sequence[LayerCapacity]) -> dict[int, int]:
    widest: dict[int, int] = {}
    for row in rows:
        widest[row.layer] = max(row.total_neurons, widest.get(row.layer, 1))
    return widest


def _name(rows: Sequence[LayerCapacity], layer: int) -> str:
    """Return ``layer 1: 300 neurons``; for a widened layer also its first width."""
    widths = sorted({row.total_neurons for row in rows if row.layer == layer})
    grown = f", from {widths[0]:,}" if len(widths) > 1 else ""
    return f"layer {layer}: {widths[-1]:,} neurons{grown}"


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
