"""Launching, stopping, cancelling and resuming over HTTP, with real drivers."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from db.states import RunState
from orchestrator.runs.location import Place
from orchestrator.service.settings import ServiceSettings
from tests.orchestrator.cli.conftest import TINY, written
from tests.orchestrator.service.conftest import HOLDER, TOKEN, place_in, serving

RUNS = "/api/v1/runs"


def _wait(wanted: Callable[[], Any], seconds: float = 120.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := wanted()) and time.monotonic() < until:
        time.sleep(0.1)
    assert found
    return found


def _ended(client: httpx.Client, job: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/api/v1/jobs/{job}").json()
        return found if found["state"] == "ended" else None

    ended: dict[str, Any] = _wait(look)
    return ended


@pytest.mark.slow
def test_a_run_is_launched_stopped_resumed_and_ends(tmp_path: Path) -> None:
    settings = ServiceSettings(place_in(tmp_path), token=TOKEN)
    with serving(settings, tmp_path) as client:
        client.headers.update(HOLDER)
        client.headers["Content-Type"] = "application/json"
        text = "\n".join(f"{key}: {value}" for key, value in TINY.items())
        started = client.post(RUNS, json={"config_yaml": text, "name": "mine", "overrides": ["training.epochs=60"]})
        assert started.status_code == 202 and started.json()["run"] == "mine"
        assert client.get(f"{RUNS}/mine").json()["config"]["training"]["epochs"] == 60  # it is there at once
        assert client.post(f"{RUNS}/mine/resume").status_code == 409
        _wait(lambda: client.get(f"{RUNS}/mine").json()["trials_running"])
        asked = client.post(f"{RUNS}/mine/stop")
        assert asked.status_code == 202 and asked.json()["kind"] == "stop"
        job = _ended(client, started.json()["job"])
        assert (job["exit_code"], job["run"], job["action"], job["kind"]) == (0, "mine", "launch", "process")
        assert "stopping cleanly (clnp stop)" in client.get(f"/api/v1/jobs/{job['id']}/output").text
        resumed = client.post(f"{RUNS}/mine/resume", json={"retry_failed": True, "as": "process"})
        assert resumed.status_code == 202
        _ended(client, resumed.json()["job"])
        assert client.get(f"{RUNS}/mine").json()["state"] == RunState.COMPLETED
        assert [each["action"] for each in client.get("/api/v1/jobs").json()] == ["resume", "launch"]


def test_a_driver_that_dies_at_once_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store").write_text("a file where a folder should be")
    settings = ServiceSettings(Place.of(f"sqlite:///{tmp_path}/.clnp/clnp.db", str(tmp_path / "store")), token=TOKEN)
    monkeypatch.setenv("CLNP_TOKEN", TOKEN)
    with serving(settings, tmp_path) as client:
        client.headers.update(HOLDER)
        first = client.post(RUNS, json={"config": TINY})
        second = client.post(RUNS, json={"config": TINY})
        assert [answer.status_code for answer in (first, second)] == [202, 202]
        assert [answer.json()["run"] for answer in (first, second)] == ["tiny", "tiny-2"]
        for answer in (first, second):
            job = _ended(client, answer.json()["job"])
            assert job["exit_code"] not in (0, None)
            output = client.get(f"/api/v1/jobs/{job['id']}/output").text
            assert "error: " in output and "Traceback" not in output and TOKEN not in output
            assert TOKEN not in str(job) and ".db" not in " ".join(job["command"])
    assert oct((tmp_path / ".clnp" / "jobs" / job["id"]).stat().st_mode)[-2:] == "00"


@pytest.mark.parametrize(("body", "told"), [
    ({}, "give the config either as `config` or as `config_yaml`"),
    ({"config": {}, "config_yaml": ""}, "give the config either as `config` or as `config_yaml`"),
    ({"config_yaml": ""}, "the config is empty"),
    ({"config_yaml": "- 1"}, "the config has no sections of keys"),
    ({"config_yaml": "a: [1"}, "the config, line 1, column 6"),
    ({"config": {**TINY, "training": {"epoch": 1}, "name": "a b"}}, "the config has 3 problems:"),
    ({"config": TINY, "overrides": ["seed=x"]}, "--set seed"),
    ({"config": {**TINY, "seeds": [0, 1]}}, "a config with seeds makes a group, and only single runs"),
    ({"config": TINY, "as": "ray-job"}, "no Ray cluster is configured for jobs"),
    ({"config": TINY, "nonsense": 1}, "body nonsense: extra inputs are not permitted"),
])
def test_a_wrong_wish_starts_nothing(acting: httpx.Client, body: dict[str, Any], told: str) -> None:
    before = acting.get(RUNS).json()["total"]
    answer = acting.post(RUNS, json=body, headers=HOLDER)
    assert answer.status_code == 422 and told in answer.json()["error"]["message"], answer.text
    assert acting.get(RUNS).json()["total"] == before and acting.get("/api/v1/jobs").json() == []


def test_a_name_that_is_taken_starts_nothing(acting: httpx.Client) -> None:
    answer = acting.post(RUNS, json={"config": TINY, "name": "tiny"}, headers=HOLDER)
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == "there is a run 'tiny' already"


def test_a_completed_run_has_nothing_to_resume(acting: httpx.Client) -> None:
    answer = acting.post(f"{RUNS}/tiny/resume", headers=HOLDER)
    assert answer.status_code == 409 and acting.get("/api/v1/jobs").json() == []
    assert answer.json()["error"]["message"] == "run 'tiny' is completed: there is nothing left to do"


def test_requests_to_runs_in_other_states(tmp_path: Path) -> None:
    with written(tmp_path) as driver, serving(ServiceSettings(place_in(tmp_path), token=TOKEN), tmp_path) as client:
        client.headers.update(HOLDER)
        assert client.post(f"{RUNS}/nobody/stop").status_code == 404
        held = client.post(f"{RUNS}/demo/resume")
        assert held.status_code == 409
        assert held.json()["error"]["message"].startswith(f"run 'demo' is driven by process {os.getpid()} on ")
        asked = client.post(f"{RUNS}/demo/stop").json()
        assert (asked["run"], asked["kind"], asked["answer"]) == ("demo", "stop", None)
        driver.let_go()
        late = client.post(f"{RUNS}/demo/stop").json()["error"]["message"]
        assert late == "run 'demo' is stopped: there is no driver to stop"
        assert client.post(f"{RUNS}/demo/cancel").json()["kind"] == "cancel"
        assert client.post(f"{RUNS}/demo/resume").json()["error"]["message"] == "run 'demo' is cancelled and cannot be resumed"
        assert [each["kind"] for each in client.get(f"{RUNS}/demo/requests").json()] == ["stop", "cancel"]


@pytest.mark.parametrize(("content", "kind", "told"), [
    (b'{"config_yaml": "x"}', "application/x-www-form-urlencoded", "the body is not declared as JSON"),
    (b'{"config_yaml": ', "application/json", "the body is not JSON"),
    (b'[]', "application/json; charset=utf-8", "body: input should be a valid dictionary"),
])
def test_a_body_that_is_no_wish(acting: httpx.Client, content: bytes, kind: str, told: str) -> None:
    answer = acting.post(RUNS, content=content, headers={**HOLDER, "Content-Type": kind})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(told)
