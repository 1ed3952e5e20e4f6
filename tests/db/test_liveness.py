"""Which process is this, and does that one still live."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from db.liveness import BORN, START_TOLERANCE_SECONDS, is_gone, process_started, this_host, this_owner
from db.records import Owner


def test_this_process_lives() -> None:
    owner = this_owner()
    assert owner.pid == os.getpid() and owner.host == this_host() and not is_gone(owner)
    assert owner.process_started <= time.time() + START_TOLERANCE_SECONDS
    assert this_owner().driver_id != owner.driver_id


def test_a_process_that_ended_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner(this_host(), process.pid, process_started(process.pid) or 0.0, "d")
    assert not is_gone(owner)
    process.communicate(b"\n")
    assert is_gone(owner) and process_started(process.pid) is None


def test_a_zombie_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    owner = Owner(this_host(), process.pid, process_started(process.pid) or time.time(), "d")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(owner)
    process.wait()


def test_another_process_under_the_same_pid_is_not_it() -> None:
    started = process_started(os.getpid())
    assert started is not None
    assert is_gone(Owner(this_host(), os.getpid(), started - START_TOLERANCE_SECONDS - 1, "d"))
    assert not is_gone(Owner(this_host(), os.getpid(), started - START_TOLERANCE_SECONDS / 2, "d"))


def test_a_clock_that_is_set_kills_nobody() -> None:
    owner = this_owner()
    assert BORN in owner.driver_id
    assert not is_gone(replace(owner, process_started=owner.process_started - 3600))
    assert not is_gone(replace(owner, process_started=owner.process_started + 3600))


def test_another_start_or_another_boot_is_another_process() -> None:
    owner = this_owner()
    before, _, ticks = owner.driver_id.rpartition(".")
    assert is_gone(replace(owner, driver_id=f"{before}.{int(ticks) - 1}"))
    assert is_gone(replace(owner, driver_id=f"d{BORN}00000000-0000-4000-8000-000000000000.{ticks}"))


def test_where_the_boot_has_no_name_the_time_of_the_start_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = this_owner()
    monkeypatch.setattr("db.liveness._born", lambda pid: None)
    assert BORN not in this_owner().driver_id and not is_gone(this_owner()) and not is_gone(owner)
    assert is_gone(replace(owner, process_started=owner.process_started - 3600))


def test_a_process_elsewhere_may_always_live() -> None:
    assert not is_gone(Owner("another-host", 2**22 + 5, 0.0, "d"))
    assert not is_gone(Owner(this_host(), 2**70, 0.0, "no pid at all"))
