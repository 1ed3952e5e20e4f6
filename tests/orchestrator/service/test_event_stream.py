"""Events as they happen: none is lost or told twice, whoever comes and goes."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from db.url import resolve_url
from orchestrator.runs.location import Place
from orchestrator.service.database import Database
from orchestrator.service.event_stream import Look, Streams
from orchestrator.service.settings import ServiceSettings
from tests.db.builders import epoch
from tests.orchestrator.cli.conftest import Written, written
from tests.orchestrator.service.conftest import serving
from tests.orchestrator.service.hearing import STREAM, Heard


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Written]:
    """A run that this process drives."""
    with written(tmp_path) as driver:
        yield driver


@pytest.fixture
def client(demo: Written, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of its service."""
    with serving(ServiceSettings(Place.of(f"sqlite:///{tmp_path}/.clnp/clnp.db", str(tmp_path))), tmp_path) as client:
        yield client


def test_everybody_hears_what_happens_and_goes_on_where_he_was(demo: Written, client: httpx.Client) -> None:
    first = Heard(client, enough=3, params={"after_id": 0})
    late = Heard(client)
    late.wait(lambda heard: heard.progress == [0])
    first.wait(lambda heard: len(heard.events) >= 2)
    assert first.events[0] == "created with 2 tasks" and late.events == []
    demo.begin(2)
    first.end()  # it has heard enough, and gone
    late.wait(lambda heard: heard.events)
    assert first.events[2] == late.events[0] == "task 1: pending → sweeping: 2 trials planned"
    last = first.messages[-1][0] or ""
    demo.finish(0)
    late.wait(lambda heard: heard.progress[-1] == 1)
    demo.store.event("demo", "note", "something\nwith a line break")
    back = Heard(client, enough=1, headers={"Last-Event-ID": last}, params={"after_id": 0})
    back.end()
    late.wait(lambda heard: len(heard.events) == 2)
    assert back.events == late.events[1:] == ["something\nwith a line break"]
    ids = [int(event_id) for event_id, _, _ in late.messages if event_id]
    assert ids == sorted(set(ids))
    demo.store.release_lease(demo.lease)
    demo.store.remove_run("demo")
    late.end()  # there is nothing left to tell
    assert client.get(STREAM).status_code == 404


def test_epochs_of_running_trials_are_told_as_they_are_recorded(demo: Written, client: httpx.Client) -> None:
    def told(heard: Heard) -> list[tuple[int, int, int | None]]:
        return [(each["number"], each["attempt"], each["epoch"]) for _, kind, data in list(heard.messages)
                if kind == "epochs" for each in data]

    demo.begin(2)
    demo.store.trial_started(demo.lease, 1, 0, "ray-0", "", "")
    heard = Heard(client)
    heard.wait(lambda each: told(each) == [(0, 1, None)])
    demo.store.trial_epochs(demo.lease, 1, 0, [epoch(1), epoch(2, 100)])
    heard.wait(lambda each: told(each)[-1] == (0, 1, 2))
    last = [data for _, kind, data in heard.messages if kind == "epochs"][-1]
    assert last == [{"task": 1, "number": 0, "attempt": 1, "epoch": 2, "val_accuracy": 0.5}]
    demo.store.trial_started(demo.lease, 1, 0, "ray-0.2", "", "")  # its worker died
    heard.wait(lambda each: told(each)[-1] == (0, 2, None))
    demo.store.trial_epochs(demo.lease, 1, 0, [epoch(1)])
    heard.wait(lambda each: told(each)[-1] == (0, 2, 1))
    demo.finish(1)
    demo.store.release_lease(demo.lease)
    demo.store.remove_run("demo")
    heard.end()
    assert {number for number, _, _ in told(heard)} <= {0, 1}


class ChangedBetween(Streams):
    """Streams that query the database one at a time, with a change right after the first query."""

    def __init__(self, database: Database, change: Callable[[], object]) -> None:
        super().__init__(database)
        self._turn, self._change, self._has_changed = asyncio.Lock(), change, False

    async def look(self, run: str, after_id: int | None = None) -> Look:
        """Make the change once, before anybody else can look."""
        async with self._turn:
            found = await super().look(run, after_id)
            if not self._has_changed:
                self._has_changed = True
                self._change()
            return found


def test_what_changes_between_the_first_two_queries_is_told(demo: Written, tmp_path: Path) -> None:
    async def heard() -> bytes:
        text = b""
        async with aclosing(streams.follow("demo", None)) as parts:
            async for part in parts:
                text += part
                if b'"epoch":2' in text:
                    break
        return text

    def change() -> None:
        demo.store.trial_epochs(demo.lease, 1, 0, [epoch(1), epoch(2, 100)])

    demo.begin(2)
    demo.store.trial_started(demo.lease, 1, 0, "ray-0", "", "")
    database = Database(resolve_url(f"sqlite:///{tmp_path}/.clnp/clnp.db"))
    try:
        streams = ChangedBetween(database, change)
        assert b"event: epochs" in asyncio.run(asyncio.wait_for(heard(), 20))
    finally:
        database.close()


def test_who_has_gone_is_forgotten_and_the_last_one_ends_the_watch(client: httpx.Client) -> None:
    def listeners() -> str:
        return next(line for line in client.get("/metrics").text.splitlines() if line.startswith("clnp_stream_listeners "))

    heard = [Heard(client, enough=1, params={"after_id": 0}) for _ in range(3)]
    for each in heard:
        each.end()
    until = time.monotonic() + 20
    while listeners() != "clnp_stream_listeners 0.0" and time.monotonic() < until:
        time.sleep(0.05)
    assert listeners() == "clnp_stream_listeners 0.0"


def test_a_service_that_ends_ends_its_streams(demo: Written, tmp_path: Path) -> None:
    with serving(ServiceSettings(Place.of(f"sqlite:///{tmp_path}/.clnp/clnp.db", str(tmp_path))), tmp_path) as client:
        heard = Heard(client)
        heard.wait(lambda each: each.progress)
    heard.end()


@pytest.mark.parametrize("asked", [{"params": {"after_id": 10**15}}, {"headers": {"Last-Event-ID": "9" * 30}}])
def test_an_id_still_to_come_is_taken_for_the_last_one(demo: Written, client: httpx.Client, asked: dict[str, Any]) -> None:
    heard = Heard(client, enough=1, **asked)
    heard.wait(lambda each: each.progress)
    demo.begin(1)
    heard.end()
    assert heard.events == ["task 1: pending → sweeping: 1 trial planned"]
