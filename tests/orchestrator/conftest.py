"""A small valid configuration, as plain values, for tests to bend."""

import copy
from typing import Any

import pytest

MINIMAL: dict[str, Any] = {
    "name": "lab-1",
    "benchmark": {"name": "permuted-digits", "tasks": 3},
    "network": {"hidden": [20, 10]},
    "training": {"epochs": 5},
    "sweep": {"alpha": [1e-5, 1e-4], "learning_rate": [0.1, 0.01]},
    "selection": {"margin_points": 1},
}


@pytest.fixture
def values() -> dict[str, Any]:
    """A fresh copy of the smallest configuration that is valid."""
    return copy.deepcopy(MINIMAL)
