"""A client that leaves: the driver is a job of the cluster, and the run goes on without whoever submitted it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from db.states import RunState
from tests.cluster.machines import machines
from tests.cluster.runs import Drivers


@pytest.mark.slow
def test_a_submitted_run_completes_without_its_client(drivers: Drivers, tmp_path: Path) -> None:
    config = tmp_path / drivers.config()
    with machines(tmp_path / "cluster.log", dashboard=True) as cluster:
        settings = {"CLNP_DB_URL": drivers.url, "CLNP_STORAGE": drivers.storage}
        ray = Path(sys.executable).parent / "ray"
        client = subprocess.run(
            [ray, "job", "submit", "--no-wait", "--address", f"http://{cluster.dashboard}",
             "--runtime-env-json", json.dumps({"env_vars": settings}), "--",
             sys.executable, "-m", "orchestrator.cli", "launch", str(config)],
            cwd=tmp_path, env=cluster.environment, capture_output=True, text=True, timeout=180)
        assert client.returncode == 0, client.stdout + client.stderr
        until = time.monotonic() + 240
        while time.monotonic() < until:
            runs = drivers.read(lambda reads: reads.runs()) if drivers.has_tables() else []
            if runs and not runs[0].driver_lives and runs[0].state is not RunState.RUNNING:
                break
            time.sleep(1)
        logs = list((Path(cluster.environment["RAY_TMPDIR"]) / "ray" / "session_latest" / "logs").glob("job-driver-*.log"))
        assert runs and runs[0].state is RunState.COMPLETED, [log.read_text() for log in logs]
    assert len(drivers.digests("spread")) == 1
    assert len({str(trial.host) for trial in drivers.trials("spread")}) >= 1
