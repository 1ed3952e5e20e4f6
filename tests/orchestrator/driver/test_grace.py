"""The time that running trainings have when a driver stops: asked for once, bounded, and not for runs that end for good."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import open_database
from db.records import NewRun
from db.store.store import Store
from orchestrator.driver.grace import Grace
from orchestrator.driver.lease import Keeper, hold
from tests.orchestrator.laboratory import small
from workers.ray.remote_jobs import ask_to_stop, is_asked_to_stop

pytestmark = pytest.mark.usefixtures("ray_with_logical_gpus")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/clnp.db", create=True)
    config = small()
    Store(engine).create_run(NewRun("small", config.resolved(), config.digest(), 0, "permuted-digits", 2, "2", "0", {}))
    yield engine
    engine.dispose()


@pytest.fixture
def keeper(engine: Engine) -> Iterator[Keeper]:
    with hold(Store(engine), "small") as keeper:
        yield keeper


def test_nobody_is_asked_before_the_driver_stops(keeper: Keeper) -> None:
    grace = Grace(keeper, 60.0, ask_to_stop)
    assert not grace.asked() and not is_asked_to_stop(grace.key)


def test_the_workers_are_asked_and_have_their_time(keeper: Keeper) -> None:
    grace = Grace(keeper, 60.0, ask_to_stop)
    keeper.stop("clnp stop")
    assert grace.asked() and not grace.is_over() and is_asked_to_stop(grace.key)


def test_without_time_nobody_is_asked(keeper: Keeper) -> None:
    grace = Grace(keeper, 0.0, ask_to_stop)
    keeper.stop("clnp stop")
    assert grace.is_over() and not is_asked_to_stop(grace.key)


def test_a_run_that_ends_for_good_waits_for_nothing(keeper: Keeper) -> None:
    grace = Grace(keeper, 60.0, ask_to_stop)
    keeper.stop("clnp cancel", at_once=True)
    assert grace.is_over() and not is_asked_to_stop(grace.key)


def test_what_ends_for_good_later_waits_no_longer(keeper: Keeper) -> None:
    grace = Grace(keeper, 60.0, ask_to_stop)
    keeper.stop("clnp stop")
    assert not grace.is_over()
    keeper.stop("the lease was lost", at_once=True)
    assert grace.is_over() and keeper.reason == "clnp stop"


def test_a_request_is_no_other_drivers(engine: Engine, keeper: Keeper) -> None:
    grace = Grace(keeper, 60.0, ask_to_stop)
    keeper.stop("clnp stop")
    grace.is_over()
    keeper.let_go()
    with hold(Store(engine), "small") as next_one:
        assert not is_asked_to_stop(Grace(next_one, 60.0, ask_to_stop).key)
