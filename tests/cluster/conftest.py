"""Several real raylets, a real PostgreSQL, and drivers that are processes."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machines import Machines, machines
from tests.cluster.runs import Drivers
from tests.db.conftest import _administer, _database, postgres_url

__all__ = ["postgres_url"]

_names = (f"clnp_cluster_{number}" for number in itertools.count())


@pytest.fixture
def drivers(postgres_url: str, tmp_path: Path) -> Iterator[Drivers]:
    """Drivers on a fresh PostgreSQL database and a fresh shared folder."""
    name = next(_names)
    _administer(postgres_url, f"CREATE DATABASE {name}")
    started = Drivers(tmp_path, _database(postgres_url, name), str(tmp_path / "artifacts"))
    yield started
    for driver in started.started:
        driver.kill()
        driver.wait()
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Machines]:
    """A head without a CPU, and two nodes with one each."""
    with machines(tmp_path / "cluster.log") as running:
        yield running
