"""A whole database into another one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from clnp_core.errors import BusyError, DatabaseError
from db.engine import open_database
from db.liveness import this_owner
from db.reads.reads import Reads
from db.schema.types import Base
from db.store.store import Store
from db.transfer import LEASE, copy_database
from db.url import shown
from tests.db.builders import TTL_SECONDS, Driver, new_run
from tests.messages import naming, tells


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def contents(engine: Engine) -> dict[str, list[dict[str, object]]]:
    with Session(engine) as session:
        return {table.name: [{name: value for name, value in row.items() if name not in LEASE}
                             for row in session.execute(select(table).order_by(*table.primary_key)).mappings()]
                for table in Base.metadata.sorted_tables if table.name != "clnp_database"}


def fill(store: Store) -> None:
    """Two runs, one a fork of the other, with something in every table."""
    driver = Driver.of_new_run(store, group="g")
    driver.commit(1)
    driver.begin(2)
    store.event("demo", "note", "half θ", {"rate": 1e-5})
    store.fork_run("demo", 1, new_run("forked"))
    store.release_lease(driver.lease)


@pytest.fixture
def laptop(tmp_path: Path) -> str:
    """A SQLite database with runs."""
    url = f"sqlite:///{tmp_path / 'laptop.db'}"
    engine = open_database(url, create=True)
    fill(Store(engine))
    engine.dispose()
    return url


def test_copies_every_row_and_the_copy_works(laptop: str, empty_url: str) -> None:
    copied = copy_database(laptop, empty_url)
    with opened(laptop) as source, opened(empty_url) as target:
        assert contents(target) == contents(source)
        assert copied == {name: len(rows) for name, rows in contents(source).items() if name != "clnp_database"}
        assert copied["clnp_runs"] == 2 and copied["clnp_threshold_points"] == 12
        store = Store(target)
        assert store.create_run(new_run("next")) == 3
        driver = Driver(store, store.acquire_lease("demo", this_owner(), TTL_SECONDS))
        for number in range(3):
            driver.finish(number, 2)
        assert Reads(target).run("forked").forked_from == "demo"


def test_and_back(store: Store, engine: Engine, url: str, tmp_path: Path) -> None:
    fill(store)
    back = f"sqlite:///{tmp_path / 'back' / 'clnp.db'}"
    copy_database(url, back)
    with opened(back) as target:
        assert contents(target) == contents(engine)


def test_refuses_a_target_with_runs(laptop: str, store: Store, url: str) -> None:
    store.create_run(new_run("mine"))
    with pytest.raises(DatabaseError) as caught:
        copy_database(laptop, url)
    assert tells(caught.value, shown(url), 1)


def test_refuses_while_a_driver_is_at_work(laptop: str, tmp_path: Path) -> None:
    with opened(laptop) as engine:
        Store(engine).acquire_lease("demo", this_owner(), TTL_SECONDS)
    with pytest.raises(BusyError, match=naming("driver is running")):
        copy_database(laptop, f"sqlite:///{tmp_path / 'target.db'}")
    assert not (tmp_path / "target.db").exists()


def test_refuses_itself(laptop: str) -> None:
    with pytest.raises(DatabaseError, match=naming("itself")):
        copy_database(laptop, laptop.replace("sqlite:", "sqlite+pysqlite:"))
