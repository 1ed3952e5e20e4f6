"""Bars are made of what the rows count, and a widened layer grows."""

import xml.etree.ElementTree as ET

import pytest

from orchestrator.figures.chart import svg
from orchestrator.figures.run_charts import EARLIER, FREE, NEW, REUSED, BarPart, accuracy_figure, capacity_figure, parts
from tests.orchestrator.figures.rows import accuracy, capacity, checked, data_of, triangle

ROWS = [capacity(1, 1, 100, 20, 20, 0), capacity(1, 2, 50, 10, 10, 0),
        capacity(2, 1, 100, 45, 25, 15), capacity(2, 2, 80, 80, 70, 10)]


def test_parts_lie_on_each_other_from_reused_to_free_and_none_is_empty() -> None:
    assert [part for part in parts(ROWS) if (part.task, part.layer) == (2, 1)] == [
        BarPart(2, 1, REUSED, 15, 100, 0.0, 0.15), BarPart(2, 1, EARLIER, 5, 100, 0.15, 0.2), BarPart(2, 1, NEW, 25, 100, 0.2,
                                                                                                      0.45),
        BarPart(2, 1, FREE, 55, 100, 0.45, 1.0)]
    assert [(part.kind, part.neurons) for part in parts(ROWS) if (part.task, part.layer) == (1, 1)] == [(NEW, 20), (FREE, 80)]


def test_a_layer_that_is_widened_grows_to_its_full_height() -> None:
    heights = {task: max(part.high for part in parts(ROWS) if (part.task, part.layer) == (task, 2)) for task in (1, 2)}
    assert heights == {1: 50 / 80, 2: 1.0}
    assert sum(part.neurons for part in parts(ROWS) if (part.task, part.layer) == (2, 2)) == 80


def test_a_panel_per_layer_the_first_on_top_in_one_view() -> None:
    made = checked(capacity_figure(ROWS))
    bars, names = made["layer"]
    assert [row["name"] for row in data_of(names)] == ["layer 1: 100 neurons", "layer 2: 80 neurons, from 50"]
    floors = {layer: min(row["low"] for row in data_of(bars) if row["layer"] == layer) for layer in (1, 2)}
    assert floors[1] > 1 and floors[2] == 0
    told = next(row for row in data_of(bars) if (row["task"], row["layer"], row["kind"]) == (2, 1, NEW))
    assert (told["count"], told["percent"]) == ("25 of 100", 25.0)


def test_every_panel_has_an_axis_from_0_to_100() -> None:
    drawn = svg(capacity_figure([capacity(1, layer, 10, 5, 5, 0) for layer in range(1, 8)]))
    assert [drawn.count(f">{value}</text>") for value in (0, 50, 100)] == [7, 7, 7]


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
