"""The trials of one task: accuracy against free neurons after pruning, and the chosen trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clnp_core.selection import Verdict, required_correct
from db.reads.curves import PrunedPoint
from db.rows import SelectionRow, TrialRow
from db.states import TrialState
from orchestrator.figures.chart import BLUE, FAINT, GREY, ORANGE, PURPLE, chart_of, layered
from orchestrator.render.format import points_text

if TYPE_CHECKING:
    import altair

CHOSEN, WITHIN, OUTSIDE, OPEN = "chosen", "within the margin", "outside the margin", "not judged yet"
LOOKS: Mapping[str, tuple[str, str, int]] = {
    OPEN: (PURPLE, "triangle-up", 40), OUTSIDE: (GREY, "circle", 26), WITHIN: (BLUE, "square", 44),
    CHOSEN: (ORANGE, "diamond", 240)}
"""Group of trials → colour, shape and area of its marks, in drawing order."""

MANY = 500
"""Number of trials from which marks are small."""

MOST_NAMED = 120
"""Number of trials up to which marks are labelled, if there is room; above it, only the chosen one is."""

HEIGHT = 300
NARROW = 420
"""Width in pixels below which labels are short."""

WIDTHS = (300, 600, 900)
"""Widths in pixels for which the labels that fit are computed."""


@dataclass(frozen=True, slots=True)
class PlottedTrial:
    """One trial after pruning.

    Attributes:
        number: in the task's grid.
        val_accuracy: after pruning, a fraction of the validation samples.
        sparsity: free neurons after pruning, a fraction of all hidden ones.
        exact: whether it is the result of the selection, within the margin of the best trial; otherwise it is the sparsest
            point on the trial's recorded curve within the margin of its own accuracy.
        verdict: the verdict of the selection, or the state before it.
        alpha: the L1 strength of every layer, as text.
        learning_rate: its learning rate.
        unpruned_accuracy: before pruning, a fraction.
    """

    number: int
    val_accuracy: float
    sparsity: float
    exact: bool
    verdict: str
    alpha: str
    learning_rate: float
    unpruned_accuracy: float

    @property
    def group(self) -> str:
        """One of :data:`LOOKS`."""
        if self.verdict == Verdict.CHOSEN.value:
            return CHOSEN
        if self.verdict == Verdict.OUTSIDE_MARGIN.value:
            return OUTSIDE
        return WITHIN if self.exact else OPEN


def trial_points(trials: Sequence[TrialRow], on_curves: Mapping[int, PrunedPoint]) -> list[PlottedTrial]:
    """The points of the candidates that have a result.

    Args:
        trials: of one task.
        on_curves: number of a trial → its sparsest point within the margin of its own accuracy.
    """
    points = []
    for trial in trials:
        if not trial.role.can_be_chosen or trial.state is not TrialState.FINISHED:
            continue
        if not trial.val_total or not trial.hidden_total:
            continue
        exact = trial.free_neurons is not None and trial.pruned_val_correct is not None
        found = (PrunedPoint(trial.pruned_val_correct or 0, trial.free_neurons or 0) if exact else
                 on_curves.get(trial.number, PrunedPoint(trial.val_correct or 0, 0)))
        points.append(PlottedTrial(
            trial.number, found.val_correct / trial.val_total, found.free_neurons / trial.hidden_total, exact,
            trial.verdict.value if trial.verdict else trial.state.value, alpha_words(trial.alpha), trial.learning_rate,
            (trial.val_correct or 0) / trial.val_total))
    return points


def alpha_words(values: Sequence[float]) -> str:
    """Return α of every layer; one number if all are the same."""
    return " ".join(f"{value:g}" for value in (values if len(set(values)) > 1 else values[:1]))


def trials_figure(points: Sequence[PlottedTrial], selection: SelectionRow | None = None) -> "altair.LayerChart":
    """Return validation accuracy after pruning against free neurons, in percent; the margin is a band, the chosen trial is on
    top, and trials are labelled with their numbers if there is room.

    Args:
        points: points of one task, at least one; 10,000 take seconds.
        selection: selection of that task; None before it.
    """
    import altair as alt

    order = list(LOOKS)
    values = [_mark(point) for point in sorted(points, key=lambda point: (order.index(point.group), point.number))]
    shown = [group for group in reversed(order) if any(value["group"] == group for value in values)]
    margin = _margin(selection) if selection else {}
    across = _domain([value["free"] for value in values])
    up = _domain([*(value["accuracy"] for value in values), *margin.values()])
    shrunk = 1.0 if len(points) < MANY else 0.35
    area = " : ".join(f"datum.group == {group!r} ? {LOOKS[group][2] * (1.0 if group == CHOSEN else shrunk)}" for group in shown)
    legend = alt.Legend(orient="top", columns=alt.expr("width < 420 ? 2 : 4"), symbolOpacity=1, symbolStrokeWidth=0,
                        symbolSize=80)
    marks = chart_of(values).mark_point(
        filled=True, size=alt.expr(f"{area} : 0"),
        opacity=alt.expr(f"datum.group == {CHOSEN!r} ? 1 : {1 if len(points) < MANY else 0.6}")).encode(
        x=_x(across), y=alt.Y("accuracy:Q", title="validation accuracy after pruning, %",
                              scale=alt.Scale(domain=list(up), nice=False, zero=False), axis=alt.Axis(tickCount=6)),
        color=alt.Color("group:N", title=None, legend=legend,
                        scale=alt.Scale(domain=shown, range=[LOOKS[group][0] for group in shown])),
        shape=alt.Shape("group:N", title=None, legend=legend,
                        scale=alt.Scale(domain=shown, range=[LOOKS[group][1] for group in shown])),
        tooltip=[alt.Tooltip("number:Q", title="trial"), alt.Tooltip("verdict:N"),
                 alt.Tooltip("accuracy:Q", title="accuracy after pruning %", format=".2f"),
                 alt.Tooltip("unpruned:Q", title="accuracy before %", format=".2f"),
                 alt.Tooltip("free:Q", title="free neurons %", format=".2f"), alt.Tooltip("alpha:N", title="α"),
                 alt.Tooltip("rate:N", title="learning rate"), alt.Tooltip("how:N", title="pruned")])
    places = [(value["free"], value["accuracy"]) for value in values]
    band = _band(margin, selection, _words_place(places, margin, across, up)) if selection else []
    return layered([*band, marks, _numbers(values, across, up)], HEIGHT, usermeta={"embedOptions": {"renderer": "canvas"}})


def _x(across: tuple[float, float]) -> "altair.X":
    import altair as alt

    return alt.X("free:Q", title="free neurons after pruning, %",
                 scale=alt.Scale(domain=list(across), nice=False, zero=False),
                 axis=alt.Axis(tickCount=alt.expr("max(3, floor(width / 80))"), labelOverlap=True, labelSeparation=6))


def _mark(point: PlottedTrial) -> dict[str, Any]:
    return {"number": point.number, "accuracy": round(100 * point.val_accuracy, 4), "free": round(100 * point.sparsity, 4),
            "unpruned": round(100 * point.unpruned_accuracy, 4), "group": point.group, "verdict": point.verdict,
            "alpha": point.alpha, "rate": f"{point.learning_rate:g}",
            "how": "within the best trial's margin, exact" if point.exact else "within its own margin, on its curve"}


def _domain(percents: Sequence[float]) -> tuple[float, float]:
    """Return a range from slightly below the lowest to slightly above the highest value, within 0 to 100."""
    room = max(0.05 * (max(percents) - min(percents)), 0.25)
    return max(0.0, min(percents) - room), min(100.0, max(percents) + room)


def _numbers(values: Sequence[Mapping[str, Any]], across: tuple[float, float], up: tuple[float, float]) -> "altair.Chart":
    """Return the labels with the trials' numbers."""
    import altair as alt

    named = values if len(values) <= MOST_NAMED else [value for value in values if value["group"] == CHOSEN]
    room = [_with_room(named, across, up, width) for width in WIDTHS]
    rows = [{"free": value["free"], "accuracy": value["accuracy"], "number": value["number"],
             "group": value["group"], "room": [value["number"] in numbers for numbers in room]} for value in named]
    steps = " : ".join(f"width >= {width} ? datum.room[{at}]" for at, width in reversed(list(enumerate(WIDTHS))))
    numbers: altair.Chart = chart_of(rows).mark_text(
        align="left", baseline="middle", fontSize=10, dx=alt.expr(f"datum.group == {CHOSEN!r} ? 11 : 6"),
        opacity=alt.expr(f"({steps} : datum.room[0]) ? 0.85 : 0")).encode(x=_x(across), y="accuracy:Q", text="number:Q")
    return numbers


