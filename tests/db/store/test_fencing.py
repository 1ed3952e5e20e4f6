"""A driver that was replaced can write nothing: every driver write of the store, against both databases."""

import inspect
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from clnp_core.errors import BusyError
from db.records import Lease, TrialFailure, TrialReport
from db.schema.types import Base
from db.states import FailureKind, StageState
from db.store.store import Store
from tests.db.builders import ARCHITECTURE, ELSEWHERE, Driver, commit, epoch, facts, grid, selection, success, verdicts
from tests.messages import tells

WRITES: dict[str, Callable[[Store, Lease], object]] = {
    "heartbeat": lambda store, lease: store.heartbeat(lease),
    "record_environment": lambda store, lease: store.record_environment(lease, {"torch": "9"}),
    "begin_sweep": lambda store, lease: store.begin_sweep(lease, 2, facts(), ARCHITECTURE, "commit-1", grid()),
    "add_trials": lambda store, lease: store.add_trials(lease, 1, grid(9)),
    "trial_started": lambda store, lease: store.trial_started(lease, 1, 0, "ray", "host", "cpu"),
    "trial_epochs": lambda store, lease: store.trial_epochs(lease, 1, 0, [epoch(1)]),
    "trial_finished": lambda store, lease: store.trial_finished(lease, 1, 0, success(0)),
    "trial_failed": lambda store, lease: store.trial_failed(lease, 1, 0, TrialFailure(FailureKind.LOST, "gone")),
    "trial_reported": lambda store, lease: store.trial_reported(lease, 1, 0, TrialReport((epoch(1),), success(0))),
    "trials_reported": lambda store, lease: store.trials_reported(lease, 1, {0: TrialReport((epoch(1),), success(0))}),
    "release_trials": lambda store, lease: store.release_trials(lease, 1),
    "retry_trials": lambda store, lease: store.retry_trials(lease, 1, set(FailureKind)),
    "reuse_trials": lambda store, lease: store.reuse_trials(lease, 1, []),
    "drop_trial_weights": lambda store, lease: store.drop_trial_weights(lease, 1, {0}),
    "artifacts_restored": lambda store, lease: store.artifacts_restored(lease, ["trial-0"]),
    "end_sweep": lambda store, lease: store.end_sweep(lease, 1),
    "record_selection": lambda store, lease: store.record_selection(lease, 1, selection(), verdicts()),
    "record_commit": lambda store, lease: store.record_commit(lease, 1, commit()),
    "fail_stage": lambda store, lease: store.fail_stage(lease, 1, "reason"),
    "reopen_stage": lambda store, lease: store.reopen_stage(lease, 1, StageState.SWEEPING),
    "deplete_stage": lambda store, lease: store.deplete_stage(lease, 1, "reason"),
    "answer_request": lambda store, lease: store.answer_request(lease, 1, "answer"),
    "event": lambda store, lease: store.event(lease, "note", "still here"),
}


def contents(engine: Engine) -> dict[str, list[object]]:
    with Session(engine) as session:
        return {table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
                for table in Base.metadata.sorted_tables}


def test_no_driver_write_is_forgotten_here() -> None:
    with_lease = {name for name, method in inspect.getmembers(Store, inspect.isfunction)
                  if not name.startswith("_") and any("Lease" in str(p.annotation) for p in
                                                      inspect.signature(method).parameters.values())}
    # release_lease of a lost lease does nothing, and says so; reusable_trials only reads
    assert with_lease == {*WRITES, "release_lease", "reusable_trials"}


def test_a_driver_that_was_replaced_writes_nothing(driver: Driver, engine: Engine) -> None:
    driver.begin()
    driver.start(0)
    expired = driver.store.acquire_lease("demo", driver.lease.owner, 60.0)
    driver.store.acquire_lease("demo", ELSEWHERE, 0.0)
    before = contents(engine)
    for name, write in WRITES.items():
        for lease in (driver.lease, expired):
            with pytest.raises(BusyError) as caught:
                write(driver.store, lease)
            assert tells(caught.value, "demo", 4711), name
        assert contents(engine) == before, name
