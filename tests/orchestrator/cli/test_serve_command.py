"""`clnp serve` in a process of its own: one line, a clean end, and errors before it begins."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.orchestrator.cli.conftest import Outcome, Recorded, start


def test_it_says_where_it_serves_and_ends_cleanly(recorded: Recorded) -> None:
    process = start(recorded.folder, "serve", "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert line.startswith(f"serving sqlite:///{recorded.folder}/.clnp/clnp.db at http://127.0.0.1:")
        assert line.endswith("/; Ctrl-C ends it\n")
        address = line.split(" at ")[1].split(";")[0]
        assert httpx.get(f"{address}api/v1/runs/tiny").json()["name"] == "tiny"
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken(on_tiny: Callable[..., Outcome]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert on_tiny("serve", "--port", str(port)).refuses(2, port, "127.0.0.1", "--port", 0)


def test_what_cannot_be_served_is_told_before(clnp: Callable[..., Outcome], on_tiny: Callable[..., Outcome],
                                              tmp_path: Path) -> None:
    code, message, _ = clnp("serve", "--port", "0", folder=tmp_path).error
    assert (code, message) == (5, f"there is no database at sqlite:///{tmp_path}/.clnp/clnp.db yet")
    code, message, hint = on_tiny("serve", "--host", "0.0.0.0").error
    assert (code, message) == (2, "on 0.0.0.0 everyone who can connect to this machine could read the results")
    assert "CLNP_TOKEN" in hint
    outcome = on_tiny("serve", "--jobs", "ray", "--json")
    assert outcome.code == 2
    assert json.loads(outcome.out)["error"]["message"] == "Ray jobs need a cluster, and none is given"
