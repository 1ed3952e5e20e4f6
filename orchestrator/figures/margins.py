"""What each margin would have bought: accuracy against free neurons, as m grows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.figures.building import chart_of, layered
from orchestrator.figures.looks import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    import altair

    from orchestrator.what_if.asking import MarginPoint

ACCURACY, FREE_NEURONS = "validation accuracy after pruning", "free neurons"
EXACT, FROM_CURVES = "exact", "from the recorded curves"


def margins_figure(points: "Sequence[MarginPoint]") -> "altair.LayerChart":
    """Accuracy and free neurons of the network that each margin would choose, both in percent, against the margin m.

    A point holds up to the next one, so the lines are steps. The margin that was recorded is marked.

    Args:
        points: of one task, in any order; at least one.
    """
    import altair as alt

    values = [{"margin": float(point.margin_points), "words": f"{point.margin_points} percentage points", "what": what,
               "percent": 100 * fraction, "chosen": point.chosen, "free": point.free_neurons,
               "how": EXACT if point.exact else FROM_CURVES, "recorded": point.recorded}
              for point in sorted(points, key=lambda point: point.margin_points)
              for what, fraction in ((ACCURACY, point.val_accuracy), (FREE_NEURONS, point.free_fraction))]
    base = chart_of(values).encode(
        x=alt.X("margin:Q", title="margin m, percentage points", scale=alt.Scale(zero=True, nice=False)),
        y=alt.Y("percent:Q", title="%", scale=alt.Scale(zero=False)),
        color=alt.Color("what:N", title=None, scale=alt.Scale(domain=[ACCURACY, FREE_NEURONS], range=[BLUE, ORANGE]),
                        legend=alt.Legend(orient="top", columns=alt.expr("width < 420 ? 1 : 2"), labelLimit=0)),
        tooltip=[alt.Tooltip("words:N", title="from m ="), alt.Tooltip("what:N", title="line"),
                 alt.Tooltip("percent:Q", title="%", format=".2f"), alt.Tooltip("free:Q", title="free neurons", format=","),
                 alt.Tooltip("chosen:Q", title="trial"), alt.Tooltip("how:N", title="known"),
                 alt.Tooltip("recorded:N", title="as selected")])
    shape = alt.Shape("how:N", title=None, scale=alt.Scale(domain=[EXACT, FROM_CURVES], range=["circle", "triangle-up"]),
                      legend=alt.Legend(orient="top", columns=2, symbolFillColor=GREY, symbolStrokeWidth=0))
    return layered([
        base.mark_line(interpolate="step-after", strokeWidth=2),
        base.mark_point(size=46, filled=True, opacity=1).encode(shape=shape),
        base.transform_filter("datum.recorded").mark_point(size=220, strokeWidth=2, filled=False, shape="circle"),
    ], 280)
