"""Comparison of methods over several seeds: final accuracy on each task, and neurons in use after each task."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clnp_core.values import LayerCapacity
from db.rows import AccuracyRow
from orchestrator.figures.chart import BLUE, FAINT, ORANGE, PURPLE, SLATE, chart_of, layered

if TYPE_CHECKING:
    import altair

COLOURS = (BLUE, ORANGE, PURPLE, SLATE, "#2a9d6f", "#c2477f", "#a08a2a", "#4b5fc4")
"""Colours of the methods, in their order; reused if there are more methods."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
"""Shapes of the methods, since not everyone can distinguish the colours."""

DASHES = ([1, 0], [5, 3], [2, 2], [8, 3, 2, 3], [14, 4], [1, 5])
"""Dashes of the hidden layers, in order; reused if there are more layers."""


def methods_figure(cells: Mapping[str, Mapping[str, Sequence[AccuracyRow]]]) -> "altair.LayerChart":
    """Return test accuracy on every task after the last one (paper, Figs. 4a and 5a): a mark is the mean over the runs of a
    method, the line through it spans the lowest to the highest run.

    Args:
        cells: by method and run; every run has learnt all its tasks.
    """
    import altair as alt

    values = []
    for method, runs in cells.items():
        last = [{cell.on_task: 100 * cell.test_accuracy for cell in rows
                 if cell.after_task == max(row.after_task for row in rows)} for rows in runs.values()]
        for task in sorted(last[0]):
            values.append({"method": method, "task": task, **_over_runs([run[task] for run in last])})
    base = chart_of(values).encode(
        x=alt.X("task:O", title="task", axis=alt.Axis(labelAngle=0)), xOffset=alt.XOffset("method:N", sort=list(cells)),
        color=_colour(list(cells)),
        tooltip=[alt.Tooltip("method:N"), alt.Tooltip("task:O"), alt.Tooltip("mean:Q", title="test accuracy %", format=".2f"),
                 alt.Tooltip("low:Q", title="lowest run", format=".2f"),
                 alt.Tooltip("high:Q", title="highest run", format=".2f"), alt.Tooltip("runs:Q")])
    percent, methods = alt.Scale(zero=False), list(cells)
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(methods))]
    shape = alt.Shape("method:N", title=None, sort=methods, scale=alt.Scale(domain=methods, range=shapes),
                      legend=alt.Legend(orient="top", columns=3, labelLimit=0))
    return layered([
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title="test accuracy %", scale=percent), y2="high:Q"),
        base.mark_point(size=40, filled=True, opacity=1).encode(y=alt.Y("mean:Q", title="test accuracy %", scale=percent),
                                                                shape=shape),
    ], 300)


def usage_figure(capacity: Mapping[str, Mapping[str, Sequence[LayerCapacity]]]) -> "altair.LayerChart":
    """Return the neurons in use after every task (paper, Figs. 3, 4b and 5b), a line per method and hidden layer: the mean over
    runs, with a band from the lowest to the highest run.

    Args:
        capacity: by method and run; every run has learnt all its tasks.
    """
    import altair as alt

    values: list[dict[str, Any]] = []
    for method, runs in capacity.items():
        used = [{(row.layer, row.task): 100 * row.used_fraction for row in rows} for rows in runs.values()]
        values += [{"method": method, "layer": f"layer {layer}", "task": task, **_over_runs([run[layer, task] for run in used])}
                   for layer, task in sorted(used[0])]
    layers = sorted({value["layer"] for value in values}, key=lambda name: int(name.split()[1]))
    base = chart_of(values).encode(
        x=alt.X("task:O", title="after task", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("mean:Q", title="neurons used, % of the layer", scale=alt.Scale(domain=[0, 100])),
        color=_colour(list(capacity)),
        tooltip=[alt.Tooltip("method:N"), alt.Tooltip("layer:N"), alt.Tooltip("task:O", title="after task"),
                 alt.Tooltip("mean:Q", title="used %", format=".1f"), alt.Tooltip("low:Q", title="lowest run", format=".1f"),
                 alt.Tooltip("high:Q", title="highest run", format=".1f"), alt.Tooltip("runs:Q")])
    legend = alt.Legend(orient="top", symbolStrokeWidth=2, symbolSize=1000)
    dash = alt.StrokeDash("layer:N", title=None, sort=layers, legend=legend,
                          scale=alt.Scale(domain=layers, range=[DASHES[index % len(DASHES)] for index in range(len(layers))]))
    return layered([base.mark_line(strokeWidth=2).encode(strokeDash=dash),
                    base.mark_area(opacity=FAINT).encode(y="low:Q", y2="high:Q", detail="layer:N"),
                    base.mark_point(size=36, filled=True, opacity=1).encode(detail="layer:N")], 300)


def _over_runs(values: Sequence[float]) -> dict[str, object]:
    return {"mean": sum(values) / len(values), "low": min(values), "high": max(values), "runs": len(values)}


def _colour(methods: Sequence[str]) -> "altair.Color":
    import altair as alt

    colours = [COLOURS[index % len(COLOURS)] for index in range(len(methods))]
    return alt.Color("method:N", title=None, sort=list(methods), scale=alt.Scale(domain=list(methods), range=colours),
                     legend=alt.Legend(orient="top", columns=3, labelLimit=0, symbolOpacity=1))
