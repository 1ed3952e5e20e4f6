"""A search for the sparsest network after fine-tuning, as text, from what its commit recorded."""

from clnp_core.values import CutCandidate, CutSearch, SearchEnd
from clnp_core.words import plural
from orchestrator.render.format import seconds_text
from orchestrator.render.matrices import percent
from orchestrator.render.table import Column, number, render


def search_sentence(search: CutSearch) -> str:
    """Return which candidate was committed, compared with what, and why the search ended."""
    chosen, total = search.candidates[search.chosen], search.val_total
    found = (f"cut {chosen.cut} of {len(search.candidates) - 1} is the sparsest within the margin: "
             f"{plural(sum(chosen.neurons), 'neuron')} ({neurons_text(chosen)}), "
             f"{percent(_committed(search) / total)} % on validation"
             if search.within_margin else
             f"no candidate is within the margin, so the network that was pruned at θ* is committed, with "
             f"{percent(_committed(search) / total)} % on validation")
    return (f"search, {seconds_text(search.seconds)}: {found}; the margin asks for "
            f"{percent(search.required_val_correct / total)} %, the best of the {search.reference} has "
            f"{percent(search.reference_val_correct / total)} %; {_ENDS[search.end]}")


def search_text(search: CutSearch) -> str:
    """Return the sentence and a table with a line for every candidate."""
    columns = [number("cut"), number("neurons"), number("by layer"), number("cut val %"), number("tuned val %"),
               number("epoch"), number("time"), Column("")]
    candidates = [*search.candidates, *([] if search.final is None else [search.final])]
    rows = [[str(each.cut), f"{sum(each.neurons):,}", neurons_text(each), percent(each.pruned_val_correct / search.val_total),
             percent(each.val_correct / search.val_total), f"{each.best_epoch} of {each.epochs_run}",
             seconds_text(each.seconds), _remark(search, each)] for each in candidates]
    sentence = search_sentence(search)
    return f"{sentence[0].upper()}{sentence[1:]}.\n\n{render(columns, rows)}"


def neurons_text(candidate: CutCandidate) -> str:
    """Return the neurons of each hidden layer, such as ``80 / 60``."""
    return " / ".join(f"{neurons:,}" for neurons in candidate.neurons)


def _committed(search: CutSearch) -> int:
    return search.candidates[search.chosen].val_correct if search.final is None else search.final.val_correct


def _remark(search: CutSearch, each: CutCandidate) -> str:
    if each is search.final:
        return "trained further"
    if each.cut == search.chosen:
        return "chosen"
    return "" if each.val_correct >= search.required_val_correct else "outside the margin"


_ENDS = {SearchEnd.PATIENCE: "the last candidates missed it",
         SearchEnd.NOTHING_LEFT: "no further neuron could be cut",
         SearchEnd.DIVERGED: "the next candidate diverged"}
