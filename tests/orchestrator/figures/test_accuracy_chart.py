"""The heat map shows every cell in percent, in colours that are the same for all runs."""

import xml.etree.ElementTree as ET

import pytest

from orchestrator.figures.accuracy_chart import accuracy_figure
from orchestrator.figures.chart import svg
from tests.orchestrator.figures.rows import accuracy, checked, data_of, triangle


def test_a_cell_for_every_pair_that_was_evaluated_in_percent() -> None:
    made = checked(accuracy_figure([accuracy(1, 1, 969), accuracy(2, 1, 968), accuracy(2, 2, 1000)]))
    for layer in made["layer"]:
        assert [(row["after"], row["on"], row["accuracy"]) for row in data_of(layer)] == [
            (1, 1, pytest.approx(96.9)), (2, 1, pytest.approx(96.8)), (2, 2, 100.0)]
    assert data_of(made["layer"][0])[0]["correct"] == "969 of 1,000"


def test_an_accuracy_has_the_same_colour_in_the_figures_of_all_runs() -> None:
    def ground(worst: int) -> list[str]:
        drawn = svg(accuracy_figure([accuracy(1, 1, worst), accuracy(2, 1, 985), accuracy(2, 2, 420)]))
        return [element.attrib["fill"] for element in ET.fromstring(drawn).iter()
                if element.get("aria-roledescription") == "rect mark"]

    assert ground(999)[1:] == ground(42)[1:]
    assert ground(999)[0] != ground(42)[0] and ground(990)[0] != ground(960)[0]


def test_the_numbers_stand_in_the_picture_and_are_shorter_where_cells_are_narrow() -> None:
    few = accuracy_figure(triangle(3))
    assert "980.0" not in svg(few) and ">98.00<" in svg(few)
    many = accuracy_figure(triangle(18))
    assert ">98.0<" in svg(many) and ">98.00<" not in svg(many)


def test_fifty_tasks_have_lower_rows_than_five() -> None:
    def step(tasks: int) -> float:
        return float(checked(accuracy_figure(triangle(tasks)))["height"]) / tasks

    assert step(5) > step(20) > step(50) >= 15
