"""Tasks that were learnt no better than by guessing: they count in averages like any other, so it is said beside these."""

from collections.abc import Sequence
from dataclasses import dataclass

from clnp_core.analysis.chance import is_at_chance
from db.rows import AccuracyRow, StageRow
from orchestrator.render.matrices import percent


@dataclass(frozen=True, slots=True)
class AtChance:
    """A task whose network may as well be guessing.

    Attributes:
        task: counted from 1.
        correct, total: samples when it was committed, of the validation data; of the test data in a commit of an older version.
        classes: of the task.
    """

    task: int
    correct: int
    total: int
    classes: int


def tasks_at_chance(cells: Sequence[AccuracyRow], stages: Sequence[StageRow]) -> tuple[AtChance, ...]:
    """Return the tasks whose first commit is at chance (:func:`clnp_core.analysis.chance.is_at_chance`), in order.

    Args:
        cells: the accuracy matrix of a run, in any order.
        stages: of the run. A task without one was learnt with those of the stage before it.
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
    """One task in a sentence."""
    return (f"Task {found.task} was learnt no better than by guessing: {percent(found.correct / found.total)} % of "
            f"{found.total:,} samples are right, and guessing among {found.classes:,} classes gives "
            f"{percent(1 / found.classes)} %.")


def chance_sentences(cells: Sequence[AccuracyRow], stages: Sequence[StageRow]) -> list[str]:
    """A sentence for every task at chance, and what that means for averages; none where there is none."""
    found = tasks_at_chance(cells, stages)
    return [*map(chance_text, found), *(["Averages over tasks count it like any other." if len(found) == 1 else
                                         "Averages over tasks count them like any other."] if found else [])]
