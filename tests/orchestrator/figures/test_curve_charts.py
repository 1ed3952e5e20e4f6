"""Threshold curves and learning curves."""

from orchestrator.figures.chart import svg
from orchestrator.figures.curve_charts import LOSS, learning_figure, threshold_figure
from tests.orchestrator.figures.rows import checked, data_of, epoch, threshold

CURVE = [threshold(0, 0.0, 190, 4), threshold(1, 0.01, 189, 20), threshold(2, 0.5, 188, 30), threshold(3, 2.0, 20, 39)]


def test_accuracy_and_free_neurons_at_every_threshold_in_percent() -> None:
    made = checked(threshold_figure(CURVE))
    assert len(made["layer"]) == 2
    assert [(row["threshold"], row["percent"]) for row in data_of(made["layer"][0])] == [
        (0.0, 95.0), (0.0, 10.0), (0.01, 94.5), (0.01, 50.0), (0.5, 94.0), (0.5, 75.0), (2.0, 10.0), (2.0, 97.5)]


def test_one_line_where_all_layers_share_a_threshold_and_else_one_each() -> None:
    shared = checked(threshold_figure(CURVE, (0.25, 0.25), 0.94))["layer"]
    assert [data_of(layer) for layer in shared[:2]] == [[{"percent": 94.0}], [{"threshold": 0.25, "name": "θ*", "place": 0}]]
    each = checked(threshold_figure(CURVE, (0.25, None, 1.5)))["layer"]
    assert [(row["name"], row["threshold"]) for row in data_of(each[0])] == [("θ* 1", 0.25), ("θ* 3", 1.5)]
    assert len(checked(threshold_figure(CURVE, (None, None)))["layer"]) == 2


def test_a_curve_of_one_point_and_one_without_any_activity_are_drawn() -> None:
    for curve in (CURVE[:1], [threshold(0, 0.0, 190, 4), threshold(1, 0.0, 180, 40)]):
        checked(threshold_figure(curve))
        assert "<svg" in svg(threshold_figure(curve))


def test_a_loss_that_was_not_finite_is_a_gap_and_the_kept_epoch_is_marked() -> None:
    made = checked(learning_figure([epoch(1), epoch(2, None), epoch(3, 0.1)], best_epoch=3))
    accuracy, lost = made["layer"][0]["layer"][0], made["layer"][1]
    assert [(row["epoch"], row["value"], row["kept"]) for row in data_of(accuracy)] == [
        (1, 75.5, False), (2, 76.0, False), (3, 76.5, True)]
    assert [row["value"] for row in data_of(lost) if row["what"] == LOSS] == [0.5, None, 0.1]


def test_a_single_epoch_is_drawn() -> None:
    checked(learning_figure([epoch(1)]))
    assert "<svg" in svg(learning_figure([epoch(1)]))
