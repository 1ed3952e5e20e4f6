"""Watching a run from its database alone."""

import io
import threading
import time
from pathlib import Path

import pytest

from clnp_core.errors import NotFoundError
from db.states import FailureKind
from orchestrator import api
from orchestrator.notebook import follow
from orchestrator.runs.location import Place
from tests.messages import naming
from tests.orchestrator.cli.conftest import Written, written


def test_a_run_that_nobody_drives(tiny: api.Run) -> None:
    printed = io.StringIO()
    tiny.follow(printed)
    assert printed.getvalue() == "run tiny is completed: 2 of 2 tasks committed\n"
    events = list(tiny.follow_events())
    assert [event.message for event in events] == list(tiny.events()["message"])
    assert list(tiny.follow_events(after_id=events[-2].id)) == events[-1:]


def test_what_happens_is_told_until_the_driver_has_ended(tmp_path: Path) -> None:
    with written(tmp_path) as run:
        place, printed = Place.of(f"sqlite:///{tmp_path}/.clnp/clnp.db", str(tmp_path)), io.StringIO()
        heard: list[str] = []
        watching = [threading.Thread(target=follow.follow, args=(place, "demo", printed, 0.02)),
                    threading.Thread(target=lambda: heard.extend(
                        event.message for event in follow.events(place, "demo", poll_seconds=0.02)))]
        for thread in watching:
            thread.start()
        _wait_for(printed, "0 of 2 tasks")
        run.begin()
        _wait_for(printed, "0 of 3 trials")
        _drive(run, printed)
        run.let_go()
        for thread in watching:
            thread.join(timeout=30)
            assert not thread.is_alive()
    lines = printed.getvalue().splitlines()
    assert lines[0] == "run demo is running: 0 of 2 tasks committed"
    assert lines[-1] == "run demo is stopped: 0 of 2 tasks committed"
    told = [line.partition("  ")[2].strip() for line in lines[1:-1]]
    assert told[0] == "task 1: pending → sweeping: 3 trials planned", lines
    assert [text for text in told if "ended" in text] == [
        "task 1: 0 of 3 trials ended", "task 1: 1 of 3 trials ended", "task 1: 2 of 3 trials ended, 1 of them failed"]
    assert heard[0] == "created with 2 tasks" and heard[-1].startswith("released by process ")


def _drive(run: Written, printed: io.StringIO) -> None:
    run.finish(0)
    _wait_for(printed, "1 of 3 trials")
    run.fail(1, FailureKind.DIVERGED, "the loss became NaN")
    _wait_for(printed, "2 of 3 trials")


def _wait_for(printed: io.StringIO, text: str) -> None:
    for _ in range(1000):
        if text in printed.getvalue():
            return
        time.sleep(0.02)
    raise AssertionError(f"{text!r} was not printed: {printed.getvalue()}")


def test_a_run_that_is_removed_meanwhile(tmp_path: Path) -> None:
    with written(tmp_path) as run:
        events = follow.events(Place.of(f"sqlite:///{tmp_path}/.clnp/clnp.db", str(tmp_path)), "demo", poll_seconds=0.02)
        assert next(events).message == "created with 2 tasks"
        assert next(events).message.startswith("driven by process")
        run.let_go()
        run.store.remove_run("demo")
        with pytest.raises(NotFoundError, match=naming("demo")):
            list(events)
