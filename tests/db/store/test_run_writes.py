"""Contract: runs, leases, requests, events and removal, the same on SQLite and PostgreSQL."""

import threading
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from clnp_core.errors import BusyError, ConfigError, StateError
from db.reads.reads import Reads
from db.schema.types import Base
from db.states import RequestKind, RunState, StageState
from db.store.store import Store
from tests.db.builders import ARCHITECTURE, Driver, facts, grid, new_run, success
from tests.messages import naming, tells


def rows_left(engine: Engine) -> dict[str, int]:
    with Session(engine) as session:
        counts = {table.name: session.scalar(select(func.count()).select_from(table)) or 0
                  for table in Base.metadata.sorted_tables}
    return {name: count for name, count in counts.items() if count}


class TestCreateRun:
    def test_records_what_it_was_given_and_one_pending_stage_per_task(self, store: Store, reads: Reads) -> None:
        run_id = store.create_run(new_run(group="seeds"))
        run = reads.run("demo")
        assert (run.id, run.name, run.group, run.state, run.tasks, run.seed) == (
            run_id, "demo", "seeds", RunState.STOPPED, 3, 7)
        assert run.config == {"name": "demo", "alpha": [1e-5, 1e-7]}
        assert (run.margin_points, run.config_digest, run.method) == ("0.05", "c0ffee", "clnp")
        assert run.package_versions == {"torch": "2.13.0"} and run.owner is None and not run.driver_lives
        assert [(s.task, s.state) for s in reads.stages("demo")] == [(n, StageState.PENDING) for n in (1, 2, 3)]

    def test_refuses_a_name_that_is_taken(self, store: Store) -> None:
        store.create_run(new_run())
        with pytest.raises(StateError) as caught:
            store.create_run(new_run(seed=8))
        assert tells(caught.value, "demo", "--name", "clnp resume demo")

    def test_of_two_at_once_one_gets_the_name(self, store: Store, reads: Reads) -> None:
        outcomes: list[str] = []
        together = threading.Barrier(4)

        def create() -> None:
            together.wait()
            try:
                store.create_run(new_run(group="all"))
                outcomes.append("created")
            except StateError as error:
                outcomes.append(error.message)

        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["created"] + ["there is a run 'demo' already"] * 3
        assert len(reads.runs()) == 1

    def test_runs_of_one_group_share_it(self, store: Store, reads: Reads) -> None:
        for seed in (1, 2):
            store.create_run(new_run(f"run-{seed}", seed=seed, group="seeds"))
        store.create_run(new_run("alone"))
        assert [run.name for run in reads.runs("seeds")] == ["run-1", "run-2"]
        assert [run.name for run in reads.runs()] == ["run-1", "run-2", "alone"]

    @pytest.mark.parametrize("seed", [-1, 2**63])
    def test_refuses_a_seed_that_no_column_holds(self, seed: int) -> None:
        with pytest.raises(ConfigError, match=naming(seed, "demo", 0, 9223372036854775807)):
            new_run(seed=seed)

    def test_keeps_the_largest_seed_exactly(self, store: Store, reads: Reads) -> None:
        store.create_run(new_run(seed=2**63 - 1))
        assert reads.run("demo").seed == 2**63 - 1


class TestEnvironment:
    def test_a_change_of_it_is_kept(self, driver: Driver, reads: Reads) -> None:
        driver.store.record_environment(driver.lease, {"torch": "2.12", "threads": (1, 2)})
        driver.store.record_environment(driver.lease, {"torch": "2.12", "threads": (1, 2)})
        assert [event.kind for event in reads.events("demo")].count("environment") == 0
        driver.store.record_environment(driver.lease, {"torch": "2.13", "threads": (1, 2)})
        assert reads.run("demo").environment == {"torch": "2.13", "threads": [1, 2]}
        assert reads.events("demo")[-1].details == {
            "before": {"torch": "2.12", "threads": [1, 2]}, "after": {"torch": "2.13", "threads": [1, 2]}}


class TestRequests:
    def test_from_asking_to_the_answer(self, driver: Driver, reads: Reads) -> None:
        asked = driver.store.request("demo", RequestKind.STOP, {"by": "anna"})
        found = driver.store.open_requests(driver.lease.run_id)
        assert [(r.id, r.run, r.kind, r.details, r.answer) for r in found] == [
            (asked, "demo", RequestKind.STOP, {"by": "anna"}, None)]
        driver.store.answer_request(driver.lease, asked, "stopped after task 1")
        driver.store.answer_request(driver.lease, asked, "a second answer")
        assert driver.store.open_requests(driver.lease.run_id) == ()
        assert [r.answer for r in reads.requests("demo")] == ["stopped after task 1"]

    def test_an_open_one_is_not_doubled_but_an_answered_one_is(self, driver: Driver) -> None:
        first = driver.store.request("demo", RequestKind.STOP)
        assert driver.store.request("demo", RequestKind.STOP) == first
        other = driver.store.request("demo", RequestKind.CANCEL)
        assert other != first
        driver.store.answer_request(driver.lease, first, "done")
        assert driver.store.request("demo", RequestKind.STOP) not in (first, other)

    def test_a_cancelled_run_runs_until_its_driver_lets_go(self, driver: Driver, reads: Reads) -> None:
        driver.store.request("demo", RequestKind.CANCEL)
        assert reads.run_state("demo") is RunState.RUNNING
        driver.store.release_lease(driver.lease)
        assert reads.run_state("demo") is RunState.CANCELLED

    def test_another_runs_requests_are_not_mine(self, driver: Driver) -> None:
        driver.store.create_run(new_run("other"))
        asked = driver.store.request("other", RequestKind.STOP)
        assert driver.store.open_requests(driver.lease.run_id) == ()
        driver.store.answer_request(driver.lease, asked, "not mine to answer")
        assert Reads(driver.store._reading).requests("other")[0].answer is None


