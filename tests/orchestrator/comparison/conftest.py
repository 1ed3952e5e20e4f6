"""Runs of several methods, written by hand."""

import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.records import EvaluationRecord
from db.session import open_database
from db.store import Store
from tests.db.builders import Driver, commit


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{tmp_path / 'runs.db'}", create=True)


def learnt(engine: Engine, name: str, seed: int, rows: list[list[int]], tasks: int | None = None, method: str = "clnp",
           group: str | None = None) -> None:
    """A run with these counts of 300 test samples: a row for each commit."""
    driver = Driver.of_new_run(Store(engine), name=name, seed=seed, tasks=tasks or len(rows), method=method, group=group)
    for task, row in enumerate(rows, start=1):
        driver.select(task)
        cells = tuple(EvaluationRecord(on, correct, 300, f"{name}-{task}-{on}", correct // 3, 100)
                      for on, correct in enumerate(row, start=1))
        driver.store.record_commit(driver.lease, task, dataclasses.replace(
            commit(task), digest=f"{name}-{task}", evaluations=cells, val_correct=180, val_total=200))
    driver.store.release_lease(driver.lease)
