"""A disk that is really full, under an artifact and under the database: nothing is lost, and with room the run goes on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clnp_core.errors import DatabaseError, RunFailedError

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, os, subprocess, sys, time
from pathlib import Path
from tests.chaos.faults import Fault
from tests.chaos.judge import Snapshot, judge
from tests.chaos.laboratory import Laboratory, cluster, warm

folder = Path(sys.argv[1])
disk = folder / "disk"
disk.mkdir()
(folder / "plain").mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], check=True)


def fill(leave):
    room = os.statvfs(disk)
    (disk / "ballast").write_bytes(bytes(room.f_bavail * room.f_frsize - leave))


def look(laboratory, run):
    return laboratory.ask(lambda reads: Snapshot.of(reads, run, laboratory.storage(run)))


told = {}
with cluster(folder, cpus=1):
    warm()
    undisturbed = Laboratory(f"sqlite:///{folder}/plain/clnp.db", folder)
    assert undisturbed.drive("undisturbed") == 0
    end = look(undisturbed, "undisturbed")

    (folder / "stores").rename(folder / "stores-before")
    (disk / "stores").mkdir()
    (folder / "stores").symlink_to(disk / "stores")
    stored = Laboratory(f"sqlite:///{folder}/plain/clnp.db", folder)
    fill(leave=4096 * 2)
    full = stored.drive("artifacts")
    words = (folder / "artifacts.log").read_text()
    (disk / "ballast").unlink()
    again = stored.drive("artifacts")
    told["artifacts"] = [full, words[-900:], again, judge(look(stored, "artifacts"), end).all()]

    recorded = Laboratory(f"sqlite:///{disk}/clnp.db", folder)
    driver = recorded.start("rows", Fault("never"))
    while not recorded.exists("rows") or not recorded.ask(lambda reads: reads.trials("rows")):
        time.sleep(0.1)
    fill(leave=0)
    full = recorded.end(driver)
    (disk / "ballast").unlink()
    words = (folder / "rows.log").read_text()
    again = recorded.drive("rows")
    told["rows"] = [full, words[-900:], again, judge(look(recorded, "rows"), end).all()]
print(json.dumps(told))
"""


def _may_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("unshare") is not None and subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not _may_mount(), reason="only root may mount a small disk")
def test_a_full_disk_stops_a_run_and_costs_it_nothing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CLNP_", "RAY_"))}
    done = subprocess.run(["unshare", "--mount", sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, text=True,
                          capture_output=True, timeout=900, env=environment | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    full, words, again, damage = told["artifacts"]
    assert full == RunFailedError.exit_code, words
    assert "No space left on device" in words and "free some disk space" in words
    assert (again, damage) == (0, [])
    full, words, again, damage = told["rows"]
    assert full == DatabaseError.exit_code, words
    assert "no space is left for the database" in words and "nothing was written partially" in words
    assert (again, damage) == (0, [])
