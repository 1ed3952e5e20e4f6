"""A Ray cluster of several real raylets on this machine, in a process of its own: ``python -m tests.cluster.machines``.

It says where it is in one line of JSON and ends when its standard input does. The head has no CPU, so every trial runs on one
of two further nodes, which have one CPU each.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-shared-token-for-this-test"}


@dataclass(frozen=True)
class Machines:
    """A running cluster. ``nodes`` has the id and the raylet's process id of each node with a CPU; ``environment`` is what a
    driver needs to reach it; ``gcs`` and ``head`` are process ids."""

    address: str
    dashboard: str
    gcs: int
    head: int
    nodes: dict[str, int]
    environment: dict[str, str]

    def lose_node(self, node: str) -> None:
        """Kill its raylet at once; Ray's workers there follow it."""
        os.kill(self.nodes[node], signal.SIGKILL)

    def lose_head(self) -> None:
        """Kill what the cluster is held together by."""
        for pid in (self.gcs, self.head):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def machines(log: Path, dashboard: bool = False) -> Iterator[Machines]:
    """A cluster for the length of a block; what its processes say goes to ``log``."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTHONPATH"))}
    own = tempfile.mkdtemp(prefix="clnp-")  # Ray notes the newest cluster in it, for whoever asks; and sockets want short paths
    environment = plain | TOKEN | {"RAY_TMPDIR": own, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT),
                                   "PYTHONWARNINGS": "ignore"}
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", "tests.cluster.machines", str(int(dashboard))], cwd=log.parent,
                                   env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True,
                                   start_new_session=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        line = next((line for line in process.stdout if line.startswith("{")), None)
        assert line is not None, log.read_text()
        facts = json.loads(line)
        yield Machines(**facts, environment=environment | {"RAY_ADDRESS": facts["address"]})
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        kill_session(process.pid)
        shutil.rmtree(own, ignore_errors=True)


def kill_session(leader: int) -> None:
    """Ray's processes have groups of their own, but stay in the session of the one that started them."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue  # it has ended meanwhile


def _process(node: object, kind: str) -> int:
    return int(node.all_processes[kind][0].process.pid)  # type: ignore[attr-defined]  # Ray's test cluster is not typed


def main(dashboard: bool) -> None:
    """Start the cluster, say where it is, and wait for the end of the input."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={
        "num_cpus": 0, "include_dashboard": dashboard, "object_store_memory": 80 * 2**20,
        "dashboard_agent_listen_port": 0})  # a free one: the usual one may be another cluster's, and no job starts then
    head = cluster.head_node
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20) for _ in range(2)]
    cluster.wait_for_nodes()
    print(json.dumps({"address": cluster.address, "dashboard": head.webui_url or "", "gcs": _process(head, "gcs_server"),
                      "head": _process(head, "raylet"), "nodes": {node.node_id: _process(node, "raylet") for node in nodes}}),
          flush=True)
    sys.stdin.read()
    os._exit(0)  # whoever started this ends the session; an orderly end would take longer


if __name__ == "__main__":
    main(sys.argv[1] == "1")
