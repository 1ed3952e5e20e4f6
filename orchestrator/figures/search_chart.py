"""The curve of a search: validation accuracy after fine-tuning against the neurons that a task would activate."""

from typing import TYPE_CHECKING

from clnp_core.values import CutSearch
from orchestrator.figures.chart import BLUE, GREY, ORANGE, PURPLE, chart_of, layered
from orchestrator.render.search_text import neurons_text

if TYPE_CHECKING:
    import altair

BEFORE, AFTER = "before its training", "after its training"


def search_figure(search: CutSearch) -> "altair.LayerChart":
    """Every candidate of a search before and after its training, in percent; a dotted line is the least accuracy within the
    margin, a dashed one the reference, a circle the candidate that was committed.

    Args:
        search: as it was recorded.
    """
    import altair as alt

    total = search.val_total
    points = [{"neurons": sum(each.neurons), "layers": neurons_text(each), "cut": each.cut, "what": what,
               "percent": 100 * correct / total, "committed": each.cut == search.chosen and what == AFTER}
              for each in search.candidates
              for what, correct in ((BEFORE, each.pruned_val_correct), (AFTER, each.val_correct))]
    color = alt.Color("what:N", title=None, scale=alt.Scale(domain=[AFTER, BEFORE], range=[BLUE, ORANGE]),
                      legend=alt.Legend(orient="top", columns=alt.expr("width < 420 ? 1 : 2")))
    base = chart_of(points).encode(
        x=alt.X("neurons:Q", title="neurons of the task", scale=alt.Scale(zero=False), axis=alt.Axis(format=",")),
        y=alt.Y("percent:Q", title="validation accuracy %", scale=alt.Scale(zero=False)), color=color,
        tooltip=[alt.Tooltip("cut:Q"), alt.Tooltip("layers:N", title="neurons by layer"), alt.Tooltip("what:N", title="line"),
                 alt.Tooltip("percent:Q", title="%", format=".2f")])
    lines = [({"percent": 100 * search.required_val_correct / total}, [2, 3], GREY, "least accuracy within the margin, %"),
             ({"percent": 100 * search.reference_val_correct / total}, [6, 3], PURPLE, f"best of the {search.reference}, %")]
    rules = [chart_of([row]).mark_rule(strokeDash=dash, strokeWidth=1.5, color=shade).encode(
        y="percent:Q", tooltip=[alt.Tooltip("percent:Q", title=title, format=".2f")]) for row, dash, shade, title in lines]
    committed = base.transform_filter("datum.committed").mark_point(size=90, strokeWidth=2)
    return layered([*rules, base.mark_line(point=alt.OverlayMarkDef(size=18)), committed], 260)
