"""Weights of trials that were not chosen: which may go, and what is said about it."""

import pytest

from clnp_core.errors import StateError
from db.reads.reads import Reads
from db.store.store import Store
from tests.db.builders import Driver, commit, new_run
from tests.messages import naming


def removed(reads: Reads) -> set[str]:
    return {row.digest for row in reads.artifacts() if row.removed_at is not None}


def test_all_but_those_to_keep_go_and_that_is_recorded_once(driver: Driver, reads: Reads) -> None:
    driver.commit()
    for _ in range(2):
        assert driver.store.drop_trial_weights(driver.lease, 1, {1}) == ("task-1-trial-0", "task-1-trial-2")
    assert removed(reads) == {"task-1-trial-0", "task-1-trial-2"}
    told = [event for event in reads.events("demo") if event.kind == "weights"]
    assert [event.details for event in told] == [{"task": 1, "artifacts": 2, "bytes": 2002}]
    assert [trial.artifact_digest for trial in reads.trials("demo", 1)] == [f"task-1-trial-{n}" for n in range(3)]


def test_nothing_goes_before_the_commit(driver: Driver, reads: Reads) -> None:
    driver.select()
    with pytest.raises(StateError, match=naming("drop_trial_weights", "task 1", "demo", "committing", "committed")):
        driver.store.drop_trial_weights(driver.lease, 1, {1})
    assert removed(reads) == set()


def test_what_else_is_referred_to_stays(driver: Driver, store: Store, reads: Reads) -> None:
    driver.sweep()
    other = Driver.of_new_run(store, name="other")
    other.begin(trials=1)
    other.finish(0)  # the same digest as the first run's trial 0
    from tests.db.builders import selection, verdicts
    store.record_selection(driver.lease, 1, selection(), verdicts())
    store.record_commit(driver.lease, 1, commit(1, digest="task-1-trial-2"))  # a network that pruning left as it was
    assert store.drop_trial_weights(driver.lease, 1, {1}) == ()
    assert removed(reads) == set()


def test_a_fork_keeps_what_its_source_would_drop(driver: Driver, store: Store, reads: Reads) -> None:
    driver.commit()
    store.fork_run("demo", 1, new_run("forked"))
    assert store.drop_trial_weights(driver.lease, 1, {1}) == ()


def test_weights_that_came_back_are_recorded(driver: Driver, reads: Reads) -> None:
    driver.commit()
    driver.store.drop_trial_weights(driver.lease, 1, {1})
    driver.store.artifacts_restored(driver.lease, ["task-1-trial-0"])
    assert removed(reads) == {"task-1-trial-2"}


def test_a_database_keeps_its_name(store: Store, reads: Reads) -> None:
    assert reads.database_id() is None
    name = store.database_id()
    assert len(name) == 32 and store.database_id() == name == reads.database_id()
