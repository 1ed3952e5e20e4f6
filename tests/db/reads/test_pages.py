"""Pages of runs, trials and verdicts, on both databases."""

import os
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session

from clnp_core.errors import NotFoundError
from clnp_core.selection import Verdict
from db.liveness import this_host, this_owner
from db.reads.pages import RECENT_TRIALS, Pages, RunFilter, RunningTrial, TrialOrder
from db.records import Owner, TrialFailure
from db.schema.models import Request, Stage
from db.states import FailureKind, RequestKind, RunState, StageState, TrialState, derive_run_state
from db.store.run_writes import insert_run
from db.store.store import Store
from tests.db.builders import ELSEWHERE, Driver, epoch, new_run
from tests.messages import naming, tells

ALL = RunFilter()


@pytest.fixture
def pages(engine: Engine) -> Pages:
    """The reads of a service."""
    return Pages(engine)


def test_a_run_tells_how_far_it_is(pages: Pages, driver: Driver) -> None:
    driver.commit()
    driver.begin(2)
    driver.finish(0, 2)
    driver.start(1, 2)
    snapshot = pages.snapshot("demo")
    assert snapshot.run == pages.run("demo")
    assert [(stage.task, stage.state, stage.trials_ended, stage.trials_planned) for stage in snapshot.stages] == [
        (1, StageState.COMMITTED, 3, 3), (2, StageState.SWEEPING, 1, 3), (3, StageState.PENDING, 0, 0)]
    assert snapshot.stages[1].trials_running == 1 and snapshot.stages[0].sweep_ended_at is not None
    assert snapshot.mean_test_accuracy == pytest.approx(289 / 300)
    assert len(snapshot.recent) == 1 and snapshot.recent[0].started_at <= snapshot.recent[0].finished_at
    driver.store.release_lease(driver.lease)
    assert pages.snapshot("demo").recent == ()
    with pytest.raises(NotFoundError, match=naming("dem")):
        pages.snapshot("dem")


def test_the_latest_trials_of_the_last_task_that_trained_any(pages: Pages, driver: Driver) -> None:
    driver.begin(1, RECENT_TRIALS + 2)
    for number in range(RECENT_TRIALS + 2):
        driver.finish(number, val_correct=180)
    recent = pages.snapshot("demo").recent
    assert len(recent) == RECENT_TRIALS
    assert [each.finished_at for each in recent] == sorted((each.finished_at for each in recent), reverse=True)


def test_running_trials_and_their_last_epochs(pages: Pages, driver: Driver) -> None:
    driver.begin(1, 4)
    assert pages.running_trials("demo") == []
    driver.finish(0)
    driver.start(1)
    driver.start(2)
    driver.store.trial_epochs(driver.lease, 1, 2, [epoch(1), epoch(2, 100)])
    assert pages.running_trials("demo") == [RunningTrial(1, 1, 1, None, None), RunningTrial(1, 2, 1, 2, 0.5)]
    driver.start(2)
    assert pages.running_trials("demo")[1] == RunningTrial(1, 2, 2, None, None)


def test_a_driver_begins_until_something_is_recorded_of_the_run(pages: Pages, driver: Driver) -> None:
    assert pages.snapshot("demo").driver_begins
    driver.begin()
    assert not pages.snapshot("demo").driver_begins
    driver.store.release_lease(driver.lease)
    assert not pages.snapshot("demo").driver_begins


def test_runs_come_newest_first_and_are_counted_beyond_their_page(pages: Pages, driver: Driver) -> None:
    for name in ("a_b", "axb", "Bench"):
        driver.store.create_run(new_run(name, group="seeds" if name == "axb" else None))
    page = pages.snapshots(ALL, 2, 1)
    assert [each.run.name for each in page.items] == ["axb", "a_b"] and page.total == 4
    assert pages.snapshots(ALL, 5, 4) .items == ()
    named = {"a_b": "A_B", "Bench": "ENC"}
    for name, part in named.items():
        assert [each.run.name for each in pages.snapshots(RunFilter(name=part), 9, 0).items] == [name]
    assert [each.run.name for each in pages.snapshots(RunFilter(group="seeds"), 9, 0).items] == ["axb"]
    assert pages.snapshots(RunFilter(method="clnp", benchmark="permuted-digits"), 9, 0).total == 4
    assert pages.snapshots(RunFilter(method="joint"), 9, 0).total == 0


LEASES: dict[str, tuple[Owner | None, float, timedelta]] = {
    "nobody": (None, 600.0, timedelta()),
    "this process": (this_owner(), 600.0, timedelta()),
    "another machine": (ELSEWHERE, 600.0, timedelta()),
    "a killed process": (Owner(this_host(), os.getpid(), 1_000_000_000.0, "long ago"), 600.0, timedelta()),
    "an expired one": (ELSEWHERE, 600.0, -timedelta(seconds=601)),
    "a clock set back": (ELSEWHERE, 600.0, timedelta(seconds=700)),
}
"""Who holds a run, for how many seconds after a heartbeat, and when that was."""


