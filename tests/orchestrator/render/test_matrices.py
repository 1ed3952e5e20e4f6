"""Matrices, capacity and the claim about forgetting, from plain rows."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from clnp_core.values import LayerCapacity
from db.rows import AccuracyRow, CommitRow, StageRow
from orchestrator.render.matrices import (
    AtChance,
    accuracy_matrix,
    capacity_table,
    chance_sentences,
    chance_text,
    forgetting_claim,
    percent,
    tasks_at_chance,
)


def _cells(tasks: int) -> list[AccuracyRow]:
    """After every task, every task so far: 90 % and a bit."""
    return [AccuracyRow(after, on, 9000 + 10 * on, 10_000, (9000 + 10 * on) / 10_000, "digest")
            for after in range(1, tasks + 1) for on in range(1, after + 1)]


def _commit(task: int, /, **proof: Any) -> CommitRow:
    return CommitRow(task, f"digest-{task}", None, 1, proof, 1.0, datetime(2026, 1, 1, tzinfo=UTC))


def _proven(tasks: int, **changes: Any) -> list[CommitRow]:
    return [_commit(task, **{"task": task, "tasks_compared": list(range(1, task)), "samples_compared": 359 * (task - 1),
                             "widened": False, **changes}) for task in range(1, tasks + 1)]


def test_percent_has_two_decimals() -> None:
    assert [percent(value) for value in (0.98421, 1.0, 0.0, 2 / 3)] == ["98.42", "100.00", "0.00", "66.67"]


def test_the_matrix_has_a_row_per_commit_and_their_mean() -> None:
    assert accuracy_matrix(_cells(3)) == (
        "after      1      2      3   mean\n"
        "-----  -----  -----  -----  -----\n"
        "    1  90.10                90.10\n"
        "    2  90.10  90.20         90.15\n"
        "    3  90.10  90.20  90.30  90.20")


def test_rows_may_come_in_any_order() -> None:
    assert accuracy_matrix(_cells(3)[::-1]) == accuracy_matrix(_cells(3))


def test_ten_tasks_fit_a_terminal_in_one_block() -> None:
    matrix = accuracy_matrix(_cells(10), width=80)
    assert max(map(len, matrix.splitlines())) <= 80 and "\n\n" not in matrix


def test_more_tasks_stand_in_blocks_and_none_is_lost() -> None:
    matrix = accuracy_matrix(_cells(25), width=80)
    blocks = matrix.split("\n\n")
    assert max(map(len, matrix.splitlines())) <= 80 and len(blocks) == 3
    assert " ".join(block.splitlines()[0] for block in blocks).split() == [
        "after", *map(str, range(1, 12)), "mean", "after", *map(str, range(12, 23)), "after", "23", "24", "25"]
    assert [len(block.splitlines()) - 2 for block in blocks] == [25, 14, 3], "a block leaves out rows that it has no cell for"
    assert sum(cell.count(".") for cell in blocks) == 25 * 26 // 2 + 25


def test_a_pipe_gets_one_block() -> None:
    assert "\n\n" not in accuracy_matrix(_cells(25))


def test_no_cells_no_matrix() -> None:
    assert accuracy_matrix([]) == accuracy_matrix([], width=80) == ""


def test_capacity() -> None:
    assert capacity_table([LayerCapacity(1, 1, 2000, 360, 360, 0, 1640), LayerCapacity(2, 2, 2000, 800, 440, 300, 1200)]
                          ) == (
        "task  layer  neurons  used  used %  new  reused   free\n"
        "----  -----  -------  ----  ------  ---  ------  -----\n"
        "   1      1    2,000   360   18.00  360       0  1,640\n"
        "   2      2    2,000   800   40.00  440     300  1,200")


def test_the_claim_counts_what_was_compared() -> None:
    claim = forgetting_claim(_proven(5))
    assert claim.sentence == (
        "Zero forgetting verified: after each of the 5 commits the published networks gave bit-identical logits for every "
        "earlier task (3,590 test samples compared).")
    assert (claim.verified, claim.commits, claim.samples_compared, claim.unverified) == (True, 5, 3590, ())
    assert forgetting_claim(_proven(2)).sentence.startswith("Zero forgetting verified: after both commits the ")


def test_one_commit_claims_nothing_and_none_says_so() -> None:
    assert forgetting_claim(_proven(1)).sentence == "One task is committed: there is no earlier task to forget."
    assert forgetting_claim([]).sentence == "No task is committed yet."
    assert forgetting_claim([]).verified is False


@pytest.mark.parametrize(("broken", "gap"), [
    (_commit(3), "the commit of task 3 has no proof"),
    (_commit(3, structure="bit-equal", tasks=3), "the commit of task 3 has no proof"),
    (_commit(3, task=2, tasks_compared=[1, 2], samples_compared=718), "the commit of task 3 has no proof"),
    (_commit(3, task=3, tasks_compared=[2], samples_compared=359), "the proof of task 3 does not cover task 1"),
    (_commit(3, task=3, tasks_compared=None, samples_compared=359), "the proof of task 3 does not cover task 1, 2"),
    (_commit(3, task=3, tasks_compared=[1, 2], samples_compared=0), "the proof of task 3 compared no test samples"),
])
def test_what_is_not_proven_is_not_claimed(broken: CommitRow, gap: str) -> None:
    claim = forgetting_claim([*_proven(2), broken])
    assert claim.verified is False and claim.unverified == (gap,)
    assert claim.sentence == f"Zero forgetting is NOT verified for this run: {gap}."


def test_a_widening_is_claimed_for_what_it_is() -> None:
    commits = [*_proven(2), _commit(3, task=3, tasks_compared=[1, 2], samples_compared=718, widened=True)]
    claim = forgetting_claim(commits)
    assert claim.verified is True
    assert claim.sentence == (
        "Zero forgetting verified (1,077 test samples compared): the networks of task 3 are wider than earlier ones, whose "
        "extracted sub-networks are bit-identical in them, with logits within 1e-5 of the largest; "
        "all other comparisons gave bit-identical "
        "logits.")


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
