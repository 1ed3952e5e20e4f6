"""Results of a run as text, from recorded rows: pure functions.

Accuracies are in percent with two decimals. All numbers come from the database, the claim about forgetting from the
recorded proof of every commit. Tasks at chance level are included in averages, so they are named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clnp_core.analysis.statistics import is_at_chance
from clnp_core.values import LayerCapacity
from orchestrator.render.table import GAP, Column, number, render
from workers.methods import recorded_method

if TYPE_CHECKING:
    from db.rows import AccuracyRow, CommitRow, StageRow


TASK_INCREMENTAL = ("Every sample was tested with the head or mask of its own task: the network is told which task a sample "
                    "belongs to.")
"""The kind of accuracy, which every report must state."""


@dataclass(frozen=True, slots=True)
class ForgettingClaim:
    """The claim that the recorded proofs support.

    Attributes:
        verified: every commit's proof covers every earlier task.
        commits: number of commits.
        samples_compared: test samples whose logits were compared, over all commits and earlier tasks.
        unverified: one line per commit whose proof is missing or incomplete.
        sentence: the claim as text.
    """

    verified: bool
    commits: int
    samples_compared: int
    unverified: tuple[str, ...]
    sentence: str


def percent(fraction: float) -> str:
    """``0.98421`` → ``98.42``."""
    return f"{100 * fraction:.2f}"


def accuracy_matrix(cells: "Sequence[AccuracyRow]", width: int | None = None) -> str:
    """Return test accuracy in percent: a row per commit (after which task), a column per task, and the mean of each row.

    Args:
        cells: cells of one run, in any order.
        width: line width in characters; tasks that do not fit follow in another block below.
    """
    shown = {(cell.after_task, cell.on_task): percent(cell.test_accuracy) for cell in cells}
    rows = sorted({cell.after_task for cell in cells})
    tasks = sorted({cell.on_task for cell in cells})
    means = {row: percent(_mean([cell.test_accuracy for cell in cells if cell.after_task == row])) for row in rows}
    widest = max(map(len, (*shown.values(), *map(str, tasks))), default=0)
    gap = GAP if width is None or _line_length(len(tasks), widest, GAP) <= width else " "
    fit = len(tasks)
    while width is not None and fit > 1 and _line_length(fit, widest, gap) > width:
        fit -= 1
    blocks = []
    for start in range(0, len(tasks), max(1, fit)):
        block = tasks[start:start + fit]
        mean = [number("mean")] if start == 0 else []
        blocks.append(render([number("after"), *(number(str(task)) for task in block), *mean],
                             [[str(row), *(shown.get((row, task), "") for task in block), *([means[row]] if mean else [])]
                              for row in rows if start == 0 or any((row, task) in shown for task in block)], gap=gap))
    return "\n\n".join(blocks)


def _line_length(tasks: int, widest: int, gap: str) -> int:
    """Return the width of a row with this number of tasks and the mean."""
    return len("after") + tasks * (len(gap) + widest) + len(gap) + len("100.00")


def capacity_table(rows: "Sequence[LayerCapacity]", width: int | None = None) -> str:
    """Return the neurons of every hidden layer after every commit: used (of these new and reused) and free."""
    columns: list[Column] = [number(title) for title in (
        "task", "layer", "neurons", "used", "used %", "new", "reused", "free")]
    return render(columns, [
        [f"{row.task}", f"{row.layer}", f"{row.total_neurons:,}", f"{row.used_neurons:,}", percent(row.used_fraction),
         f"{row.new_neurons:,}", f"{row.reused_neurons:,}", f"{row.free_neurons:,}"] for row in rows], width)


def forgetting_claim(commits: "Sequence[CommitRow]") -> ForgettingClaim:
    """Return the claim about forgetting that the proofs of the commits support.

    Args:
        commits: all commits of one run, by task.
    """
    gaps = [gap for commit in commits if (gap := _gap(commit, [c.task for c in commits if c.task < commit.task]))]
    proven = [commit for commit in commits if commit.verification]
    samples = sum(int(commit.verification.get("samples_compared", 0)) for commit in proven)
    methods = {str(commit.verification["method"]) for commit in commits if "method" in (commit.verification or {})}
    if methods:
        return ForgettingClaim(False, len(commits), 0, (), _unprotected(*methods))
    if not commits:
        sentence = "No task is committed yet."
    elif gaps:
        sentence = f"Zero forgetting is NOT verified for this run: {'; '.join(gaps)}."
    elif len(commits) == 1:
        sentence = "One task is committed: there is no earlier task to forget."
    else:
        sentence = _sentence(commits, samples)
    return ForgettingClaim(bool(commits) and not gaps, len(commits), samples, tuple(gaps), sentence)


def _gap(commit: "CommitRow", earlier: Sequence[int]) -> str | None:
    """Return which earlier tasks a commit's proof does not cover; None if it covers all."""
    proof = commit.verification
    if not proof or proof.get("task") != commit.task:
        return f"the commit of task {commit.task} has no proof"
    compared = set(proof.get("tasks_compared") or ())
    missing = [task for task in earlier if task not in compared]
    if missing:
        return f"the proof of task {commit.task} does not cover task {', '.join(map(str, missing))}"
    if earlier and not proof.get("samples_compared"):
        return f"the proof of task {commit.task} compared no test samples"
    return None


