"""The reads as DataFrames."""

import inspect
from pathlib import Path

import pandas as pd
import pytest

from clnp_core.errors import DatabaseError, NotFoundError
from db import dataframes
from db.reads.reads import Reads
from db.sql import run_sql
from db.store.store import Store
from tests.db.builders import Driver, selection, verdicts
from tests.messages import naming

BY_LAYER = ["alpha_1", "alpha_2", "alpha_out", "threshold_1", "threshold_2"]
PUBLIC = {name for name, function in inspect.getmembers(dataframes, inspect.isfunction)
          if function.__module__ == dataframes.__name__ and not name.startswith("_")} - {"frame", "reading"}


def test_every_read_has_its_query() -> None:
    reads = {name for name, _ in inspect.getmembers(Reads, inspect.isfunction) if not name.startswith("_")}
    of_one_thing = {"run", "run_state", "stage", "trial", "last_event", "database_id"}
    of_groups = {"group_evaluations", "group_accuracy_matrix"}
    assert (reads - of_one_thing - {"group"}) | {"evaluations"} | of_groups == PUBLIC, "a group's runs are runs(group)"


def test_trials_with_units_and_plain_values(driver: Driver, url: str) -> None:
    driver.commit()
    driver.begin(2)
    found = dataframes.trials("demo", url=url)
    assert isinstance(found, pd.DataFrame) and len(found) == 6
    first = found.iloc[0]
    assert (first["state"], first["verdict"], first["val_accuracy"], first["seed"]) == (
        "finished", "sparser one exists", 0.9, 2**62)
    assert found["seed"].dtype == "int64" and str(found["created_at"].dtype).endswith("UTC]")
    assert list(dataframes.trials("demo", 2, url=url)["state"]) == ["pending"] * 3


def test_dtypes_do_not_depend_on_the_rows(driver: Driver, url: str) -> None:
    empty = dataframes.trials("demo", url=url)
    driver.begin()
    pending = dataframes.trials("demo", url=url)
    for number in range(3):
        driver.finish(number)
    finished = dataframes.trials("demo", url=url)
    driver.store.end_sweep(driver.lease, 1)
    driver.store.record_selection(driver.lease, 1, selection(), verdicts())
    chosen = dataframes.trials("demo", url=url)
    for found in (pending, finished, chosen):
        assert found.dtypes.drop(labels=BY_LAYER).equals(empty.dtypes)
        assert set(found.dtypes[BY_LAYER].map(str)) == {"float64"}
    assert {str(chosen[name].dtype) for name in ("pruned_val_correct", "free_neurons", "val_correct")} == {"Int64"}


def test_what_the_view_of_trials_computes_is_there(driver: Driver, url: str) -> None:
    driver.commit()
    found = dataframes.trials("demo", url=url)
    view = run_sql("SELECT pruned_val_accuracy, sparsity FROM clnp_v_trials WHERE run = 'demo' ORDER BY task, number", url)
    assert found["sparsity"].notna().any()
    for position, name in enumerate(view.columns):
        assert found[name].equals(pd.Series([row[position] for row in view.rows], dtype="float64", name=name))
    first = found.iloc[0]
    assert tuple(first[name] for name in BY_LAYER if name.startswith("alpha")) == first["alpha"]
    assert list(found.columns[found.columns.get_loc("alpha") + 1:][:3]) == ["alpha_1", "alpha_2", "alpha_out"]


def test_the_accuracy_matrix_is_a_matrix(driver: Driver, url: str) -> None:
    driver.commit(1)
    driver.commit(2)
    matrix = dataframes.accuracy_matrix("demo", url=url)
    assert (matrix.index.name, matrix.columns.name) == ("after_task", "on_task")
    assert matrix.loc[2, 1] == 289 / 300 and pd.isna(matrix.loc[1, 2])


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_query_has_its_columns_without_rows_too(store: Store, url: str, name: str) -> None:
    query = getattr(dataframes, name)
    needed = [parameter for parameter in inspect.signature(query).parameters.values() if parameter.default is parameter.empty]
    given = {"run": "demo", "group": "lab", "task": 1, "number": 0}
    driver = Driver.of_new_run(store, group="lab")
    driver.begin()
    empty = query(*(given[parameter.name] for parameter in needed), url=url)
    for number in range(3):
        driver.finish(number)
    assert isinstance(empty, pd.DataFrame)
    assert name.endswith("accuracy_matrix") or len(empty.columns) > 3


def test_the_database_of_the_environment(driver: Driver, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLNP_DB_URL", url)
    assert list(dataframes.runs()["name"]) == ["demo"]


def test_what_is_not_there(driver: Driver, url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=naming("other")):
        dataframes.stages("other", url=url)
    with pytest.raises(DatabaseError):
        dataframes.runs(url=f"sqlite:///{tmp_path / 'none.db'}")
