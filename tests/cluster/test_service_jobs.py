"""The service and a cluster that takes jobs: runs are launched, stopped and resumed over HTTP, their drivers are Ray jobs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.machines import ROOT, Machines, machines
from tests.cluster.runs import CONFIG, Drivers

TOKEN = "a-token-for-tests-0123456789"
RUNS, JOBS = "/api/v1/runs", "/api/v1/jobs"


@contextmanager
def serving(drivers: Drivers, dashboard: str, environment: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of ``clnp serve``, a process of its own whose jobs are those of a cluster."""
    settings = {"CLNP_DB_URL": drivers.url, "CLNP_STORAGE": drivers.storage, "CLNP_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    with (drivers.folder / "service.log").open("w") as log:
        service = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", "serve", "--port", "0", "--json", "--jobs", "ray", "--ray-dashboard",
             dashboard], cwd=drivers.folder, env=environment | settings, stdout=subprocess.PIPE, stderr=log, text=True)
    assert service.stdout is not None
    try:
        said = "".join(iter(service.stdout.readline, "}\n"))
        address = json.loads(said + "}")["address"]
        with httpx.Client(base_url=address, timeout=60, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            yield client
    finally:
        service.terminate()
        service.wait(timeout=60)
        service.stdout.close()
    assert (drivers.folder / "service.log").read_text() == ""


def wait(wanted: Callable[[], Any], seconds: float = 240.0) -> Any:
    """What is wanted, once it is there."""
    until = time.monotonic() + seconds
    while not (found := wanted()) and time.monotonic() < until:
        time.sleep(0.3)
    assert found
    return found


def launch(client: httpx.Client, wish: dict[str, Any]) -> httpx.Response:
    """The answer to a launch, asked for again while a cluster that has just started says so."""
    return wait(lambda: answer if "try again later" not in (answer := client.post(RUNS, json=wish)).text else None)


def ended(client: httpx.Client, started: httpx.Response) -> dict[str, Any]:
    """The job of an answer once it runs no more, with what it printed."""
    assert started.status_code == 202, started.text
    path = f"{JOBS}/{started.json()['job']}"
    job: dict[str, Any] = wait(lambda: found if (found := client.get(path).json())["state"] != "running" else None)
    return job | {"output": client.get(f"{path}/output").text}


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """A cluster with a dashboard, and ``clnp`` on the path of its head."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    with machines(tmp_path / "cluster.log", dashboard=True) as cluster:
        yield cluster


@pytest.mark.slow
def test_runs_are_driven_by_jobs_of_the_cluster(drivers: Drivers, head: Machines) -> None:
    elsewhere = {"RAY_ADDRESS": "127.0.0.1:1", "RAY_API_SERVER_ADDRESS": "http://127.0.0.1:1"}  # the option is what counts
    with serving(drivers, f"http://{head.dashboard}", head.environment | elsewhere) as client:
        short = ended(client, launch(client, {"config_yaml": CONFIG.format(tasks=1, epochs=2)}))
        assert (short["state"], short["exit_code"], short["kind"]) == ("ended", 0, "ray-job"), short
        assert short["command"] == ["clnp", "resume", "spread"] and short["ended_at"] > short["started_at"]
        assert client.get(f"{RUNS}/spread").json()["state"] == "completed"
        assert "task 1" in short["output"]

        long = client.post(RUNS, json={"config_yaml": CONFIG.format(tasks=1, epochs=100), "name": "long", "as": "ray-job"})
        wait(lambda: client.get(f"{RUNS}/long").json()["trials_running"])
        assert client.get(f"{JOBS}/{long.json()['job']}").json()["state"] == "running"
        assert client.post(f"{RUNS}/long/resume").status_code == 409
        assert client.post(f"{RUNS}/long/stop").status_code == 202
        stopped = ended(client, long)
        assert stopped["exit_code"] == 0 and "stopping cleanly (clnp stop)" in stopped["output"], stopped
        assert client.get(f"{RUNS}/long").json()["state"] == "stopped"

        again = client.post(f"{RUNS}/long/resume", json={"as": "ray-job"})
        wait(lambda: client.get(f"{RUNS}/long").json()["trials_running"])
        submission = client.get(f"{JOBS}/{again.json()['job']}").json()["ray_job"]
        token = {"Authorization": f"Bearer {head.environment['RAY_AUTH_TOKEN']}"}
        assert httpx.post(f"http://{head.dashboard}/api/jobs/{submission}/stop", headers=token).status_code == 200
        lost = ended(client, again)
        assert (lost["state"], lost["exit_code"], lost["action"]) == ("lost", None, "resume") and lost["message"], lost
        resumed = ended(client, client.post(f"{RUNS}/long/resume"))
        assert (resumed["exit_code"], resumed["kind"]) == (0, "ray-job"), resumed
        assert client.get(f"{RUNS}/long").json()["state"] == "completed"
        assert [job["state"] for job in client.get(JOBS).json()] == ["ended", "lost", "ended", "ended"]


@pytest.mark.slow
def test_a_driver_that_dies_and_a_cluster_that_refuses_or_is_gone(drivers: Drivers, head: Machines) -> None:
    wish = {"config_yaml": CONFIG.format(tasks=1, epochs=2)}
    (drivers.folder / "artifacts").write_text("a file where a folder should be")
    with serving(drivers, f"http://{head.dashboard}", head.environment) as client:
        dead = ended(client, launch(client, wish))
        assert dead["state"] == "ended" and dead["exit_code"] not in (0, None), dead
        assert "error: " in dead["output"] and "Traceback" not in dead["output"]
        head.lose_head()
        wait(lambda: client.get(f"{JOBS}/{dead['id']}").json()["state"] == "unknown")
        assert client.get(f"{JOBS}/{dead['id']}/output").status_code == 503
        refused = client.post(RUNS, json=wish | {"name": "refused"})
        assert refused.status_code == 503 and "does not accept jobs" in refused.json()["error"]["message"]
        assert client.get(f"{RUNS}/refused").status_code == 404


@pytest.mark.slow
def test_a_cluster_with_a_token_that_the_service_does_not_have(drivers: Drivers, head: Machines) -> None:
    stranger = {name: value for name, value in head.environment.items() if not name.startswith("RAY_")}
    with serving(drivers, f"http://{head.dashboard}", stranger) as client:
        refused = client.post(RUNS, json={"config_yaml": CONFIG.format(tasks=1, epochs=2)})
        assert refused.status_code == 503 and "does not accept jobs" in refused.json()["error"]["message"], refused.text
        assert client.get(RUNS).json()["total"] == 0