class TestEvents:
    def test_by_anybody_and_by_the_driver(self, driver: Driver, reads: Reads) -> None:
        last = reads.events("demo")[-1].id
        driver.store.event("demo", "note", "looks good", {"by": "anna"})
        driver.store.event(driver.lease, "note", "half done")
        new = reads.events("demo", after_id=last)
        assert [(e.kind, e.message, e.details) for e in new] == [
            ("note", "looks good", {"by": "anna"}), ("note", "half done", {})]
        assert reads.events("demo", after_id=last, limit=1) == new[:1]

    @pytest.mark.parametrize(("told", "kept"), [
        ("a\x00b", "a\ufffdb"), ("half \ud83d pair", "half ? pair"), ("θ* ≥ ½ 🙂", "θ* ≥ ½ 🙂")])
    def test_keep_text_of_any_origin(self, driver: Driver, reads: Reads, told: str, kept: str) -> None:
        driver.store.event("demo", "note", told, {told: [told]})
        event = reads.events("demo")[-1]
        assert (event.message, event.details) == (kept, {kept: [kept]})

    def test_keep_numbers_that_json_lacks(self, driver: Driver, reads: Reads) -> None:
        values: dict[str, Any] = {"loss": float("nan"), "up": float("inf"), "down": float("-inf"), "rate": 1e-5}
        driver.store.event("demo", "note", "odd", values)
        assert reads.events("demo")[-1].details == {
            "loss": "NaN", "up": "Infinity", "down": "-Infinity", "rate": 1e-5}


class TestRemoveRun:
    def test_refuses_while_a_driver_lives(self, driver: Driver, engine: Engine) -> None:
        before = rows_left(engine)
        with pytest.raises(BusyError, match=naming("demo")):
            driver.store.remove_run("demo")
        assert rows_left(engine) == before

    def test_refuses_while_a_process_of_this_host_lives_whatever_the_clock_says(self, driver: Driver, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE clnp_runs SET heartbeat_at = '2000-01-01 00:00:00'")
        with pytest.raises(BusyError, match=naming("demo")):
            driver.store.remove_run("demo")

    def test_takes_everything_along(self, driver: Driver, engine: Engine) -> None:
        driver.commit(1)
        driver.commit(2)
        driver.begin(3)
        driver.store.request("demo", RequestKind.STOP)
        driver.store.release_lease(driver.lease)
        gone = driver.store.remove_run("demo")
        assert gone == ("commit-1", "commit-2", *(f"task-{t}-trial-{n}" for t in (1, 2) for n in (0, 1, 2)))
        assert rows_left(engine) == {}

    def test_keeps_what_another_run_refers_to(self, driver: Driver, reads: Reads) -> None:
        driver.commit(1)
        other = Driver.of_new_run(driver.store, name="other", group="g")
        other.begin(1)
        other.start(0)
        other.store.trial_finished(other.lease, 1, 0, success(0, artifact_digest="task-1-trial-0"))
        driver.store.release_lease(driver.lease)
        assert driver.store.remove_run("demo") == ("commit-1", "task-1-trial-1", "task-1-trial-2")
        assert [(a.digest, a.runs) for a in reads.artifacts()] == [("task-1-trial-0", ("other",))]
        assert [run.name for run in reads.runs()] == ["other"]

    def test_a_base_that_another_run_builds_on_stays(self, driver: Driver) -> None:
        driver.commit(1)
        driver.commit(2)
        driver.store.release_lease(driver.lease)
        other = Driver.of_new_run(driver.store, name="other")
        other.store.begin_sweep(other.lease, 1, facts(), ARCHITECTURE, "commit-2", grid())
        assert "commit-2" not in driver.store.remove_run("demo")

    def test_the_last_run_of_a_group_takes_the_group_along(self, store: Store, engine: Engine) -> None:
        for name in ("one", "two"):
            store.create_run(new_run(name, group="both"))
        store.remove_run("one")
        assert rows_left(engine)["clnp_run_groups"] == 1
        store.remove_run("two")
        assert rows_left(engine) == {}

    def test_a_driver_of_a_removed_run_learns_of_it(self, store: Store) -> None:
        lease = Driver.of_new_run(store).lease
        store.release_lease(lease)
        store.remove_run("demo")
        with pytest.raises(BusyError, match=naming("demo")):
            store.heartbeat(lease)
