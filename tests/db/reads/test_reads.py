"""Reads that the contract of the store does not cover: lists, pages, what is not there."""

import pytest
from sqlalchemy import text

from clnp_core.errors import NotFoundError
from db.reads.reads import Reads
from db.sql import run_sql
from db.states import RunState
from db.store.store import Store
from tests.db.builders import ELSEWHERE, Driver, new_run
from tests.messages import naming, tells


class TestRuns:
    def test_are_listed_with_their_states(self, store: Store, reads: Reads) -> None:
        Driver.of_new_run(store, name="running").begin()
        stopped = Driver.of_new_run(store, name="stopped")
        stopped.commit()
        store.release_lease(stopped.lease)
        failed = Driver.of_new_run(store, name="failed")
        failed.store.fail_stage(failed.lease, 1, "reason")
        done = Driver.of_new_run(store, name="done", tasks=1)
        done.commit()
        assert [(run.name, run.state, run.tasks_committed, run.driver_lives) for run in reads.runs()] == [
            ("running", RunState.RUNNING, 0, True), ("stopped", RunState.STOPPED, 1, False),
            ("failed", RunState.FAILED, 0, True), ("done", RunState.COMPLETED, 1, True)]
        assert reads.runs("no such group") == []

    def test_one_whose_heartbeat_has_expired_is_stopped(self, store: Store, reads: Reads) -> None:
        store.create_run(new_run())
        store.acquire_lease("demo", ELSEWHERE, 0.0)
        run = reads.run("demo")
        assert (run.state, run.owner, run.driver_lives) == (RunState.STOPPED, ELSEWHERE, False)

    def test_of_no_database_rows_is_an_empty_list(self, reads: Reads) -> None:
        assert reads.runs() == [] and reads.artifacts() == []


class TestTrials:
    def test_come_by_task_and_number_and_in_pages(self, driver: Driver, reads: Reads) -> None:
        driver.commit(1)
        driver.begin(2, trials=2)
        every = reads.trials("demo")
        assert [(t.task, t.number) for t in every] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
        assert reads.trials("demo", task=2) == every[3:]
        assert reads.trials("demo", limit=2, offset=2) == every[2:4]
        assert reads.trials("demo", offset=3) == every[3:]
        assert reads.trials("demo", task=3) == []

    def test_one_of_them_with_its_verdict(self, driver: Driver, reads: Reads) -> None:
        driver.commit(1)
        driver.begin(2)
        assert [reads.trial("demo", row.task, row.number) for row in reads.trials("demo")] == reads.trials("demo")
        assert reads.trial("demo", 1, 1).verdict is not None and reads.trial("demo", 2, 1).verdict is None

    def test_of_one_run_only(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        other = Driver.of_new_run(driver.store, name="other")
        other.begin(trials=1)
        assert [len(reads.trials(name)) for name in ("demo", "other")] == [3, 1]

    def test_an_unfinished_one_has_no_curve_and_no_history(self, driver: Driver, reads: Reads) -> None:
        driver.begin()
        assert reads.threshold_curve("demo", 1, 0) == [] and reads.trial_history("demo", 1, 0) == []


def test_everything_of_one_task(driver: Driver, reads: Reads) -> None:
    driver.commit(1)
    driver.commit(2)
    assert [s.task for s in reads.selections("demo")] == [1, 2]
    assert [s.task for s in reads.selections("demo", 2)] == [2]
    assert {v.task for v in reads.verdicts("demo", 2)} == {2} and len(reads.verdicts("demo")) == 6
    assert [c.digest for c in reads.commits("demo", 1)] == ["commit-1"]


def test_the_last_event_is_the_last_of_all(driver: Driver, reads: Reads) -> None:
    driver.begin()
    Driver.of_new_run(driver.store, name="other")
    assert reads.last_event("demo") == reads.events("demo")[-1]


def test_of_a_run_that_is_not_there(driver: Driver, reads: Reads) -> None:
    for read in (reads.run, reads.run_state, reads.stages, reads.trials, reads.verdicts, reads.selections, reads.commits,
                 reads.capacity, reads.accuracy_matrix, reads.events, reads.last_event, reads.requests):
        with pytest.raises(NotFoundError) as caught:
            read("demi")
        assert tells(caught.value, "demi")
        with pytest.raises(NotFoundError) as caught:
            read("something else entirely")
        assert tells(caught.value, "clnp ls")


def test_of_a_task_or_trial_that_is_not_there(driver: Driver, reads: Reads) -> None:
    driver.begin()
    for read in (reads.trials, reads.verdicts, reads.selections, reads.commits):
        with pytest.raises(NotFoundError, match=naming("demo", "task 9")):
            read("demo", 9)
    for of_trial in (reads.trial, reads.trial_history, reads.threshold_curve):
        with pytest.raises(NotFoundError, match=naming("task 1", "demo", "trial 9")):
            of_trial("demo", 1, 9)


def test_unknown_json_is_null_for_sql_too(driver: Driver, url: str) -> None:
    driver.begin()
    found = run_sql("SELECT count(*) FROM clnp_stages WHERE environment IS NULL", url).rows
    assert found == ((2,),) and run_sql("SELECT count(*) FROM clnp_runs WHERE environment IS NULL", url).rows == ((1,),)


def test_what_is_read_together_is_of_one_moment(reads: Reads, store: Store) -> None:
    """A run that appears between two statements of one transaction is in neither."""
    with reads._session() as session:
        before = session.scalar(text("SELECT count(*) FROM clnp_runs"))
        store.create_run(new_run("meanwhile"))
        assert session.scalar(text("SELECT count(*) FROM clnp_runs")) == before
    assert [row.name for row in reads.runs()][-1] == "meanwhile"
