"""Every reason for which Ray does not start or cannot be reached is named with its remedy; each is provoked for real."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from clnp_core.errors import ClnpError, ConfigError, RunFailedError
from orchestrator.driver.ray_failure import (
    LEAST_OPEN_FILES,
    LOGS,
    LONGEST_BASE,
    check_address,
    check_machine,
    of_address,
    of_machine,
)
from tests.messages import naming

ROOT = Path(__file__).resolve().parents[3]

CHECK = """
import json, os
from pathlib import Path
from clnp_core.errors import ClnpError
from orchestrator.driver.ray_failure import check_machine
try:
    check_machine(Path(os.environ["RAY_TMPDIR"]), os.environ)
except ClnpError as error:
    print(json.dumps([type(error).__name__, error.message, error.hint]))
"""
"""What is done before Ray is started, in a process of its own, which may have other limits or mounts."""

CONNECT = """
import json
from clnp_core.errors import ClnpError
from orchestrator.driver.cluster import connect
from tests.orchestrator.laboratory import small
try:
    with connect(small()):
        print("up")
except ClnpError as error:
    print(json.dumps([type(error).__name__, error.message, error.hint]))
"""


def _refusal(prefix: Sequence[str] = (), before: Callable[[], None] | None = None, program: str = CHECK,
             **variables: str) -> tuple[str, str, str]:
    """The class, the message and the hint of the error with which the program ends."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TMPDIR"))}
    environment = {**plain, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([*prefix, sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True,
                          timeout=300, preexec_fn=before)
    assert done.stdout.startswith("["), done
    error, message, hint = json.loads(done.stdout.splitlines()[-1])
    return error, message, hint


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for Ray's sockets."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_a_folder_whose_path_is_too_long_for_sockets(tmp_path: Path) -> None:
    long = tmp_path / ("x" * LONGEST_BASE)
    long.mkdir()
    with pytest.raises(RunFailedError, match=naming(long, len(os.fsencode(long)), LONGEST_BASE, "RAY_TMPDIR")):
        check_machine(long, {"RAY_TMPDIR": str(long)})


def test_a_folder_that_is_absent_or_no_folder_or_not_writable(short: Path) -> None:
    (short / "file").touch()
    wanted = {str(short / "absent"): "is not there", str(short / "file"): "is not a folder", "/sys": "cannot be written to"}
    for folder, what in wanted.items():
        with pytest.raises(RunFailedError, match=naming(folder, what, "RAY_TMPDIR")):
            check_machine(Path(folder), {"RAY_TMPDIR": folder})


def test_too_few_open_files(short: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (LEAST_OPEN_FILES - 1, LEAST_OPEN_FILES - 1))

    _, message, hint = _refusal(before=limited, RAY_TMPDIR=str(short))
    assert message == f"Ray does not start: this process may have at most {LEAST_OPEN_FILES - 1} open files"
    assert "ulimit -n" in hint


def _may(*command: str) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not _may("unshare", "--mount", "true"), reason="no mounts of one's own here")
def test_a_full_disk(short: Path) -> None:
    script = 'mount -t tmpfs -o size=1m tmpfs "$RAY_TMPDIR" && exec "$@"'
    _, message, hint = _refusal(["unshare", "--mount", "bash", "-c", script, "bash"], program=CONNECT, RAY_TMPDIR=str(short))
    assert message.startswith(f"the disk below the folder {short} that RAY_TMPDIR names is full: 1 MiB are free")
    assert "free space there" in hint


@pytest.mark.skipif(not _may("unshare", "--net", "true"), reason="no networks of one's own here")
def test_a_loopback_address_that_cannot_be_used(short: Path) -> None:
    _, message, hint = _refusal(["unshare", "--net"], RAY_TMPDIR=str(short))
    assert "loopback address 127.0.0.1" in message and "ip link set lo up" in hint


@pytest.mark.parametrize(("line", "message", "hint"), [
    ("IOError: No space left on device", "the disk below", "free space"),
    ("[C] terminate: Too many open files", "open files", "ulimit -n"),
    ("what():  thread: Resource temporarily unavailable", "no process or thread", "ulimit -u"),
    ("can't start new thread", "no process or thread", "ulimit -u"),
    ("terminate called: std::bad_alloc", "no memory left", "memory limit"),
    ("bind: Address already in use", "a port that it needs is in use", "RAY_"),
])
def test_a_reason_that_only_the_logs_of_ray_name(tmp_path: Path, line: str, message: str, hint: str) -> None:
    logs = tmp_path / LOGS
    logs.mkdir(parents=True)
    (logs / "dashboard.log").write_text("warning: Permission denied: /sys/fs/cgroup\n")
    (logs / "gcs_server.err").write_text(f"as usual\n{line}\n")
    error = of_machine(RuntimeError("Timed out waiting for file gcs_server_port"), tmp_path)
    assert isinstance(error, RunFailedError) and message in error.message and hint in error.hint
    (logs / "gcs_server.err").unlink()
    error = of_machine(RuntimeError("Timed out waiting for file gcs_server_port"), tmp_path)
    assert "Timed out" in error.message and str(logs) in error.hint and "too busy" in error.hint


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", "127.0.0.1:99999", ":6379", "http://127.0.0.1:8265"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ConfigError, match=naming("RAY_ADDRESS")) as refused:
        check_address(address)
    assert "HOST:PORT" in refused.value.hint


def test_an_address_where_nothing_listens_or_that_no_machine_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_address(f"127.0.0.1:{port}")
        check_address(f"ray://127.0.0.1:{port}")
    for address, what in ((f"127.0.0.1:{port}", "nothing listens there"),
                          ("no-such-host.invalid:6379", "no machine has the name 'no-such-host.invalid'")):
        with pytest.raises(RunFailedError) as refused:
            check_address(address)
        assert what in refused.value.message and "unset" in refused.value.hint


def test_a_cluster_that_is_not_there_is_one_clear_error() -> None:
    error, message, hint = _refusal(program=CONNECT, RAY_ADDRESS="127.0.0.1:1")
    assert (error, message) == ("RunFailedError", "cannot reach the Ray cluster at 127.0.0.1:1: nothing listens there")
    assert "RAY_ADDRESS" in hint


def test_an_error_of_this_project_is_kept() -> None:
    own = ConfigError("what", "hint")
    kept: list[ClnpError] = [of_machine(own, Path("/tmp/x")), of_address(own, "127.0.0.1:6379")]
    assert kept == [own, own]


@pytest.mark.slow
def test_a_cluster_that_wants_another_token(cluster_elsewhere: dict[str, str]) -> None:
    address = cluster_elsewhere["RAY_ADDRESS"]
    _, message, hint = _refusal(program=CONNECT, RAY_ADDRESS=address)
    assert message.endswith("no Ray that accepts this driver without a token") and "RAY_AUTH_TOKEN" in hint
    another = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "of-another-cluster"}
    _, message, hint = _refusal(program=CONNECT, RAY_ADDRESS=address, **another)
    assert "token" in message and "RAY_AUTH_TOKEN" in hint
