"""Methods side by side over seeds."""

from orchestrator.figures.method_charts import methods_figure, usage_figure
from tests.orchestrator.figures.rows import accuracy, capacity, checked, data_of


def test_the_last_row_of_every_run_is_averaged_by_task() -> None:
    runs = {"a-seed-1": [accuracy(1, 1, 100), accuracy(2, 1, 900), accuracy(2, 2, 800)],
            "a-seed-2": [accuracy(1, 1, 100), accuracy(2, 1, 940), accuracy(2, 2, 820)]}
    made = checked(methods_figure({"a": runs, "b": {"b": [accuracy(2, 1, 500), accuracy(2, 2, 600)]}}))
    columns = ("method", "task", "mean", "low", "high", "runs")
    assert [tuple(row[column] for column in columns) for row in data_of(made["layer"][0])] == [
        ("a", 1, 92, 90, 94, 2), ("a", 2, 81, 80, 82, 2), ("b", 1, 50, 50, 50, 1), ("b", 2, 60, 60, 60, 1)]


def test_use_of_a_layer_is_averaged_after_every_task() -> None:
    runs = {"a-seed-1": [capacity(1, 1, 10, 2, 2, 0), capacity(2, 1, 10, 5, 3, 0)],
            "a-seed-2": [capacity(1, 1, 10, 4, 4, 0), capacity(2, 1, 10, 6, 2, 0)]}
    made = checked(usage_figure({"a": runs}))
    assert [(row["layer"], row["task"], row["mean"], row["low"], row["high"]) for row in data_of(made["layer"][0])] == [
        ("layer 1", 1, 30, 20, 40), ("layer 1", 2, 55, 50, 60)]
