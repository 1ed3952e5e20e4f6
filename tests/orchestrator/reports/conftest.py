"""A real run and a hostile one, gathered for a report; and runs of several methods, written by hand."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from clnp_core.values import TaskResult
from db.engine import open_database
from db.liveness import this_owner
from db.reads.reads import Reads
from db.records import NewRun
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.reports.report_data import Gathered, gather
from tests.db.builders import ARCHITECTURE, Driver, commit, facts, grid, selection, verdicts
from tests.orchestrator.cli.conftest import TINY, Recorded, Written, recorded

__all__ = ["recorded"]

EVIL = "</script><script>alert(1)</script>&\"'<!--"


@pytest.fixture
def reads(recorded: Recorded) -> Iterator[Reads]:
    """Of the real run ``tiny``."""
    engine = open_database(f"sqlite:///{recorded.folder / '.clnp' / 'clnp.db'}")
    yield Reads(engine)
    engine.dispose()


@pytest.fixture
def tiny(reads: Reads) -> Gathered:
    """The real run ``tiny``, two tasks of two trials."""
    return gather(reads, "tiny")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Callable[[], Gathered]]:
    """A run whose every text would be markup, with one trial that has a result, and which has failed."""
    engine = open_database(f"sqlite:///{tmp_path / 'evil.db'}", create=True)
    store = Store(engine)
    config = {**Config.parse({**TINY, "name": "evil"}).resolved(), "note": EVIL}
    store.create_run(NewRun(EVIL, config, "digest", 0, EVIL, 2, "2", EVIL, {EVIL: EVIL}))
    run = Written(store, store.acquire_lease(EVIL, this_owner(), 60.0))
    run.begin(trials=2)
    run.finish(0)
    store.fail_stage(run.lease, 1, EVIL)
    run.let_go()
    yield lambda: gather(Reads(engine), EVIL)
    engine.dispose()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{tmp_path / 'runs.db'}", create=True)


def learnt(engine: Engine, name: str, seed: int, rows: list[list[int]], tasks: int | None = None, method: str = "clnp",
           group: str | None = None, split: str = "split", first_task: int = 1, **benchmark: Any) -> None:
    """A run with these counts of 300 test samples: a row for each commit. ``split`` is the digest of every task's data,
    ``first_task`` the first that has a stage; the rest is what the config says of the benchmark."""
    config = {"name": name, "benchmark": {"name": "permuted-digits", "tasks": tasks or len(rows), **benchmark}}
    driver = Driver.of_new_run(Store(engine), name=name, seed=seed, tasks=tasks or len(rows), method=method, group=group,
                               config=config, first_task=first_task)
    for task, row in enumerate(rows, start=first_task):
        _select(driver, task, split)
        cells = tuple(TaskResult(on, correct, 300, f"{name}-{task}-{on}", correct // 3, 100)
                      for on, correct in enumerate(row, start=1))
        driver.store.record_commit(driver.lease, task, dataclasses.replace(
            commit(task), digest=f"{name}-{task}", evaluations=cells, val_correct=180, val_total=200))
    driver.store.release_lease(driver.lease)


def _select(driver: Driver, task: int, split: str) -> None:
    """The task is COMMITTING."""
    base = f"commit-{task - 1}" if task > 1 else None
    driver.store.begin_sweep(driver.lease, task, facts(split_digest=split), ARCHITECTURE, base, grid(3, f"task {task} key"))
    for number in range(3):
        driver.finish(number, task)
    driver.store.end_sweep(driver.lease, task)
    driver.store.record_selection(driver.lease, task, selection(), verdicts())
