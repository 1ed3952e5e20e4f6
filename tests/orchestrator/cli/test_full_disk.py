"""A store whose disk is full: the run fails with the exit code of the store, and goes on once there is room."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.orchestrator.cli.conftest import TINY, environment

SCRIPT = """
mount -t tmpfs -o size=16k tmpfs store || exit 99
"$@" launch tiny.yaml > launched 2>&1; echo $? > failed
mount -o remount,size=16m store
"$@" resume tiny > resumed 2>&1; echo $? > ended
"""


@pytest.mark.slow
def test_a_full_disk_is_an_error_of_the_store(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can mount a small disk")
    one_task = {**TINY, "benchmark": {**TINY["benchmark"], "tasks": 1}}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(one_task))
    (tmp_path / "store").mkdir()
    mounted = subprocess.run(["unshare", "--mount", "bash", "-c", SCRIPT, "bash", sys.executable, "-m", "orchestrator.cli"],
                             cwd=tmp_path, check=False, timeout=600,
                             env={**environment(), "CLNP_STORAGE": str(tmp_path / "store")})
    if mounted.returncode == 99:
        pytest.skip("this machine allows no mounts of one's own")
    launched = (tmp_path / "launched").read_text()
    assert (tmp_path / "failed").read_text() == "6\n", launched
    message = next(line for line in launched.splitlines() if line.startswith("error: "))
    assert message.startswith("error: task 1: every trial failed") and message.endswith("No space left on device")
    assert launched.splitlines()[-1].startswith("hint: free some space")
    assert (tmp_path / "ended").read_text() == "0\n", (tmp_path / "resumed").read_text()
