"""A run that continues another one."""

import dataclasses
from typing import Any

import pytest

from clnp_core.errors import NotFoundError, StateError
from db.liveness import this_owner
from db.reads.reads import Reads
from db.states import StageState
from tests.db.builders import TTL_SECONDS, Driver, new_run
from tests.messages import naming, tells


def recorded(reads: Reads, run: str, task: int) -> list[Any]:
    """Everything about one task, without the name of its run."""
    trials = [dataclasses.replace(trial, run="") for trial in reads.trials(run, task)]
    return [
        dataclasses.replace(reads.stages(run)[task - 1], run=""), trials,
        [reads.trial_history(run, task, trial.number) for trial in trials],
        [reads.threshold_curve(run, task, trial.number) for trial in trials],
        reads.verdicts(run, task), reads.selections(run, task), reads.commits(run, task),
        [row for row in reads.capacity(run) if row.task == task],
        [row for row in reads.accuracy_matrix(run) if row.after_task == task]]


def test_takes_over_all_up_to_a_task_and_goes_on_alone(driver: Driver, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.store.fork_writes.TRIALS_AT_ONCE", 2)
    driver.commit(1)
    driver.commit(2)
    run_id = driver.store.fork_run("demo", 1, new_run("forked", margin_points="2", tasks=4))
    run = reads.run("forked")
    assert (run.id, run.forked_from, run.forked_after_task, run.margin_points, run.tasks_committed) == (
        run_id, "demo", 1, "2", 1)
    assert recorded(reads, "forked", 1) == recorded(reads, "demo", 1)
    assert [stage.state for stage in reads.stages("forked")] == [StageState.COMMITTED] + [StageState.PENDING] * 3
    before = recorded(reads, "demo", 2)
    forked = Driver(driver.store, driver.store.acquire_lease("forked", this_owner(), TTL_SECONDS))
    forked.begin(2, trials=1)
    forked.finish(0, 2, val_correct=100)
    assert recorded(reads, "demo", 2) == before
    assert [event.message for event in reads.events("forked")][:2] == [
        "created with 4 tasks", "forked from demo after task 1"]


def test_takes_over_the_environment_of_its_tasks_and_its_changes(driver: Driver, reads: Reads) -> None:
    driver.store.record_environment(driver.lease, {"device": "cpu"})
    driver.store.record_environment(driver.lease, {"device": "cuda"})
    driver.commit(1)
    driver.store.fork_run("demo", 1, new_run("before the next change"))
    driver.store.record_environment(driver.lease, {"device": "tpu"})
    driver.store.fork_run("demo", 1, new_run("forked"))
    assert reads.run("before the next change").environment == {"device": "cuda"}
    driver.store.fork_run("demo", 0, new_run("anew"))
    assert reads.run("forked").environment == {"device": "cuda"} and reads.run("anew").environment is None
    assert [event.details["after"] for event in reads.events("forked") if event.kind == "environment"] == [{"device": "cuda"}]


def test_outlives_its_source(driver: Driver, reads: Reads) -> None:
    driver.commit(1)
    before = recorded(reads, "demo", 1)
    driver.store.fork_run("demo", 1, new_run("forked"))
    driver.store.release_lease(driver.lease)
    assert driver.store.remove_run("demo") == ()
    assert recorded(reads, "forked", 1) == before
    assert (reads.run("forked").forked_from, reads.run("forked").forked_after_task) == (None, 1)
    assert "commit-1" in driver.store.remove_run("forked")


def test_after_nothing_is_a_new_run(driver: Driver, reads: Reads) -> None:
    driver.store.fork_run("demo", 0, new_run("forked"))
    assert [stage.state for stage in reads.stages("forked")] == [StageState.PENDING] * 3


@pytest.mark.parametrize(("after", "tasks", "said"), [
    (2, 3, ("task 2", "demo")),
    (9, 10, ("task 9", "demo")),
    (1, 1, ("task 1", "benchmark.tasks=2")),
    (-1, 3, ("3", "task -1")),
])
def test_refusals_leave_no_run_behind(driver: Driver, reads: Reads, after: int, tasks: int, said: tuple[str, ...]) -> None:
    driver.commit(1)
    with pytest.raises(StateError) as caught:
        driver.store.fork_run("demo", after, new_run("forked", tasks=tasks))
    assert tells(caught.value, *said)
    assert [run.name for run in reads.runs()] == ["demo"]


def test_names(driver: Driver) -> None:
    with pytest.raises(StateError, match=naming("demo")):
        driver.store.fork_run("demo", 0, new_run("demo"))
    with pytest.raises(NotFoundError, match=naming("demi")):
        driver.store.fork_run("demi", 0, new_run("forked"))
