"""The SQL views, and their description."""

import pytest
from sqlalchemy import Engine, inspect, text

from db.schema.views import VIEWS
from tests.db.builders import Driver


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_the_described_views_are_the_migrated_ones(engine: Engine) -> None:
    with engine.connect() as connection:
        found = inspect(connection)
        migrated = {name: [column["name"] for column in found.get_columns(name)] for name in found.get_view_names()}
    assert migrated == {name: list(columns) for name, (_, columns) in VIEWS.items()}


def test_trials(driver: Driver, engine: Engine) -> None:
    driver.commit()
    driver.begin(2, trials=1)
    found = rows(engine, "SELECT task, number, verdict, val_accuracy, pruned_val_accuracy, sparsity FROM clnp_v_trials "
                         "ORDER BY task, number")
    assert found[1:] == [(1, 1, "chosen", 0.905, 0.905, 0.45), (1, 2, "sparser one exists", 0.91, 0.905, 0.45),
                         (2, 0, None, None, None, None)]


def test_accuracy_and_capacity(driver: Driver, engine: Engine) -> None:
    driver.commit(1)
    driver.commit(2)
    assert rows(engine, "SELECT run, after_task, on_task, test_correct, test_accuracy, commit_digest FROM "
                        "clnp_v_accuracy_matrix WHERE on_task = 2") == [("demo", 2, 2, 288, 288 / 300, "commit-2")]
    assert rows(engine, "SELECT task, layer, used_neurons, used_fraction FROM clnp_v_capacity WHERE layer = 1 "
                        "ORDER BY task") == [(1, 1, 3, 0.25), (2, 1, 6, 0.5)]
    mean = rows(engine, "SELECT mean_test_accuracy, tasks_committed FROM clnp_v_runs")
    assert mean == [(pytest.approx((289 + 288) / 600, abs=1e-15), 2)]
