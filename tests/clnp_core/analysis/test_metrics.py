"""Continual-learning metrics of one run, against hand-computed numbers."""

import dataclasses
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clnp_core.analysis.metrics import (
    AccuracyMatrix,
    CommittedStage,
    Counts,
    ForwardTransfer,
    GracefulLoss,
    RunMetrics,
    graceful_loss,
    graceful_loss_points,
    run_metrics,
)
from clnp_core.errors import StateError
from tests.messages import naming, tells

Cells = dict[tuple[int, int], Counts]


def cells_of(*rows: list[int], total: int = 100) -> Cells:
    return {(len(row), on): (correct, total) for row in rows for on, correct in enumerate(row, start=1)}


FORGETFUL = cells_of([90], [80, 95], [85, 70, 97])
"""Task 1: 90, 80, 85. Task 2: 95, 70. Task 3: 97."""


def test_the_metrics_by_hand() -> None:
    matrix = AccuracyMatrix.of(FORGETFUL)
    assert matrix.tasks == 3 and not matrix.only_last_row
    assert matrix.average_accuracy() == Fraction(85 + 70 + 97, 300)
    assert matrix.average_accuracy(after=2) == Fraction(80 + 95, 200)
    assert matrix.learning_accuracy() == Fraction(90 + 95 + 97, 300)
    assert matrix.backward_transfer() == Fraction(-5 - 25, 2)
    assert matrix.forgetting() == Fraction(5 + 25, 2)


def test_forgetting_looks_back_to_the_best_and_backward_transfer_to_the_first() -> None:
    """Task 1 rises from 80 to 90 and falls to 85: gained 5 since it was learnt, lost 5 since its best."""
    matrix = AccuracyMatrix.of(cells_of([80], [90, 60], [85, 60, 70]))
    assert matrix.backward_transfer() == Fraction(5, 2)
    assert matrix.forgetting() == Fraction(5, 2)


def test_the_best_before_the_last_task_does_not_include_the_last() -> None:
    matrix = AccuracyMatrix.of(cells_of([80], [90, 60]))
    assert (matrix.backward_transfer(), matrix.forgetting()) == (10, -10)


def test_rows_are_found_by_their_task() -> None:
    matrix = AccuracyMatrix.of(FORGETFUL)
    assert matrix.after(1) == (Fraction(9, 10),)
    assert matrix.after(3) == (Fraction(85, 100), Fraction(7, 10), Fraction(97, 100))


@pytest.mark.parametrize("task", [0, 4, -1])
def test_a_row_that_is_not_there_is_refused(task: int) -> None:
    with pytest.raises(StateError) as refused:
        AccuracyMatrix.of(FORGETFUL).average_accuracy(after=task)
    assert tells(refused.value, task, 1, 3)


def test_one_task_has_no_transfer_and_no_forgetting() -> None:
    matrix = AccuracyMatrix.of(cells_of([90]))
    assert (matrix.average_accuracy(), matrix.learning_accuracy()) == (Fraction(9, 10), Fraction(9, 10))
    assert (matrix.backward_transfer(), matrix.forgetting()) == (None, None)
    assert matrix.forward_transfer({}) == ForwardTransfer(None, ())


def test_joint_training_has_only_a_last_row() -> None:
    matrix = AccuracyMatrix.of(cells_of([90, 80, 70]))
    assert matrix.only_last_row and matrix.tasks == 3
    assert matrix.average_accuracy() == matrix.average_accuracy(after=3) == Fraction(8, 10)
    assert (matrix.learning_accuracy(), matrix.backward_transfer(), matrix.forgetting()) == (None, None, None)
    assert matrix.forward_transfer({2: (1, 2), 3: (1, 2)}) == ForwardTransfer(None, ())
    with pytest.raises(StateError) as refused:
        matrix.after(1)
    assert tells(refused.value, "task 3")


def test_forward_transfer_compares_the_diagonal_with_training_alone_from_task_2_on() -> None:
    references = {1: (1, 100), 2: (90, 100), 3: (485, 500), 9: (0, 1)}
    assert AccuracyMatrix.of(FORGETFUL).forward_transfer(references) == ForwardTransfer(Fraction(5 + 0, 2), ())


