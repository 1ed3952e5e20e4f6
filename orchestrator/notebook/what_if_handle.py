"""What another margin would have chosen, as a displayed table and as a DataFrame."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from db import dataframes
from orchestrator.notebook.handle import Shown
from orchestrator.render.format import points_text
from orchestrator.render.matrices import percent
from orchestrator.render.table import Column, number
from orchestrator.runs.location import Place
from orchestrator.what_if.what_if import MarginPoint, TaskAnswer, WhatIf, ask, canonical, margin_curve, margin_points

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True, repr=False)
class OtherMargins:
    """The answers about a run; ``what_if`` has them as plain values and sentences."""

    what_if: WhatIf

    def frame(self) -> "DataFrame":
        """Return one row per margin and task."""
        return _with_numbers(dataframes.frame(TaskAnswer, self.what_if.answers).drop(columns="verdicts"))

    def __repr__(self) -> str:
        return self._show().text()

    def _repr_html_(self) -> str:
        return self._show().html()

    def _show(self) -> Shown:
        answers = self.what_if.answers
        columns = (*map(number, ("margin", "task", "chosen", "pruned val %", "free %")), Column("exact"), Column("changed"))
        rows = [(canonical(each.margin_points), str(each.task), str(each.chosen), percent(each.val_accuracy),
                 percent(each.free_fraction), _yes(each.exact), _yes(each.changed)) for each in answers]
        recorded = ", ".join(points_text(text) for text in dict.fromkeys(each.recorded_margin_points for each in answers))
        notes = [*(each.sentence for each in self.what_if.consequences), *self.what_if.cautions]
        heading = f"Run {self.what_if.run} under other margins; it was selected with {recorded}."
        return Shown(heading, columns, rows, notes=notes)


def other_margins(place: Place, run: str, margins: Sequence[float | str | Decimal], task: int | None) -> OtherMargins:
    """Implement :meth:`orchestrator.notebook.run_handle.Run.what_if`."""
    wanted = [margin_points(_text(margin)) for margin in margins]
    with place.reads() as reads:
        return OtherMargins(ask(reads, run, wanted, task))


def all_margins(place: Place, run: str, task: int | None) -> "DataFrame":
    """Return a row wherever the choice changes."""
    with place.reads() as reads:
        return _with_numbers(dataframes.frame(MarginPoint, margin_curve(reads, run, task)))


def _text(margin: float | str | Decimal) -> str:
    """Return a margin in plain notation: 1e-3 is 0.001."""
    try:
        return format(Decimal(str(margin)), "f")
    except InvalidOperation:
        return str(margin)


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _with_numbers(found: "DataFrame") -> "DataFrame":
    """Return margins as floats, which can be plotted, unlike decimals."""
    return found.assign(margin_points=found["margin_points"].astype(float))
