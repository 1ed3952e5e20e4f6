"""What each margin would have bought."""

from decimal import Decimal

from orchestrator.figures.margins import ACCURACY, EXACT, FREE_NEURONS, FROM_CURVES, margins_figure
from orchestrator.what_if.asking import MarginPoint
from tests.orchestrator.figures.rows import checked, data_of


def test_points_come_in_the_order_of_their_margins_and_say_how_they_are_known() -> None:
    points = [MarginPoint(1, Decimal(2), 4, 0.93, 30, 0.75, False),
              MarginPoint(1, Decimal("0.5"), 1, 0.95, 20, 0.5, True, True)]
    made = checked(margins_figure(points))
    assert [(row["margin"], row["what"], row["percent"], row["how"], row["chosen"]) for row in data_of(made["layer"][0])] == [
        (0.5, ACCURACY, 95.0, EXACT, 1), (0.5, FREE_NEURONS, 50.0, EXACT, 1), (2.0, ACCURACY, 93.0, FROM_CURVES, 4),
        (2.0, FREE_NEURONS, 75.0, FROM_CURVES, 4)]
    assert [row["recorded"] for row in data_of(made["layer"][0])] == [True, True, False, False]
