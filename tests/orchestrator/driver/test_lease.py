"""A driver's hold on its run: requests from elsewhere, Ctrl-C, and a lease that somebody took."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from clnp_core.errors import BusyError, DatabaseError
from db.engine import open_database
from db.liveness import this_owner
from db.reads.reads import Reads
from db.records import NewRun
from db.states import RequestKind
from db.store.store import Store
from orchestrator.driver import lease as keeping
from orchestrator.driver.lease import hold
from tests.orchestrator.laboratory import small


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database with one run; drivers' hearts beat fast."""
    monkeypatch.setattr(keeping, "HEARTBEAT_SECONDS", 0.05)
    engine = open_database(f"sqlite:///{tmp_path}/clnp.db", create=True)
    config = small()
    Store(engine).create_run(NewRun("small", config.resolved(), config.digest(), 0, "permuted-digits", 2, "2", "0", {}))
    yield engine
    engine.dispose()


def until(condition: Callable[[], bool]) -> bool:
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_the_lease_is_held_and_let_go(engine: Engine) -> None:
    with hold(Store(engine), "small"):
        assert Reads(engine).run("small").driver_lives
    assert not Reads(engine).run("small").driver_lives


@pytest.mark.parametrize(("kind", "reason"), [(RequestKind.STOP, "clnp stop"), (RequestKind.CANCEL, "clnp cancel")])
def test_a_request_stops_the_driver_and_is_answered(engine: Engine, kind: RequestKind, reason: str) -> None:
    with hold(Store(engine), "small") as keeper:
        assert not keeper.should_stop()
        Store(engine).request("small", kind)
        assert until(keeper.should_stop)
        assert keeper.reason == reason
        assert until(lambda: Reads(engine).requests("small")[0].answer == "stopping")


def test_an_old_stop_does_not_stop_the_next_driver(engine: Engine) -> None:
    Store(engine).request("small", RequestKind.STOP)
    with hold(Store(engine), "small") as keeper:
        assert Reads(engine).requests("small")[0].answer == "its driver had ended already"
        time.sleep(0.2)
        assert not keeper.should_stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_for_a_clean_stop_and_a_second_one_interrupts(engine: Engine, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), hold(Store(engine), "small") as keeper:
        os.kill(os.getpid(), number)
        assert until(keeper.should_stop)
        assert keeper.reason == keeping.INTERRUPTED
        os.kill(os.getpid(), number)
        until(lambda: False)
    assert signal.getsignal(number) is before
    assert not Reads(engine).run("small").driver_lives


def test_a_lost_lease_stops_the_driver_that_had_it(engine: Engine) -> None:
    with hold(Store(engine), "small") as keeper:
        with engine.begin() as connection:  # as if it had been silent for too long
            connection.exec_driver_sql("UPDATE clnp_runs SET heartbeat_at = '2000-01-01 00:00:00', fence = fence + 1")
        assert until(keeper.should_stop)
        assert isinstance(keeper.lost, BusyError)


def renamed(engine: Engine, table: str, name: str) -> None:
    """Take a table away from every statement that needs it, or bring it back."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {name}")


def test_a_database_that_fails_before_the_first_step_leaves_the_run_free(engine: Engine) -> None:
    renamed(engine, "clnp_requests", "away")
    with pytest.raises(DatabaseError), hold(Store(engine), "small"):
        raise AssertionError("the block has begun")
    renamed(engine, "away", "clnp_requests")
    with hold(Store(engine), "small") as keeper:
        assert not keeper.should_stop()


def test_a_lease_that_cannot_be_released_is_released_when_the_database_is_back(engine: Engine) -> None:
    with hold(Store(engine), "small"):
        renamed(engine, "clnp_events", "away")
    assert Reads(engine).run("small").driver_lives
    renamed(engine, "away", "clnp_events")
    assert until(lambda: not Reads(engine).run("small").driver_lives)


def test_a_second_holder_is_refused(engine: Engine) -> None:
    with hold(Store(engine), "small"), pytest.raises(BusyError) as caught, hold(Store(engine), "small"):
        pass
    assert this_owner().host in caught.value.message


def test_a_thread_of_a_notebook_may_hold_a_run_too(engine: Engine) -> None:
    seen = []

    def work() -> None:
        with hold(Store(engine), "small") as keeper:
            seen.append(keeper.lease.run_name)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["small"]