def test_a_run_has_one_state_in_python_on_pages_and_in_the_view(pages: Pages, engine: Engine, store: Store) -> None:
    wanted: dict[str, RunState] = {}
    cases = product(StageState, (StageState.COMMITTED, StageState.PENDING, StageState.FAILED), (False, True), LEASES)
    with Session(engine) as session, session.begin():
        now = datetime.now(UTC)
        for number, (first, second, cancelled, lease) in enumerate(cases):
            owner, seconds, beat = LEASES[lease]
            run = insert_run(session, new_run(f"run-{number}", tasks=2))
            if owner is not None:
                run.owner_host, run.owner_pid, run.owner_process_started, run.owner_driver_id = (
                    owner.host, owner.pid, owner.process_started, owner.driver_id)
                run.lease_ttl_seconds, run.heartbeat_at = seconds, now + beat
            if cancelled:
                session.add(Request(run_id=run.id, kind=RequestKind.CANCEL, details={}, requested_at=now))
            for task, state in ((1, first), (2, second)):
                failed_from = StageState.PENDING if state is StageState.FAILED else None
                session.execute(update(Stage).where(Stage.run_id == run.id, Stage.task == task)
                                .values(state=state, failed_from=failed_from))
            leased = lease in ("this process", "another machine", "a killed process")
            wanted[run.name] = derive_run_state([first, second], cancelled, leased)
    rows = {run.name: run for run in pages.runs()}
    assert {name: run.state for name, run in rows.items()} == wanted
    with engine.connect() as connection:
        view = {run: (state, committed) for run, state, committed in connection.execute(
            text("SELECT run, state, tasks_committed FROM clnp_v_runs"))}
    assert view == {name: (run.state.value, run.tasks_committed) for name, run in rows.items()}
    counted = pages.runs_by_state()
    for state in RunState:
        names = {name for name, of in wanted.items() if of is state}
        page = pages.snapshots(RunFilter(state=state), 1000, 0)
        assert {each.run.name for each in page.items} == names and page.total == len(names) == counted.get(state, 0)
    lost = {name for name, run in rows.items() if run.lost_its_driver}
    assert lost and all(rows[name].owner == LEASES["a killed process"][0] for name in lost)


def test_one_stage_for_all_tasks_commits_all_of_them(pages: Pages, engine: Engine, store: Store) -> None:
    driver = Driver.of_new_run(store, first_task=3)
    assert (pages.run("demo").first_task, pages.run("demo").tasks_committed) == (3, 0)
    driver.commit(3)
    run = pages.snapshot("demo").run
    assert (run.state, run.tasks, run.tasks_committed) == (RunState.COMPLETED, 3, 3)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT state, tasks_committed FROM clnp_v_runs")).one() == ("completed", 3)
    for read in (pages.trials, pages.selections, pages.stage):
        with pytest.raises(NotFoundError) as missing:
            read("demo", 1)
        assert tells(missing.value, "demo", 1, 3, "task 1", "task 3")
    with pytest.raises(NotFoundError, match=naming("demo", "task 4", "task 3")):
        pages.stage("demo", 4)


def test_trials_are_filtered_ordered_and_counted(pages: Pages, driver: Driver) -> None:
    driver.commit()
    driver.begin(2, 5)
    for number in (3, 1, 0):
        driver.finish(number, 2, val_correct=150 + number % 2)
    driver.start(2, 2)
    driver.store.trial_failed(driver.lease, 2, 2, TrialFailure(FailureKind.DIVERGED, "not a number"))

    def numbers(order: TrialOrder, task: int = 2, **wanted: Any) -> list[int]:
        return [trial.number for trial in pages.trial_page("demo", task, 9, 0, order=order, **wanted).items]

    assert numbers(TrialOrder.NUMBER) == [0, 1, 2, 3, 4] and numbers(TrialOrder.NUMBER_DOWN) == [4, 3, 2, 1, 0]
    assert numbers(TrialOrder.VAL_ACCURACY) == [0, 1, 3, 2, 4] and numbers(TrialOrder.VAL_ACCURACY_DOWN) == [1, 3, 0, 2, 4]
    assert numbers(TrialOrder.FREE_NEURONS_DOWN) == [0, 1, 2, 3, 4]
    assert numbers(TrialOrder.NUMBER, state=TrialState.FAILED) == [2]
    assert numbers(TrialOrder.FREE_NEURONS, 1, verdict=Verdict.SPARSER_ONE_EXISTS) == [0, 2]
    page = pages.trial_page("demo", 2, 2, 2, TrialState.FINISHED)
    assert [trial.number for trial in page.items] == [3] and page.total == 3
    assert list(pages.trial_page("demo", 1, 9, 0).items) == pages.trials("demo", 1)
    assert pages.trials_by_state() == {TrialState.FINISHED: 6, TrialState.FAILED: 1, TrialState.PENDING: 1}
    with pytest.raises(NotFoundError, match=naming("demo", "task 7")):
        pages.trial_page("demo", 7, 9, 0)


def test_verdicts_by_page(pages: Pages, driver: Driver) -> None:
    driver.select()
    page = pages.verdict_page("demo", 1, 2, 1)
    assert list(page.items) == pages.verdicts("demo", 1)[1:3] and page.total == 3
    assert pages.verdict_page("demo", 2, 2, 0).total == 0


def test_versions_change_with_what_they_stand_for(pages: Pages, driver: Driver) -> None:
    seen = [pages.version_of_stage("demo", 1)]
    for step in (driver.begin, lambda: driver.start(0), lambda: driver.finish(1), lambda: driver.finish(2)):
        step()
        seen.append(pages.version_of_stage("demo", 1))
    assert len(set(seen)) == len(seen)
    assert pages.version_of_commits("demo") == ()
