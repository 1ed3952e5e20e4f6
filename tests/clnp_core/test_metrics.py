"""Numbers of a whole sequence."""

import pytest

from clnp_core.metrics import average_accuracy, backward_transfer

MATRIX = [[0.9], [0.8, 0.95], [0.7, 0.95, 0.6]]


def test_the_average_is_over_all_tasks_after_the_last_one() -> None:
    assert average_accuracy(MATRIX) == pytest.approx(0.75)
    assert average_accuracy([[0.25]]) == 0.25


def test_backward_transfer_is_what_earlier_tasks_lost_since_their_own_commit() -> None:
    assert backward_transfer(MATRIX) == pytest.approx(((0.7 - 0.9) + 0.0) / 2)


def test_without_forgetting_backward_transfer_is_exactly_zero() -> None:
    assert backward_transfer([[0.1], [0.1, 0.7], [0.1, 0.7, 0.3]]) == 0.0


def test_a_single_task_has_nothing_to_forget() -> None:
    assert backward_transfer([[0.4]]) == 0.0
