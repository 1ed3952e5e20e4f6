"""How values read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.render.format import (
    alpha_text,
    bytes_text,
    number_text,
    percent_or_nothing,
    plural,
    points_text,
    ranges,
    seconds_text,
    thresholds_text,
    time_text,
    training_text,
)
from tests.orchestrator.laboratory import small


@pytest.mark.parametrize(("value", "text"), [
    (1e-5, "1e-5"), (0.002, "0.002"), (0.1, "0.1"), (1.0, "1"), (0.0, "0"), (2.5e-7, "2.5e-7"), (1e22, "1e22"), (100.0, "100")])
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_number_is_lost(value: float) -> None:
    assert float(number_text(value)) == value


@pytest.mark.parametrize(("changes", "text"), [
    ({}, ""), ({"milestones": [1]}, ", learning rate x 0.1 after epoch 1"), ({"schedule": "constant"}, ""),
    ({"schedule": "cosine"}, ", learning rate along a cosine to 0"),
    ({"free_window": 1200}, ", at most 1,200 free neurons of each layer"),
    ({"free_window": [9, 9]}, ", at most 9 free neurons of each layer"),
    ({"free_window": [8, 5]}, ", at most 8 and 5 free neurons of the layers")])
def test_a_training_names_its_schedule_and_its_window(changes: dict[str, object], text: str) -> None:
    config = small(training={"epochs": 2, **changes})
    assert training_text(config.resolved()["training"]) == f"adam, batches of {config.training.batch_size}, 2 epochs{text}"


def test_one_alpha_stands_for_equal_ones() -> None:
    assert alpha_text((1e-4, 1e-4, 1e-4)) == "0.0001"
    assert alpha_text((1e-7, 1e-5, 1e-6)) == "1e-7 1e-5 1e-6"


def test_thresholds() -> None:
    assert thresholds_text((0.43551, 0.43551)) == "0.4355"
    assert thresholds_text((0.5, None)) == "0.5 / none"
    assert thresholds_text(None) == thresholds_text(()) == "-"
    assert thresholds_text((None, None)) == "none"


@pytest.mark.parametrize(("numbers", "text"), [
    ([4], "4"), ([0, 1], "0, 1"), ([0, 1, 2, 5], "0 to 2, 5"), ([5, 3, 1], "1, 3, 5"), ([], "")])
def test_ranges(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


def test_points() -> None:
    assert [points_text("1"), points_text("0.05"), points_text("10")] == [
        "1 percentage point", "0.05 percentage points", "10 percentage points"]


def test_percent_durations_sizes_times_and_plurals() -> None:
    assert [percent_or_nothing(1, 3), percent_or_nothing(None, 3), percent_or_nothing(1, None)] == ["33.33", "-", "-"]
    assert [seconds_text(value) for value in (None, 0.04, 89.9, 90, 5400)] == ["-", "0.0 s", "89.9 s", "1.5 min", "1.5 h"]
    assert [bytes_text(value) for value in (0, 999, 1000, 58_300, 5_000_000_000)] == [
        "0 B", "999 B", "1.0 kB", "58.3 kB", "5.0 GB"]
    assert time_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02 03:04:05 UTC"
    assert [plural(1, "task"), plural(0, "task"), plural(2000, "task")] == ["1 task", "0 tasks", "2,000 tasks"]
