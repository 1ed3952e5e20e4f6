"""A Ray of our own: who can reach it, who can read its files, what its processes know, and what is left of it."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.driver.ray_failure import LONGEST_BASE
from orchestrator.driver.scratch import PREFIX
from orchestrator.runs.location import SECRETS

ROOT = Path(__file__).resolve().parents[3]

LOOK = """
import json, os, sys
import psutil
from orchestrator.driver.cluster import connect, quiet_environment
from tests.orchestrator.laboratory import small
told = {}
with connect(small()) as cluster:
    import ray
    told["worker"] = ray.get(ray.remote(lambda: dict(os.environ)).remote())
    me = psutil.Process()
    processes = [me, *me.children(recursive=True)]
    told["listens"] = sorted({c.laddr.ip for p in processes for c in p.net_connections() if c.status == psutil.CONN_LISTEN})
    told["inherited"] = [p.environ() for p in processes[1:] if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    told["session"] = ray._private.worker._global_node.get_session_dir_path()
    told["folder_mode"] = os.stat(os.path.join(os.path.dirname(told["session"]), "..")).st_mode
    told["token"] = os.environ["RAY_AUTH_TOKEN"]
    told["within"] = {name: os.environ.get(name) for name in sys.argv[1:]}
told["afterwards"] = {name: value for name, value in os.environ.items() if name.startswith(("RAY_AUTH", "RAY_ENABLE"))}
print(json.dumps(told))
"""


def _environment(folder: Path, **more: str) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**plain, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(folder), "HOME": str(home), **more}


def _look(folder: Path, **more: str) -> dict[str, Any]:
    answer = subprocess.run([sys.executable, "-c", LOOK, *SECRETS], cwd=ROOT, env=_environment(folder, **more),
                            capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{PREFIX}*"))


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for Ray's sockets."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    import shutil

    shutil.rmtree(folder)


@pytest.mark.whole
def test_nobody_else_reaches_it_and_nothing_of_it_is_left(short: Path) -> None:
    secrets = {name: f"{name}-is-not-for-workers" for name in SECRETS}
    told = _look(short, RAY_AUTH_TOKEN="the-token-of-another-cluster", AWS_SECRET_ACCESS_KEY="for-a-bucket", **secrets)
    assert {address.removeprefix("::ffff:") for address in told["listens"]} == {"127.0.0.1"}
    assert stat.S_IMODE(told["folder_mode"]) == 0o700
    assert len(told["token"]) == 64 and told["worker"]["RAY_AUTH_TOKEN"] == told["token"]
    assert told["afterwards"] == {"RAY_AUTH_TOKEN": "the-token-of-another-cluster"}
    assert told["within"] == secrets, "the driver itself still has them"
    for environment in (told["worker"], *told["inherited"]):
        assert not [value for value in environment.values() if value.endswith("-is-not-for-workers")]
    assert told["worker"]["AWS_SECRET_ACCESS_KEY"] == "for-a-bucket"
    assert Path(told["session"]).is_relative_to(short)
    assert _folders(short) == [] and not (short / "home" / ".ray").exists()


@pytest.mark.whole
def test_every_cluster_has_a_token_of_its_own_also_within_one_process(short: Path) -> None:
    program = """
import os
from orchestrator.driver.cluster import connect
from tests.orchestrator.laboratory import small
for _ in range(2):
    with connect(small()) as cluster:
        import ray
        assert ray.get(ray.remote(lambda: 7).remote()) == 7
        print(os.environ["RAY_AUTH_TOKEN"])
"""
    without_home = _environment(short, HOME="/proc/no-home")
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=without_home, capture_output=True, text=True,
                            timeout=300)
    assert answer.returncode == 0, answer.stderr
    assert len(set(answer.stdout.split())) == 2
    assert _folders(short) == []


@pytest.mark.whole
def test_what_a_killed_driver_left_is_removed_by_the_next_and_what_a_live_one_has_is_not(short: Path) -> None:
    program = """
import sys
from orchestrator.driver.cluster import connect
from tests.orchestrator.laboratory import small
with connect(small()):
    print("up", flush=True)
    sys.stdin.read()
"""
    (short / "ray" / "session_of_somebody_else").mkdir(parents=True)
    (short / f"{PREFIX}of-the-user").mkdir()
    drivers = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=_environment(short), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for driver in drivers:
            assert driver.stdout is not None and driver.stdout.readline() == "up\n"
        left = psutil.Process(drivers[0].pid).children(recursive=True)
        before = _folders(short)
        assert len(before) == 3
        drivers[0].send_signal(signal.SIGKILL)
        drivers[0].wait(timeout=60)
        psutil.wait_procs(left, timeout=60)
        _look(short)
        after = _folders(short)
        assert len(after) == 2 and set(after) < set(before), "that of the live driver, and the one that is not ours"
        assert drivers[1].poll() is None
    finally:
        for driver in drivers:
            driver.communicate(timeout=60)
    assert drivers[1].returncode == 0
    assert [path.name for path in _folders(short)] == [f"{PREFIX}of-the-user"]
    assert (short / "ray" / "session_of_somebody_else").is_dir()


def test_a_long_folder_of_temporary_files_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.driver.local_ray import _base

    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/" + "x" * LONGEST_BASE)
    assert _base() == Path("/tmp")
    monkeypatch.setenv("TMPDIR", "/" + "x" * (LONGEST_BASE - 1))
    assert _base() == Path(os.environ["TMPDIR"])
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("x" * LONGEST_BASE)))
    assert _base() == Path(os.environ["RAY_TMPDIR"]), "what is asked for is done, or its error told"