def _unprotected(method: str) -> str:
    """Return the claim for a method without proofs."""
    known = recorded_method(method)
    if known is not None and known.has_a_network_for_each_task:
        return "Every task has a network of its own: method scratch cannot forget, and shares no weights."
    if known is not None and known.learns_at_once:
        return "All tasks were learnt together, with all data available: method joint is a reference, not continual learning."
    return (f"Method {method} does not keep earlier tasks bit for bit, so nothing is verified: forgetting of a task is the "
            "decrease in its column of the accuracy matrix.")


def _sentence(commits: "Sequence[CommitRow]", samples: int) -> str:
    widened = [commit.task for commit in commits if commit.verification.get("widened")]
    same = [commit.task for commit in commits if commit.task not in widened]
    counted = f"({samples:,} test samples compared)"
    if not widened:
        each = f"each of the {len(commits)} commits" if len(commits) > 2 else "both commits"
        return (f"Zero forgetting verified: after {each} the published networks gave bit-identical logits for "
                f"every earlier task {counted}.")
    wider = ", ".join(map(str, widened))
    other = "; all other comparisons gave bit-identical logits" if len(same) > 1 else ""
    return (f"Zero forgetting verified {counted}: the networks of task {wider} are wider than earlier ones, whose "
            f"extracted sub-networks are bit-identical in them, with logits within 1e-5 of the largest{other}.")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass(frozen=True, slots=True)
class AtChance:
    """A task at chance level.

    Attributes:
        task: counted from 1.
        correct, total: validation samples at its commit; test samples in a commit of an older version.
        classes: number of classes of the task.
    """

    task: int
    correct: int
    total: int
    classes: int


def tasks_at_chance(cells: "Sequence[AccuracyRow]", stages: "Sequence[StageRow]") -> tuple[AtChance, ...]:
    """Return the tasks whose first commit is at chance (:func:`clnp_core.analysis.statistics.is_at_chance`), in order.

    Args:
        cells: the accuracy matrix of a run, in any order.
        stages: stages of the run. A task without one has the classes of the previous stage.
    """
    classes = {stage.task: stage.classes for stage in stages if stage.classes}
    first: dict[int, AccuracyRow] = {}
    for cell in sorted(cells, key=lambda cell: cell.after_task):
        first.setdefault(cell.on_task, cell)
    found = []
    for task, cell in sorted(first.items()):
        known = classes.get(task) or classes.get(cell.after_task) or 0
        counted = (cell.test_correct, cell.test_total)
        if cell.val_correct is not None and cell.val_total is not None:
            counted = (cell.val_correct, cell.val_total)
        if is_at_chance(*counted, known):
            found.append(AtChance(task, *counted, known))
    return tuple(found)


def chance_text(found: AtChance) -> str:
    """Return a sentence about one task."""
    return (f"Task {found.task} is at chance level: {percent(found.correct / found.total)} % of "
            f"{found.total:,} samples are correct, and guessing among {found.classes:,} classes gives "
            f"{percent(1 / found.classes)} %.")


def chance_sentences(cells: "Sequence[AccuracyRow]", stages: "Sequence[StageRow]") -> list[str]:
    """Return a sentence for every task at chance, and a note about averages; empty if there are none."""
    found = tasks_at_chance(cells, stages)
    return [*map(chance_text, found), *(["Averages over tasks include it." if len(found) == 1 else
                                         "Averages over tasks include them."] if found else [])]
