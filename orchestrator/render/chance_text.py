"""Warnings about tasks at chance level, which are included in averages."""

from collections.abc import Sequence
from dataclasses import dataclass

from clnp_core.analysis.chance import is_at_chance
from db.rows import AccuracyRow, StageRow
from orchestrator.render.matrices import percent


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


def tasks_at_chance(cells: Sequence[AccuracyRow], stages: Sequence[StageRow]) -> tuple[AtChance, ...]:
    """Return the tasks whose first commit is at chance (:func:`clnp_core.analysis.chance.is_at_chance`), in order.

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


def chance_sentences(cells: Sequence[AccuracyRow], stages: Sequence[StageRow]) -> list[str]:
    """Return a sentence for every task at chance, and a note about averages; empty if there are none."""
    found = tasks_at_chance(cells, stages)
    return [*map(chance_text, found), *(["Averages over tasks include it." if len(found) == 1 else
                                         "Averages over tasks include them."] if found else [])]
