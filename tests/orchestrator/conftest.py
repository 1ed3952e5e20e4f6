"""A small valid configuration, as plain values, for tests to bend; and one real Ray for all of them."""

import copy
import warnings
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def ray_with_logical_gpus() -> Iterator[None]:
    """One real Ray for all tests of a session, with two CPUs and two logical GPUs that nothing computes on."""
    from orchestrator.driver.cluster import quiet_environment

    quiet_environment()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        ray.init(address="local", num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
