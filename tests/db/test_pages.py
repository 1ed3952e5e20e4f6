"""Pages of runs, trials and verdicts, on both databases."""

from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from clnp_core.errors import NotFoundError
from clnp_core.selection import Verdict
from db.models import Run, Stage
from db.pages import RECENT_TRIALS, Pages, RunFilter, RunningTrial, TrialOrder
from db.records import TrialFailure
from db.states import FailureKind, RequestKind, RunState, StageState, TrialState, derive_run_state
from tests.db.builders import Driver, epoch, new_run

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
    standing = pages.standing("demo")
    assert standing.run == pages.run("demo")
    assert [(stage.task, stage.state, stage.trials_ended, stage.trials_planned) for stage in standing.stages] == [
        (1, StageState.COMMITTED, 3, 3), (2, StageState.SWEEPING, 1, 3), (3, StageState.PENDING, 0, 0)]
    assert standing.stages[1].trials_running == 1 and standing.stages[0].sweep_ended_at is not None
    assert standing.mean_test_accuracy == pytest.approx(289 / 300)
    assert len(standing.recent) == 1 and standing.recent[0].started_at <= standing.recent[0].finished_at
    driver.store.release_lease(driver.lease)
    assert pages.standing("demo").recent == ()
    with pytest.raises(NotFoundError, match="there is no run 'dem'"):
        pages.standing("dem")


def test_the_latest_trials_of_the_last_task_that_trained_any(pages: Pages, driver: Driver) -> None:
    driver.begin(1, RECENT_TRIALS + 2)
    for number in range(RECENT_TRIALS + 2):
        driver.finish(number, val_correct=180)
    recent = pages.standing("demo").recent
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
    assert pages.standing("demo").driver_begins
    driver.begin()
    assert not pages.standing("demo").driver_begins
    driver.store.release_lease(driver.lease)
    assert not pages.standing("demo").driver_begins


def test_runs_come_newest_first_and_are_counted_beyond_their_page(pages: Pages, driver: Driver) -> None:
    for name in ("a_b", "axb", "Bench"):
        driver.store.create_run(new_run(name, group="seeds" if name == "axb" else None))
    page = pages.standings(ALL, 2, 1)
    assert [each.run.name for each in page.items] == ["axb", "a_b"] and page.total == 4
    assert pages.standings(ALL, 5, 4) .items == ()
    named = {"a_b": "A_B", "Bench": "ENC"}
    for name, part in named.items():
        assert [each.run.name for each in pages.standings(RunFilter(name=part), 9, 0).items] == [name]
    assert [each.run.name for each in pages.standings(RunFilter(group="seeds"), 9, 0).items] == ["axb"]
    assert pages.standings(RunFilter(method="clnp", benchmark="permuted-digits"), 9, 0).total == 4
    assert pages.standings(RunFilter(method="joint"), 9, 0).total == 0


def test_the_state_in_sql_is_the_derived_one(pages: Pages, engine: Engine, driver: Driver) -> None:
    driver.store.release_lease(driver.lease)
    wanted: dict[str, RunState] = {}
    cases = product(StageState, (StageState.COMMITTED, StageState.PENDING, StageState.FAILED), (False, True), (False, True))
    for number, (first, second, cancelled, lives) in enumerate(cases):
        name = f"run-{number}"
        driver.store.create_run(new_run(name, tasks=2))
        if cancelled:
            driver.store.request(name, RequestKind.CANCEL)
        if lives:
            Driver(driver.store, driver.store.acquire_lease(name, driver.lease.owner, 600.0))
        with Session(engine) as session, session.begin():
            run = session.query(Run).filter(Run.name == name).one()
            for task, state in ((1, first), (2, second)):
                failed_from: Any = StageState.PENDING if state is StageState.FAILED else None
                session.execute(update(Stage).where(Stage.run_id == run.id, Stage.task == task)
                                .values(state=state, failed_from=failed_from))
        wanted[name] = derive_run_state([first, second], cancelled, lives)
    wanted["demo"] = RunState.STOPPED
    counted = pages.runs_by_state()
    for state in RunState:
        names = {name for name, of in wanted.items() if of is state}
        page = pages.standings(RunFilter(state=state), 1000, 0)
        assert {each.run.name for each in page.items} == names and page.total == len(names) == counted.get(state, 0)
        assert all(each.run.state is state for each in page.items)


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
    with pytest.raises(NotFoundError, match="run 'demo' has no task 7"):
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
