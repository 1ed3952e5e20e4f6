"""Curves: accuracy and sparsity of a trial at every threshold, its epochs, and the candidates of a search by the neurons that
they activate.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clnp_core.selection import Score
from clnp_core.values import CutSearch
from db.rows import EpochRow, ThresholdRow
from orchestrator.figures.chart import BLUE, GREY, ORANGE, PURPLE, chart_of, layered
from orchestrator.render.format import score_text
from orchestrator.render.run_summary import neurons_text

if TYPE_CHECKING:
    import altair


ACCURACY, FREE_NEURONS = "validation accuracy", "free neurons"
LOSS, PENALTY = "training loss", "L1 penalty"


def threshold_figure(curve: Sequence[ThresholdRow], thresholds: Sequence[float | None] = (),
                     required_accuracy: float | None = None, score: Score = Score.ACTIVITY) -> "altair.LayerChart":
    """Return accuracy and sparsity, both in percent, against a common pruning threshold θ.

    Args:
        curve: the trial's recorded points, at least one.
        thresholds: θ* of each hidden layer, if the trial was pruned; None for an unpruned layer.
        required_accuracy: the lowest accuracy within the margin, a fraction; None before the selection.
        score: what the thresholds are compared with.
    """
    import altair as alt

    points = [{"threshold": point.threshold, "what": what, "percent": 100 * value, "free": point.free_neurons}
              for point in curve for what, value in ((ACCURACY, point.val_accuracy), (FREE_NEURONS, point.sparsity))]
    # Activities span orders of magnitude and include 0, so the scale is linear below a value that most exceed.
    positive = sorted(point.threshold for point in curve if point.threshold > 0)
    bend = positive[len(positive) // 4] if positive else 1.0
    x = alt.X("threshold:Q", title=f"threshold θ{score_text(score)}",
              scale=alt.Scale(type="symlog", constant=bend, zero=True, nice=False),
              axis=alt.Axis(format="~g", values=_ticks(positive), labelOverlap=True, labelFlush=False))
    y = alt.Y("percent:Q", title="%", scale=alt.Scale(domain=[0, 100]))
    tooltip = [alt.Tooltip("what:N", title="line"), alt.Tooltip("threshold:Q", title="θ", format=".4g"),
               alt.Tooltip("percent:Q", title="%", format=".2f"), alt.Tooltip("free:Q", title="free neurons", format=",")]
    color = alt.Color("what:N", title=None, scale=alt.Scale(domain=[ACCURACY, FREE_NEURONS], range=[BLUE, ORANGE]),
                      legend=alt.Legend(orient="top", columns=alt.expr("width < 420 ? 1 : 2")))
    base = chart_of(points).encode(x=x, y=y, color=color, tooltip=tooltip)
    layers: list[alt.Chart] = []
    if required_accuracy is not None:
        layers.append(chart_of([{"percent": 100 * required_accuracy}]).mark_rule(
            strokeDash=[2, 3], strokeWidth=1.5, color=GREY).encode(
            y="percent:Q", tooltip=[alt.Tooltip("percent:Q", title="least accuracy within the margin, %", format=".2f")]))
    chosen = _chosen(thresholds)
    if chosen:
        rules = chart_of(chosen).encode(
            x="threshold:Q", tooltip=[alt.Tooltip("name:N", title="pruned at"),
                                      alt.Tooltip("threshold:Q", title="θ*", format=".4g")])
        layers += [rules.mark_rule(strokeDash=[6, 3], strokeWidth=1.5, color=PURPLE),
                   rules.mark_text(align="right", baseline="middle", dx=-4, y=alt.expr("height - 8 - 13 * datum.place"),
                                   color=PURPLE).encode(text="name:N")]
    line = base.mark_line(strokeWidth=2, interpolate="step-after")
    return layered([*layers, line, base.mark_point(size=12, filled=True, opacity=0.9)], 260)


def _ticks(positive: Sequence[float]) -> list[float]:
    """Return 0 and every power of ten in the range of the curve."""
    if not positive:
        return [0.0]
    low, high = math.ceil(math.log10(positive[len(positive) // 4])), math.ceil(math.log10(positive[-1]))
    return [0.0, *(10.0 ** power * times for power in range(low, high + 1) for times in (1, 3)
                   if 10.0 ** power * times <= positive[-1])]


def _chosen(thresholds: Sequence[float | None]) -> list[dict[str, object]]:
    """Return the lines at θ*: one if all layers share a threshold, else one per layer."""
    if len(set(thresholds)) == 1:
        return [{"threshold": thresholds[0], "name": "θ*", "place": 0}] if thresholds[0] is not None else []
    return [{"threshold": value, "name": f"θ* {layer}", "place": layer - 1}
            for layer, value in enumerate(thresholds, 1) if value is not None]


def learning_figure(epochs: Sequence[EpochRow], best_epoch: int | None = None) -> "altair.LayerChart":
    """Return validation accuracy, in percent, and both terms of the loss over the epochs.

    Args:
        epochs: epochs of one attempt, at least one. A loss that is not finite is a gap.
        best_epoch: the epoch whose weights were kept, which is marked.
    """
    import altair as alt

    domain = [ACCURACY, LOSS, PENALTY]
    color = alt.Color("what:N", title=None, scale=alt.Scale(domain=domain, range=[BLUE, ORANGE, PURPLE]),
                      legend=alt.Legend(orient="top", columns=alt.expr("width < 420 ? 2 : 3")))
    x = alt.X("epoch:Q", title="epoch", scale=alt.Scale(nice=False, domain=[epochs[0].epoch, max(epochs[-1].epoch, 2)]),
              axis=alt.Axis(tickMinStep=1, format="d", labelFlush=False))

    def tooltip(value: str, form: str) -> list[alt.Tooltip]:
        return [alt.Tooltip("epoch:Q"), alt.Tooltip("what:N", title="line"), alt.Tooltip("value:Q", title=value, format=form)]

    accuracy = chart_of([{"epoch": row.epoch, "what": ACCURACY, "value": 100 * row.val_accuracy,
                                           "kept": row.epoch == best_epoch} for row in epochs]).encode(
        x=x, y=alt.Y("value:Q", title="validation accuracy %", scale=alt.Scale(zero=False)), color=color,
        tooltip=tooltip("%", ".2f"))
    loss = chart_of([
        {"epoch": row.epoch, "what": what, "value": value} for row in epochs
        for what, value in ((LOSS, row.train_loss), (PENALTY, row.l1_penalty))]).encode(
        x=x, y=alt.Y("value:Q", title="loss", axis=alt.Axis(orient="right", grid=False)), color=color,
        tooltip=tooltip("loss", ".4f"))
    kept = accuracy.transform_filter("datum.kept").mark_point(size=90, strokeWidth=2)
    learnt = alt.layer(accuracy.mark_line(point=alt.OverlayMarkDef(size=18)), kept)
    lost = loss.mark_line(strokeDash=[5, 3], point=alt.OverlayMarkDef(size=18))
    return layered([learnt, lost], 260, resolve=alt.Resolve(scale=alt.ScaleResolveMap(y="independent")))


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
        x=alt.X("neurons:Q", title="neurons of the task", scale=alt.Scale(zero=False),
                axis=alt.Axis(format=",d", tickMinStep=1)),
        y=alt.Y("percent:Q", title="validation accuracy %", scale=alt.Scale(zero=False)), color=color,
        tooltip=[alt.Tooltip("cut:Q"), alt.Tooltip("layers:N", title="neurons by layer"), alt.Tooltip("what:N", title="line"),
                 alt.Tooltip("percent:Q", title="%", format=".2f")])
    lines = [({"percent": 100 * search.required_val_correct / total}, [2, 3], GREY, "least accuracy within the margin, %"),
             ({"percent": 100 * search.reference_val_correct / total}, [6, 3], PURPLE, f"best of the {search.reference}, %")]
    rules = [chart_of([row]).mark_rule(strokeDash=dash, strokeWidth=1.5, color=shade).encode(
        y="percent:Q", tooltip=[alt.Tooltip("percent:Q", title=title, format=".2f")]) for row, dash, shade, title in lines]
    committed = base.transform_filter("datum.committed").mark_point(size=90, strokeWidth=2)
    return layered([*rules, base.mark_line(point=alt.OverlayMarkDef(size=18)), committed], 260)