def test_forward_transfer_names_the_references_that_are_missing() -> None:
    matrix = AccuracyMatrix.of(cells_of([90], [90, 90], [90, 90, 90], [90, 90, 90, 90]))
    assert matrix.forward_transfer({1: (90, 100), 3: (90, 100)}) == ForwardTransfer(None, (2, 4))


@pytest.mark.parametrize(("cells", "message", "hint"), [
    ({}, "the accuracy matrix is empty: no task is committed", "wait for the first commit"),
    ({(1, 2): (1, 2)}, "there is an accuracy after task 1 on task 2, which had not been learnt yet",
     "keep the cells with 1 ≤ on task ≤ after task"),
    ({(1, 0): (1, 2)}, "there is an accuracy after task 1 on task 0, which had not been learnt yet",
     "keep the cells with 1 ≤ on task ≤ after task"),
    ({(1, 1): (3, 2)}, "3 of 2 correct is impossible (after task 1 on task 1)",
     "give counts with 0 ≤ correct ≤ total and total > 0, as they were recorded"),
    ({(1, 1): (-1, 2)}, "-1 of 2 correct is impossible (after task 1 on task 1)",
     "give counts with 0 ≤ correct ≤ total and total > 0, as they were recorded"),
    ({(1, 1): (0, 0)}, "0 of 0 correct is impossible (after task 1 on task 1)",
     "give counts with 0 ≤ correct ≤ total and total > 0, as they were recorded"),
    ({(1, 1): (1, 2), (2, 2): (1, 2)}, "the accuracy matrix goes up to task 2 but has nothing after task 2 on task 1",
     "give complete rows; rows may be missing only at the end, or all but the last"),
    ({**cells_of([1], [1, 1, 1])}, "the accuracy matrix goes up to task 3 but has nothing after task 2 on task 1",
     "give complete rows; rows may be missing only at the end, or all but the last"),
    ({**cells_of([1, 1], [1, 1, 1])}, "the accuracy matrix goes up to task 3 but has nothing after task 1 on task 1",
     "give complete rows; rows may be missing only at the end, or all but the last"),
    ({(3, 1): (1, 2), (3, 3): (1, 2)}, "the accuracy matrix goes up to task 3 but has nothing after task 3 on task 2",
     "give complete rows; rows may be missing only at the end, or all but the last"),
    ({(1, 1): (1, 2), (2, 1): (1, 3), (2, 2): (1, 2)},
     "task 1 was tested on 2 samples earlier and on 3 after task 2", "compare accuracies on the same test set"),
])
def test_a_matrix_that_cannot_be_is_refused(cells: Cells, message: str, hint: str) -> None:
    with pytest.raises(StateError) as refused:
        AccuracyMatrix.of(cells)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_an_impossible_reference_is_refused_even_where_it_is_not_needed() -> None:
    with pytest.raises(StateError, match=naming(5, 4, "task 1")):
        AccuracyMatrix.of(cells_of([90])).forward_transfer({1: (5, 4)})


def test_a_matrix_is_a_value() -> None:
    matrix = AccuracyMatrix.of(FORGETFUL)
    assert matrix == AccuracyMatrix.of(dict(reversed(FORGETFUL.items()))) and hash(matrix) == hash(AccuracyMatrix.of(FORGETFUL))
    assert pickle.loads(pickle.dumps(matrix)) == matrix
    with pytest.raises(dataclasses.FrozenInstanceError):
        matrix.first = 2  # type: ignore[misc]  # refused at run time is the point


@st.composite
def matrices(draw: st.DrawFn) -> Cells:
    tasks = draw(st.integers(1, 6))
    totals = [draw(st.integers(1, 10_000)) for _ in range(tasks)]
    return {(after, on): (draw(st.integers(0, totals[on - 1])), totals[on - 1])
            for after in range(1, tasks + 1) for on in range(1, after + 1)}