def _with_room(values: Sequence[Mapping[str, Any]], across: tuple[float, float], up: tuple[float, float],
               width: int) -> set[int]:
    """Return the trials whose label, right of its mark, covers neither a mark nor another label at a given width; trials drawn
    on top have priority."""
    def place(value: Mapping[str, Any]) -> tuple[float, float]:
        return ((value["free"] - across[0]) / (across[1] - across[0]) * width,
                (up[1] - value["accuracy"]) / (up[1] - up[0]) * HEIGHT)

    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in map(place, values)]
    found = set()
    for value in reversed(values):
        x, y = place(value)
        box = (x + 5, y - 6, x + 8 + 6 * len(str(value["number"])) + (5 if value["group"] == CHOSEN else 0), y + 6)
        if box[2] < width + 20 and not any(_overlap(box, other) for other in taken):
            found.add(value["number"])
            taken.append(box)
    return found


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two boxes (left, top, right, bottom) intersect."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _margin(selection: SelectionRow) -> dict[str, float]:
    """Return the lowest accuracy within the margin, and that of the best trial, in percent."""
    required = required_correct(selection.best_val_correct, selection.val_total, Decimal(selection.margin_points))
    return {"least": 100 * required / selection.val_total, "best": 100 * selection.best_val_correct / selection.val_total}


