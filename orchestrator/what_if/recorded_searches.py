"""What another margin would have committed from the recorded candidates of searches (docs/distillation.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from clnp_core.selection import required_correct
from clnp_core.values import CutSearch
from clnp_core.words import plural
from orchestrator.render.matrices import percent
from orchestrator.render.search_text import neurons_text
from orchestrator.what_if.margins import canonical


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What a margin would have committed for one task, among the candidates that its search recorded.

    Attributes:
        task: counted from 1.
        margin_points: m, in percentage points, counted from the recorded reference.
        required_val_correct, val_total: the fewest correct validation samples within the margin, and all there are.
        cut: of the sparsest candidate within the margin; 0, the network pruned at θ*, where there is none.
        neurons: of it, per hidden layer.
        val_correct: of it.
        within_margin: whether it is within the margin.
        at_most: with this margin the search would have made further cuts, so that a sparser one may be within it.
        recorded_cut: that was committed.
        sentence: all of this in words.
    """

    task: int
    margin_points: Decimal
    required_val_correct: int
    val_total: int
    cut: int
    neurons: tuple[int, ...]
    val_correct: int
    within_margin: bool
    at_most: bool
    recorded_cut: int
    sentence: str


def search_answers(searches: Sequence[tuple[int, CutSearch]], margins: Sequence[Decimal]) -> tuple[SearchAnswer, ...]:
    """By margin, then by task.

    Args:
        searches: task and search of every task that has one.
        margins: in percentage points.
    """
    return tuple(_answer(task, search, margin) for margin in margins for task, search in searches)


def _answer(task: int, search: CutSearch, margin: Decimal) -> SearchAnswer:
    required = required_correct(search.reference_val_correct, search.val_total, margin)
    found, further = search.sparsest(required), search.would_go_on(required)
    chosen = search.candidates[0] if found is None else found
    numbers = (f"{plural(sum(chosen.neurons), 'neuron')} ({neurons_text(chosen)}) at "
               f"{percent(chosen.val_correct / search.val_total)} % on validation")
    which = "as it was" if chosen.cut == search.chosen else f"instead of cut {search.chosen}"
    text = (f"task {task}, margin {canonical(margin)}: " + (
        f"cut {chosen.cut} {which}, {'at most ' if further else ''}{numbers}" if found is not None else
        f"no recorded candidate is within it, so cut 0 {which}, {numbers}"))
    return SearchAnswer(task, margin, required, search.val_total, chosen.cut, chosen.neurons, chosen.val_correct,
                        found is not None, further, search.chosen, text)
