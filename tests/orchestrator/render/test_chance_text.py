"""Which tasks are named as being at chance level, and the sentence about them."""

import dataclasses
from typing import Any

from db.rows import AccuracyRow, StageRow
from orchestrator.render.chance_text import AtChance, chance_sentences, chance_text, tasks_at_chance


def cell(after: int, on: int, correct: int, val_correct: int | None) -> AccuracyRow:
    return AccuracyRow(after, on, correct, 100, correct / 100, "logits", val_correct, None if val_correct is None else 200)


def stage(task: int, classes: int | None) -> StageRow:
    values: dict[str, Any] = dict.fromkeys((field.name for field in dataclasses.fields(StageRow)), None)
    return StageRow(**{**values, "task": task, "classes": classes})


def test_a_task_is_judged_by_the_validation_data_of_its_own_commit() -> None:
    cells = [cell(2, 1, 10, 20), cell(1, 1, 10, 190), cell(2, 2, 99, 21)]
    assert tasks_at_chance(cells, [stage(1, 10), stage(2, 10)]) == (AtChance(2, 21, 200, 10),)


def test_test_data_where_no_validation_was_recorded() -> None:
    assert tasks_at_chance([cell(1, 1, 11, None)], [stage(1, 10)]) == (AtChance(1, 11, 100, 10),)


def test_all_tasks_of_one_commit_have_the_classes_of_its_stage() -> None:
    assert [found.task for found in tasks_at_chance([cell(1, 1, 90, 190), cell(1, 2, 10, 20)], [stage(1, 10)])] == [2]


def test_nothing_is_said_without_a_number_of_classes_or_a_commit() -> None:
    assert tasks_at_chance([cell(1, 1, 10, 20)], [stage(1, None)]) == tasks_at_chance([], [stage(1, 10)]) == ()
    assert chance_sentences([], []) == []


def test_the_words() -> None:
    assert chance_text(AtChance(2, 21, 200, 10)) == (
        "Task 2 is at chance level: 10.50 % of 200 samples are correct, and guessing among 10 classes gives "
        "10.00 %.")
    cells, stages = [cell(1, 1, 10, 20), cell(2, 2, 10, 20)], [stage(1, 10), stage(2, 10)]
    assert len(chance_sentences(cells, stages)) == 3
    assert chance_sentences(cells, stages)[-1] == "Averages over tasks include them."
    assert chance_sentences(cells[:1], stages)[-1] == "Averages over tasks include it."
