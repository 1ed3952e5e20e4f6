"""A database server that is stopped and started again, for real, under a service that goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.engine import open_database
from db.store.store import Store
from orchestrator.runs.location import Place
from orchestrator.service.settings import ServiceSettings
from tests.db.builders import Driver
from tests.db.conftest import server
from tests.orchestrator.cli.conftest import TINY
from tests.orchestrator.service.conftest import HOLDER, TOKEN, serving
from tests.orchestrator.service.hearing import STREAM, Heard

__all__ = ["server"]

RUNS = "/api/v1/runs"


@pytest.fixture
def demo(server: tuple[str, Callable[[str], None]]) -> Iterator[Driver]:
    """A run that this process drives, on a server of its own."""
    engine = open_database(server[0], create=True)
    driver = Driver.of_new_run(Store(engine))
    driver.begin()
    yield driver
    engine.dispose()


def test_a_server_that_restarts_is_told_and_found_again(demo: Driver, server: tuple[str, Callable[[str], None]],
                                                        tmp_path: Path) -> None:
    url, control = server
    with serving(ServiceSettings(Place.of(url, str(tmp_path)), token=TOKEN), tmp_path) as client:
        heard = Heard(client, params={"after_id": 0})
        heard.wait(lambda each: each.events)
        before = client.get(f"{RUNS}/demo").json()
        control("stop")
        answers = [*(client.get(path) for path in (RUNS, f"{RUNS}/demo", f"{RUNS}/demo/stages/1/figures/trials", STREAM)),
                   client.post(f"{RUNS}/demo/stop", headers=HOLDER), client.post(f"{RUNS}/demo/resume", headers=HOLDER),
                   client.post(RUNS, json={"config": TINY}, headers=HOLDER)]
        for answer in answers:
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "2"), answer.text
            assert "cannot be reached" in answer.json()["error"]["message"]
        assert "clnp_database_up 0.0" in client.get("/metrics").text
        assert client.get("/healthz").status_code == 200

        control("start")
        after = client.get(f"{RUNS}/demo")
        assert after.status_code == 200 and after.json()["id"] == before["id"]
        assert "clnp_database_up 1.0" in client.get("/metrics").text
        demo.store.event(demo.lease, "note", "all is well again")
        heard.wait(lambda each: "all is well again" in each.events)
        ids = [event_id for event_id, _, _ in heard.messages if event_id]
        assert len(set(ids)) == len(ids)
        fresh = Heard(client, enough=1, headers={"Last-Event-ID": ids[-2]})
        fresh.end()
        assert fresh.events == ["all is well again"]
    heard.end()
