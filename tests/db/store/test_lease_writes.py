"""Contract: leases, the same on SQLite and PostgreSQL."""

import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta

import pytest

from clnp_core.errors import BusyError, NotFoundError
from db.liveness import process_started, this_host, this_owner
from db.reads.reads import Reads
from db.records import Owner
from db.states import RunState
from db.store.store import Store
from tests.db.builders import ELSEWHERE, TTL_SECONDS, Driver, new_run
from tests.messages import naming, tells


def lease_time(reads: Reads) -> datetime:
    """When the driver of the run gave its last sign of life."""
    beat = reads.run("demo").heartbeat_at
    assert beat is not None
    return beat


class TestLease:
    def test_the_first_driver_gets_it(self, store: Store, reads: Reads) -> None:
        run_id = store.create_run(new_run())
        owner = this_owner()
        lease = store.acquire_lease("demo", owner, TTL_SECONDS)
        assert (lease.run_id, lease.run_name, lease.fence, lease.owner) == (run_id, "demo", 1, owner)
        run = reads.run("demo")
        assert run.owner == owner and run.driver_lives and run.state is RunState.RUNNING

    def test_a_second_driver_is_told_who_has_it(self, store: Store) -> None:
        store.create_run(new_run())
        store.acquire_lease("demo", ELSEWHERE, TTL_SECONDS)
        with pytest.raises(BusyError) as caught:
            store.acquire_lease("demo", this_owner(), TTL_SECONDS)
        assert tells(caught.value, "demo", 4711, 0, "clnp stop demo", 60)

    def test_an_expired_one_is_taken_over_and_said_so(self, store: Store, reads: Reads) -> None:
        store.create_run(new_run())
        store.acquire_lease("demo", ELSEWHERE, TTL_SECONDS)
        beat = reads.run("demo").heartbeat_at
        assert beat is not None
        almost = beat + timedelta(seconds=TTL_SECONDS - 0.001)
        with pytest.raises(BusyError, match=naming(60)):
            store.acquire_lease("demo", this_owner(), TTL_SECONDS, now=almost)
        lease = store.acquire_lease("demo", this_owner(), TTL_SECONDS, now=beat + timedelta(seconds=TTL_SECONDS))
        assert lease.fence == 2
        assert "taken over from process 4711 on another-host, which died or fell silent" in [
            event.message for event in reads.events("demo")]

    def test_a_heartbeat_from_the_future_locks_nobody_out(self, store: Store, reads: Reads) -> None:
        """A clock that was years ahead has been set back; a little ahead is what clocks are."""
        store.create_run(new_run())
        store.acquire_lease("demo", ELSEWHERE, TTL_SECONDS)
        beat = reads.run("demo").heartbeat_at
        assert beat is not None
        with pytest.raises(BusyError):
            store.acquire_lease("demo", this_owner(), TTL_SECONDS, now=beat - timedelta(seconds=TTL_SECONDS / 2))
        assert store.acquire_lease("demo", this_owner(), TTL_SECONDS, now=beat - timedelta(days=2000)).fence == 2

    def test_the_same_driver_may_take_it_again(self, store: Store) -> None:
        store.create_run(new_run())
        store.acquire_lease("demo", ELSEWHERE, TTL_SECONDS)
        assert store.acquire_lease("demo", ELSEWHERE, TTL_SECONDS).fence == 2

    def test_another_driver_in_the_same_living_process_may_not(self, store: Store) -> None:
        store.create_run(new_run())
        store.acquire_lease("demo", this_owner(), TTL_SECONDS)
        with pytest.raises(BusyError, match=naming(os.getpid())):
            store.acquire_lease("demo", this_owner(), TTL_SECONDS)

    def test_a_killed_process_of_this_host_is_taken_over_at_once(self, store: Store, reads: Reads) -> None:
        store.create_run(new_run())
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        owner = Owner(this_host(), process.pid, process_started(process.pid) or 0.0, "other")
        store.acquire_lease("demo", owner, TTL_SECONDS)
        with pytest.raises(BusyError):
            store.acquire_lease("demo", this_owner(), TTL_SECONDS)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie until it is waited for
        run = reads.run("demo")
        assert run.lost_its_driver and run.waits_for_a_driver and not run.driver_lives
        assert store.acquire_lease("demo", this_owner(), TTL_SECONDS).fence == 2
        process.communicate()

    def test_a_living_process_of_this_host_keeps_it_whatever_the_clock_says(self, store: Store, reads: Reads) -> None:
        """Its heartbeat looks expired because the clock was set; it is observed, and still changes."""
        store.create_run(new_run())
        lease, ended = store.acquire_lease("demo", this_owner(), TTL_SECONDS), threading.Event()

        def beat() -> None:
            while not ended.wait(0.01):
                store.heartbeat(lease)

        beating = threading.Thread(target=beat)
        beating.start()
        try:
            for moment in (timedelta(days=1), -timedelta(days=1)):
                with pytest.raises(BusyError, match=naming(os.getpid())):
                    store.acquire_lease("demo", this_owner(), 6.0, now=lease_time(reads) + moment)
        finally:
            ended.set()
            beating.join()
        assert reads.run("demo").owner == lease.owner

    def test_a_silent_process_of_this_host_is_taken_over(self, store: Store, reads: Reads) -> None:
        store.create_run(new_run())
        store.acquire_lease("demo", this_owner(), TTL_SECONDS)
        later = lease_time(reads) + timedelta(days=1)
        assert store.acquire_lease("demo", this_owner(), 0.6, now=later).fence == 2

    def test_a_pid_that_was_given_away_again_does_not_count(self, store: Store) -> None:
        store.create_run(new_run())
        store.acquire_lease("demo", Owner(this_host(), os.getpid(), 1_000_000_000.0, "long ago"), TTL_SECONDS)
        assert store.acquire_lease("demo", this_owner(), TTL_SECONDS).fence == 2

    def test_of_two_at_once_one_gets_it(self, store: Store) -> None:
        store.create_run(new_run())
        outcomes: list[str] = []
        together = threading.Barrier(4)

        def acquire(number: int) -> None:
            together.wait()
            try:
                store.acquire_lease("demo", Owner("host", number, 0.0, f"driver {number}"), TTL_SECONDS)
                outcomes.append("got it")
            except BusyError:
                outcomes.append("busy")

        threads = [threading.Thread(target=acquire, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["busy", "busy", "busy", "got it"]

    def test_a_heartbeat_moves_the_time(self, driver: Driver, reads: Reads) -> None:
        before = reads.run("demo").heartbeat_at
        driver.store.heartbeat(driver.lease)
        after = reads.run("demo").heartbeat_at
        assert before is not None and after is not None and after > before

    def test_a_released_run_is_free_and_its_lease_void(self, driver: Driver, reads: Reads) -> None:
        assert driver.store.release_lease(driver.lease)
        run = reads.run("demo")
        assert run.owner is None and run.state is RunState.STOPPED
        with pytest.raises(BusyError) as caught:
            driver.store.heartbeat(driver.lease)
        assert tells(caught.value, "demo", "clnp status")
        assert not driver.store.release_lease(driver.lease)
        driver.store.acquire_lease("demo", ELSEWHERE, TTL_SECONDS)

    def test_a_driver_that_was_replaced_cannot_release_the_other_one(self, driver: Driver, reads: Reads) -> None:
        new = driver.store.acquire_lease("demo", driver.lease.owner, TTL_SECONDS)
        assert not driver.store.release_lease(driver.lease)
        driver.store.heartbeat(new)

    def test_of_a_run_that_is_not_there(self, store: Store) -> None:
        store.create_run(new_run("digits-1"))
        with pytest.raises(NotFoundError) as caught:
            store.acquire_lease("digit-1", this_owner(), TTL_SECONDS)
        assert tells(caught.value, "digit-1", 1)
