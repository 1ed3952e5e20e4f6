"""Groups of runs: recorded whole, named apart from runs, read together. On SQLite and PostgreSQL."""

import dataclasses

import pytest

from clnp_core.errors import NotFoundError, StateError
from db import dataframes
from db.reads.reads import Reads
from db.store.store import Store
from tests.db.builders import Driver, new_run
from tests.messages import naming, tells

RUNS = [new_run(f"lab-seed-{seed}", seed=seed) for seed in (3, 0)]


def test_a_group_is_recorded_with_all_its_runs(store: Store, reads: Reads) -> None:
    store.create_group("lab", RUNS)
    assert [(run.name, run.seed, run.group) for run in reads.group("lab")] == [
        ("lab-seed-3", 3, "lab"), ("lab-seed-0", 0, "lab")]


def test_or_with_none_of_them(store: Store, reads: Reads) -> None:
    store.create_run(new_run("lab-seed-0"))
    with pytest.raises(StateError, match=naming("lab-seed-0")):
        store.create_group("lab", RUNS)
    assert [run.name for run in reads.runs()] == ["lab-seed-0"]
    with pytest.raises(NotFoundError):
        reads.group("lab")


def test_joint_runs_of_a_group_have_their_only_stage(store: Store, reads: Reads) -> None:
    joint = [dataclasses.replace(new_run(f"joint-{seed}", seed=seed, tasks=3), first_task=3) for seed in (0, 1)]
    store.create_group("joint", joint[:1])
    store.extend_group("joint", joint[1:])
    assert [[stage.task for stage in reads.stages(run.name)] for run in joint] == [[3], [3]]


def test_a_group_gains_runs_all_or_none(store: Store, reads: Reads) -> None:
    store.create_group("lab", RUNS)
    store.extend_group("lab", [new_run("lab-seed-1", seed=1)])
    assert [(run.name, run.group) for run in reads.group("lab")] == [
        ("lab-seed-3", "lab"), ("lab-seed-0", "lab"), ("lab-seed-1", "lab")]
    with pytest.raises(StateError, match=naming("lab-seed-0")):
        store.extend_group("lab", [new_run("lab-seed-2", seed=2), new_run("lab-seed-0", seed=0)])
    with pytest.raises(NotFoundError, match=naming("lap")):
        store.extend_group("lap", [new_run("lap-seed-2", seed=2)])
    assert len(reads.runs()) == 3


def test_no_name_is_of_a_run_and_of_a_group(store: Store) -> None:
    store.create_run(new_run("lab"))
    with pytest.raises(StateError) as caught:
        store.create_group("lab", RUNS)
    assert tells(caught.value, "lab")
    store.create_group("other", RUNS)
    for write in (lambda: store.create_run(new_run("other")), lambda: store.create_group("other", [new_run("x")])):
        with pytest.raises(StateError) as caught:
            write()
        assert tells(caught.value, "other", "--name", "clnp resume other")


def test_asking_for_a_group_as_for_a_run_and_the_other_way_round(store: Store, reads: Reads) -> None:
    with pytest.raises(NotFoundError) as caught:
        reads.group("lab")
    assert tells(caught.value, "seeds")
    store.create_group("lab", RUNS)
    with pytest.raises(NotFoundError) as caught:
        reads.run("lab")
    assert tells(caught.value, "lab", 3, 0)
    with pytest.raises(NotFoundError) as caught:
        reads.group("lap")
    assert tells(caught.value, "lap")
    with pytest.raises(NotFoundError):
        reads.run("labb")


def test_the_accuracy_matrices_of_a_group(store: Store, url: str) -> None:
    assert store.create_group("lab", RUNS) is None
    assert list(dataframes.group_evaluations("lab", url).columns[:4]) == ["run", "seed", "state", "after_task"]
    assert len(dataframes.group_accuracy_matrix("lab", url)) == 0
    driver = Driver.of_new_run(store, name="alone")
    driver.commit()
    store.release_lease(driver.lease)
    store.create_group("done", [])
    for seed in (1, 2):
        driver = Driver.of_new_run(store, name=f"done-seed-{seed}", seed=seed, tasks=2, group="done")
        for task in range(1, seed + 1):
            driver.commit(task)
        store.release_lease(driver.lease)
    cells = dataframes.group_evaluations("done", url)
    assert cells[["run", "seed", "state", "after_task", "on_task"]].values.tolist() == [
        ["done-seed-1", 1, "stopped", 1, 1], ["done-seed-2", 2, "completed", 1, 1], ["done-seed-2", 2, "completed", 2, 1],
        ["done-seed-2", 2, "completed", 2, 2]]
    matrix = dataframes.group_accuracy_matrix("done", url)
    assert matrix.index.tolist() == [("done-seed-1", 1), ("done-seed-2", 1), ("done-seed-2", 2)]
    assert matrix.loc[("done-seed-2", 2)].tolist() == [289 / 300, 288 / 300]
