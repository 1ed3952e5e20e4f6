"""A database that is away for a while, for real: a server that is stopped and started, a file that is locked."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from clnp_core.errors import DatabaseError
from db.engine import open_database
from db.retry import Patience, PatientReads, PatientStore
from db.store.store import Store
from tests.db.builders import Driver, epoch
from tests.messages import naming


@contextmanager
def waiting(engine_url: str, seconds: float) -> Iterator[tuple[Driver, PatientReads, list[str]]]:
    """A driver whose store waits so long, and what it was told meanwhile."""
    engine, told = open_database(engine_url, create=True, busy_timeout_seconds=0.2), []
    patience = Patience(seconds, told=told.append)
    try:
        plain = Driver.of_new_run(Store(engine))
        plain.begin()
        yield Driver(PatientStore(engine, patience), plain.lease), PatientReads(engine, patience), told
    finally:
        engine.dispose()


def test_writes_and_reads_outlast_a_server_that_restarts(server: tuple[str, Callable[[str], None]]) -> None:
    url, control = server
    with waiting(url, 60) as (driver, reads, told):
        driver.start(0)
        control("stop")
        again = threading.Timer(2.0, control, ["start"])
        again.start()
        assert driver.store.trial_epochs(driver.lease, 1, 0, [epoch(1)]) is True
        again.join()
        assert len(reads.trial_history("demo", 1, 0)) == 1
        assert "cannot be reached" in told[0] and told[0].endswith("; waiting for it, at most 60 s")
        assert "is available again after" in told[1] and len(told) == 2


def test_patience_ends(server: tuple[str, Callable[[str], None]]) -> None:
    url, control = server
    with waiting(url, 1) as (driver, _, told):
        control("stop")
        with pytest.raises(DatabaseError, match=naming("cannot be reached")):
            driver.start(0)
        assert len(told) == 1
        control("start")
        driver.start(0)


@contextmanager
def locked(url: str | URL) -> Iterator[None]:
    """Another program holds SQLite's write lock."""
    other = sqlite3.connect(str(url).removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'clnp.db'}"
    with waiting(url, 30) as (driver, reads, told):
        held = threading.Event()

        def hold() -> None:
            with locked(url):
                held.set()
                time.sleep(1.0)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        driver.start(0)
        thread.join()
        assert [trial.attempts for trial in reads.trials("demo")] == [1, 0, 0]
        assert "is locked by another program" in told[0]


def test_whoever_is_asked_to_stop_does_not_wait(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'clnp.db'}"
    with waiting(url, 600) as (driver, _, _):
        store = PatientStore(driver.store.engine, Patience(600, giving_up=lambda: True))
        with locked(url), pytest.raises(DatabaseError, match=naming("locked")):
            store.trial_started(driver.lease, 1, 0, "ray", "", "")


def test_what_will_not_pass_is_raised_at_once(tmp_path: Path) -> None:
    with waiting(f"sqlite:///{tmp_path / 'clnp.db'}", 600) as (driver, _, told):
        with driver.store.engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite takes the pages that there are: a full disk
        with pytest.raises(DatabaseError, match=naming("space")):
            for number in range(100_000):
                driver.store.event(driver.lease, "note", "x" * 1000 + str(number))
        assert told == []