@given(cells=matrices())
def test_the_metrics_are_what_their_formulas_say(cells: Cells) -> None:
    matrix, last = AccuracyMatrix.of(cells), max(after for after, _ in cells)
    accuracy = {cell: Fraction(*counts) for cell, counts in cells.items()}
    assert last * matrix.average_accuracy() == sum(accuracy[last, on] for on in range(1, last + 1))
    assert matrix.tasks == last
    backward, forgetting = matrix.backward_transfer(), matrix.forgetting()
    if last == 1:
        assert backward is None and forgetting is None
        return
    assert backward is not None and forgetting is not None
    assert backward * (last - 1) == 100 * sum(accuracy[last, on] - accuracy[on, on] for on in range(1, last))
    assert forgetting * (last - 1) == 100 * sum(max(accuracy[after, on] for after in range(on, last)) - accuracy[last, on]
                                                for on in range(1, last))
    assert -100 <= backward <= 100
    assert -backward <= forgetting <= 100  # the best before the last task is at least what it was when it was learnt


@given(cells=matrices())
def test_constant_columns_mean_that_nothing_is_forgotten(cells: Cells) -> None:
    constant = {(after, on): cells[on, on] for after, on in cells}
    matrix = AccuracyMatrix.of(constant)
    assert matrix.backward_transfer() == matrix.forgetting() == (None if matrix.tasks == 1 else 0)
    assert matrix.average_accuracy() == matrix.learning_accuracy()


@given(cells=matrices(), done=st.integers(1, 6))
def test_a_run_that_has_not_ended_has_the_metrics_of_its_rows_so_far(cells: Cells, done: int) -> None:
    so_far = {cell: counts for cell, counts in cells.items() if cell[0] <= done}
    whole, part = AccuracyMatrix.of(cells), AccuracyMatrix.of(so_far)
    assert part.average_accuracy() == whole.average_accuracy(after=part.tasks)
    assert part.rows == whole.rows[:part.tasks]


@given(cells=matrices())
def test_references_equal_to_the_diagonal_mean_no_forward_transfer(cells: Cells) -> None:
    matrix = AccuracyMatrix.of(cells)
    alone = {on: counts for (after, on), counts in cells.items() if after == on}
    assert matrix.forward_transfer(alone) == ForwardTransfer(None if matrix.tasks == 1 else Fraction(0), ())


def test_all_numbers_of_a_run_as_floats() -> None:
    matrix = AccuracyMatrix.of(FORGETFUL)
    assert run_metrics(matrix, {2: (90, 100), 3: (97, 100)}) == RunMetrics(3, 0.84, 0.94, -15.0, 15.0, 2.5, ())
    assert run_metrics(matrix) == RunMetrics(3, 0.84, 0.94, -15.0, 15.0, None, (2, 3))
    assert run_metrics(AccuracyMatrix.of(cells_of([90, 80]))) == RunMetrics(2, 0.85, None, None, None, None, ())
    assert all(not isinstance(value, Fraction) for value in dataclasses.astuple(run_metrics(matrix)))


def test_the_graceful_loss_is_what_a_task_gave_up_at_its_own_commit() -> None:
    stages = [CommittedStage(2, 9_700, 9_650, 10_000), CommittedStage(1, 490, 488, 500)]
    assert graceful_loss(stages) == GracefulLoss(((1, Fraction(4, 10)), (2, Fraction(1, 2))), Fraction(45, 100))


def test_fine_tuning_can_win_back_more_than_was_lost() -> None:
    assert graceful_loss_points(CommittedStage(1, 90, 91, 100)) == -1


def test_without_a_commit_there_is_no_mean_loss() -> None:
    assert graceful_loss([]) == GracefulLoss((), None)


def test_a_graceful_loss_of_impossible_counts_or_two_commits_is_refused() -> None:
    with pytest.raises(StateError, match=naming(101, 100, "task 3")):
        graceful_loss([CommittedStage(3, 101, 90, 100)])
    with pytest.raises(StateError, match=naming("-1", 100, "task 3")):
        graceful_loss([CommittedStage(3, 90, -1, 100)])
    with pytest.raises(StateError) as refused:
        graceful_loss([CommittedStage(1, 90, 89, 100), CommittedStage(1, 90, 88, 100)])
    assert (refused.value.message, refused.value.hint) == ("task 1 has two commits", "give the commits of one run")
