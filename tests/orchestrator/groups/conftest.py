"""A group as its drivers would have left it, written by hand: two runs that are completed, one that is stopped."""

from pathlib import Path

import pytest

from clnp_core.values import TaskResult
from db.engine import open_database
from db.liveness import this_owner
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver.launch import new_run
from orchestrator.runs.location import Place
from tests.db.builders import Driver, commit
from tests.orchestrator.cli.conftest import TINY


def place_in(folder: Path) -> Place:
    """Where a command that is typed in ``folder`` looks."""
    return Place.of(f"sqlite:///{folder}/.clnp/clnp.db", str(folder / ".clnp" / "artifacts"))


def write_group(place: Place, tasks_committed: dict[int, int]) -> None:
    """Record the group ``tiny`` of two tasks, with so many tasks of each seed committed. Nobody drives it. A run of an
    even seed has 240 of 300 test samples right on each task, one of an odd seed 270."""
    engine = open_database(place.url, create=True)
    try:
        store = Store(engine)
        configs = Config.parse({**TINY, "seeds": list(tasks_committed)}).of_each_seed("tiny")
        store.create_group("tiny", [new_run(config.name, config) for config in configs])
        for config in configs:
            driver = Driver(store, store.acquire_lease(config.name, this_owner(), 60.0))
            for task in range(1, tasks_committed[config.seed] + 1):
                driver.select(task)
                right = 240 + 30 * (config.seed % 2)
                cells = tuple(TaskResult(on, right, 300, f"logits-{on}", 90, 100) for on in range(1, task + 1))
                store.record_commit(driver.lease, task, commit(task, evaluations=cells))
            store.release_lease(driver.lease)
    finally:
        engine.dispose()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A database with the group: runs of seeds 0 and 1 completed, that of seed 2 stopped after its first task."""
    found = place_in(tmp_path)
    write_group(found, {0: 2, 1: 2, 2: 1})
    return found
