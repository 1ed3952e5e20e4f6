"""Recorded rows by hand, and what a test looks at in a chart."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clnp_core.selection import SelectionRule
from clnp_core.values import LayerCapacity
from db.rows import AccuracyRow, EpochRow, SelectionRow, ThresholdRow
from orchestrator.figures.chart import specification

if TYPE_CHECKING:
    from orchestrator.figures.chart import Chart


def accuracy(after_task: int, on_task: int, correct: int) -> AccuracyRow:
    """A cell of 1,000 test samples."""
    return AccuracyRow(after_task, on_task, correct, 1000, correct / 1000, "digest")


def triangle(tasks: int) -> list[AccuracyRow]:
    """The matrix of so many tasks."""
    return [accuracy(after, on, 990 - 10 * (on % 7)) for after in range(1, tasks + 1) for on in range(1, after + 1)]


def capacity(task: int, layer: int, total: int, used: int, new: int, reused: int) -> LayerCapacity:
    """A layer after a task."""
    return LayerCapacity(task, layer, total, used, new, reused, total - used)


def epoch(number: int, loss: float | None = 0.5) -> EpochRow:
    """One epoch of 200 validation samples."""
    return EpochRow(1, number, loss, 0.25, 150 + number, 200, (150 + number) / 200, 1.0)


def threshold(position: int, value: float, correct: int, free: int) -> ThresholdRow:
    """A point of a curve of 200 validation samples and 40 neurons."""
    return ThresholdRow(position, value, correct, correct / 200, free, free / 40)


def selection(**changes: Any) -> SelectionRow:
    """Trial 1 of three, margin 1 point of 200 samples: 188 are required."""
    values: dict[str, Any] = {
        "task": 1, "chosen": 1, "picked": (0, 1), "best_val_correct": 190, "val_total": 200, "margin_points": "1",
        "thresholds": (0.25, None), "pruned_val_correct": 188, "free_neurons": 30, "hidden_total": 40, "reason": "sparsest",
        "scan_seconds": 1.0, "rule": SelectionRule.SPARSEST, "capacity_weight_points": None, "created_at": datetime.now(UTC)}
    return SelectionRow(**{**values, **changes})


def checked(chart: "Chart") -> dict[str, Any]:
    """The chart's specification, held against Vega-Lite's schema."""
    chart.to_dict(validate=True)
    made = specification(chart)
    assert "config" not in made and "background" not in made
    assert made["width"] > 0 and not any("width" in layer for layer in made["layer"])  # one view: its width can follow a page
    _hand_down(made, made.get("datasets", {}))
    return made


def _hand_down(made: dict[str, Any], datasets: dict[str, Any]) -> None:
    """Every layer gets the rows that it names, or that all layers of its group share."""
    if "name" in made.get("data", {}):
        made["data"] = {"values": datasets[made["data"]["name"]]}
    for layer in made.get("layer", []):
        if "data" in made:
            layer.setdefault("data", made["data"])
        _hand_down(layer, datasets)


def data_of(layer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that a layer carries."""
    values: list[dict[str, Any]] = layer["data"]["values"]
    return values