@dataclass(frozen=True, slots=True)
class _WordsPlace:
    """Position of the band's label: above or below it, at its right or left end."""

    above: bool
    right: bool


def _words_place(marks: Sequence[tuple[float, float]], margin: Mapping[str, float], across: tuple[float, float],
                 up: tuple[float, float]) -> _WordsPlace:
    """Return the position where the band's label covers the fewest marks and labels of trials, summed over :data:`WIDTHS`.

    Args:
        marks: free neurons and accuracy of every trial, in percent.
        margin: from :func:`_margin`.
        across, up: ranges of the axes.
    """
    def covered(place: _WordsPlace) -> float:
        edge = (up[1] - margin["best" if place.above else "least"]) / (up[1] - up[0]) * HEIGHT
        top = edge - 13 if place.above else edge + 3
        if top < 0 or top + 10 > HEIGHT:
            return math.inf
        count = 0
        for width in WIDTHS:
            long = 40 if width < NARROW else 220
            left = width - 4 - long if place.right else 4
            for free, accuracy in marks:
                x = (free - across[0]) / (across[1] - across[0]) * width
                y = (up[1] - accuracy) / (up[1] - up[0]) * HEIGHT
                count += _overlap((left, top, left + long, top + 10), (x - 7, y - 7, x + 24, y + 7))
        return count

    return min((_WordsPlace(above, right) for above in (True, False) for right in (True, False)), key=covered)


def _band(margin: Mapping[str, float], selection: SelectionRow, place: _WordsPlace) -> "list[altair.Chart]":
    """Return the band of accuracies within the margin, and its label."""
    import altair as alt

    words = f"within {points_text(selection.margin_points)} of the best"
    band = chart_of([{**margin, "words": words}])
    return [
        band.mark_rect(color=BLUE, opacity=FAINT).encode(
            y="least:Q", y2="best:Q", tooltip=[
                alt.Tooltip("least:Q", title="least accuracy within the margin, %", format=".2f"),
                alt.Tooltip("best:Q", title="best trial, unpruned, %", format=".2f")]),
        band.mark_text(color=BLUE, fontSize=10, align="right" if place.right else "left",
                       baseline="bottom" if place.above else "top", dy=-3 if place.above else 3,
                       x=alt.expr("width - 4") if place.right else 4,
                       text=alt.expr(f"width < {NARROW} ? 'margin' : datum.words")).encode(
            y="best:Q" if place.above else "least:Q")]
