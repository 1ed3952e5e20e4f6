"""Where trials stand once they are pruned, and how thousands of them are drawn."""

import dataclasses
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from clnp_core.values import TrialRole
from db.engine import open_database
from db.reads.curves import PrunedPoint
from db.reads.reads import Reads
from orchestrator.figures.chart import svg
from orchestrator.figures.trial_chart import CHOSEN, OPEN, OUTSIDE, WITHIN, PlottedTrial, trial_points, trials_figure
from tests.orchestrator.cli.conftest import Recorded
from tests.orchestrator.figures.rows import checked, data_of, selection


def point(number: int, verdict: str = "outside margin", exact: bool = False, **changes: Any) -> PlottedTrial:
    """A trial at 95 % with three quarters of the neurons free."""
    return dataclasses.replace(PlottedTrial(number, 0.95, 0.75, exact, verdict, "1e-05", 0.001, 0.96), **changes)


def test_a_picked_trial_stands_where_the_selection_pruned_it_and_another_on_its_curve(recorded: Recorded) -> None:
    engine = open_database(f"sqlite:///{recorded.folder / '.clnp' / 'clnp.db'}")
    trials, chosen = Reads(engine).trials("tiny", 1), Reads(engine).selections("tiny", 1)[0]
    engine.dispose()
    found = next(each for each in trial_points(trials, {}) if each.number == chosen.chosen)
    assert (found.exact, found.verdict) == (True, "chosen")
    assert found.sparsity == chosen.free_neurons / chosen.hidden_total
    assert found.val_accuracy == chosen.pruned_val_correct / chosen.val_total
    open_trial = dataclasses.replace(trials[0], verdict=None, free_neurons=None, pruned_val_correct=None)
    other = trial_points([open_trial], {0: PrunedPoint(100, 10)})[0]
    assert (other.exact, other.verdict, other.sparsity) == (False, "finished", 10 / (trials[0].hidden_total or 0))
    assert other.val_accuracy == 100 / (trials[0].val_total or 0)
    assert trial_points([open_trial], {})[0].sparsity == 0
    assert trial_points([dataclasses.replace(trials[0], role=TrialRole.TEACHER)], {}) == [], "a teacher is never chosen"


@pytest.mark.parametrize(("verdict", "exact", "group"), [
    ("chosen", True, CHOSEN), ("sparser one exists", True, WITHIN), ("worse tie", True, WITHIN),
    ("better trade-off exists", True, WITHIN), ("outside margin", False, OUTSIDE), ("finished", False, OPEN)])
def test_groups(verdict: str, exact: bool, group: str) -> None:
    assert point(0, verdict, exact).group == group


def test_the_chosen_one_is_drawn_last_and_the_margin_is_a_band() -> None:
    made = checked(trials_figure([point(1, "chosen", True), point(0), point(2, "worse tie", True)], selection()))
    band, words, marks, _ = made["layer"]
    for layer in (band, words):
        assert data_of(layer) == [{"least": 94.0, "best": 95.0, "words": "within 1 percentage point of the best"}]
    assert [row["number"] for row in data_of(marks)] == [0, 2, 1]
    assert marks["encoding"]["color"]["scale"]["domain"] == [CHOSEN, WITHIN, OUTSIDE]
    assert marks["encoding"]["y"]["scale"]["domain"][0] < 94 and marks["encoding"]["y"]["scale"]["domain"][1] > 95


@pytest.mark.parametrize(("sparsities", "accuracy", "edge", "align"), [
    ((0.2, 0.8), 0.94, "best", "right"), ((0.79, 0.8, 0.2), 0.95, "least", "right"), ((0.79, 0.8, 0.5), 0.94, "best", "right")])
def test_the_words_of_the_band_cover_no_trial(sparsities: tuple[float, ...], accuracy: float, edge: str, align: str) -> None:
    """Trials lie on the lower edge of the band more often than not: pruning goes as far as the margin allows."""
    points = [point(number, "worse tie", True, sparsity=sparsity, val_accuracy=accuracy)
              for number, sparsity in enumerate(sparsities)]
    words = checked(trials_figure([*points, point(9, val_accuracy=0.9, sparsity=0.1)], selection()))["layer"][1]
    assert words["encoding"]["y"]["field"] == edge
    assert words["mark"]["align"] == align


def test_before_the_selection_there_is_no_band_and_one_group() -> None:
    made = checked(trials_figure([point(0, "finished"), point(1, "finished", sparsity=1.0, val_accuracy=1.0)]))
    assert len(made["layer"]) == 2  # marks, and their numbers
    assert [made["layer"][0]["encoding"][axis]["scale"]["domain"][1] for axis in "xy"] == [100, 100]


def test_a_figure_of_one_group_has_marks_in_it() -> None:
    drawn = svg(trials_figure([point(number, "finished", sparsity=number / 50) for number in range(50)]))
    marks = [element.attrib["d"] for element in ET.fromstring(drawn).iter() if element.get("aria-roledescription") == "point"]
    assert len(marks) == 50 and "NaN" not in "".join(marks)
    corners = [tuple(map(float, re.findall(r"-?[0-9.]+", mark))) for mark in marks]
    assert all(max(corner) > 1 for corner in corners)


def _boxes(drawn: str, numbers: list[str]) -> dict[str, tuple[float, float]]:
    """Where the numbers of trials stand that are seen in a picture."""
    found = {}
    for element in ET.fromstring(drawn).iter():
        if element.tag.endswith("text") and element.text in numbers and element.get("aria-roledescription") == "text mark":
            x, y = map(float, re.findall(r"-?[0-9.]+", element.attrib["transform"])[:2])
            if float(element.get("opacity", "1")) > 0:
                found[element.text] = x, y
    return found


def test_trials_have_their_numbers_where_there_is_room() -> None:
    trials = [point(number, sparsity=0.02 * number, val_accuracy=0.9 + 0.002 * (number % 7)) for number in range(40)]
    crowded = [point(number, sparsity=0.5 + 0.0001 * number) for number in range(40, 50)]
    found = _boxes(svg(trials_figure([*trials, *crowded, point(50, "chosen", True)], selection())), list(map(str, range(51))))
    assert len(found) >= 20 and "50" in found and len(found.keys() & set(map(str, range(40, 50)))) <= 2
    places = list(found.values())
    assert not any(abs(x - other) < 10 and abs(y - below) < 8 for at, (x, y) in enumerate(places)
                   for other, below in places[at + 1:])


def test_ticks_have_room_whatever_the_range_is() -> None:
    for trials in ([point(0, sparsity=0.17), point(1, sparsity=0.56)], [point(0, sparsity=0.0)]):
        drawn = ET.fromstring(svg(trials_figure(trials).properties(width=1200)))
        labels = [element.text for element in drawn.iter() if element.tag.endswith("text") and element.text
                  and re.fullmatch(r"[\d.]+", element.text)]
        assert 4 <= len(labels) <= 30


def test_ten_thousand_are_a_canvas_of_small_marks() -> None:
    many = checked(trials_figure([point(number, sparsity=number / 10000) for number in range(10000)]))
    few = checked(trials_figure([point(number) for number in range(10)]))
    assert many["usermeta"] == {"embedOptions": {"renderer": "canvas"}}
    assert len(data_of(many["layer"][0])) == 10000

    def area(made: dict[str, Any]) -> float:
        return float(made["layer"][0]["mark"]["size"]["expr"].split("? ")[1].split(" ")[0])

    assert area(many) < area(few) / 2
