"""The heat map shows every cell in percent and exaggerates nothing."""

import pytest

from orchestrator.figures.accuracy import accuracy_figure, lowest
from orchestrator.figures.drawing import svg
from tests.orchestrator.figures.rows import accuracy, checked, data_of, triangle


def test_a_cell_for_every_pair_that_was_evaluated_in_percent() -> None:
    made = checked(accuracy_figure([accuracy(1, 1, 969), accuracy(2, 1, 968), accuracy(2, 2, 1000)]))
    for layer in made["layer"]:
        assert [(row["after"], row["on"], row["accuracy"]) for row in data_of(layer)] == [
            (1, 1, pytest.approx(96.9)), (2, 1, pytest.approx(96.8)), (2, 2, 100.0)]
    assert data_of(made["layer"][0])[0]["correct"] == "969 of 1,000"


@pytest.mark.parametrize(("worst", "low"), [(999, 90), (900, 90), (899, 80), (512, 50), (99, 0), (0, 0)])
def test_the_scale_begins_at_the_ten_below_the_worst_cell(worst: int, low: int) -> None:
    cells = [accuracy(1, 1, worst), accuracy(2, 2, 1000)]
    assert lowest(cells) == low
    assert checked(accuracy_figure(cells))["layer"][0]["encoding"]["color"]["scale"]["domain"] == [low, 100]


def test_the_numbers_stand_in_the_picture_and_are_shorter_where_cells_are_narrow() -> None:
    few = accuracy_figure(triangle(3))
    assert "980.0" not in svg(few) and ">98.00<" in svg(few)
    many = accuracy_figure(triangle(18))
    assert ">98.0<" in svg(many) and ">98.00<" not in svg(many)


def test_fifty_tasks_have_lower_rows_than_five() -> None:
    def step(tasks: int) -> float:
        return float(checked(accuracy_figure(triangle(tasks)))["height"]) / tasks

    assert step(5) > step(20) > step(50) >= 15
