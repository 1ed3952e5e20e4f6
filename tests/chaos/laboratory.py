"""Where the chaos takes place: a Ray cluster that outlives its drivers, a database, and drivers that are forked and killed."""

import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clnp_core.errors import ClnpError
from db.engine import open_database
from db.reads.reads import Reads
from orchestrator import api
from orchestrator.config.config import Config
from tests.chaos.faults import AT_RANDOM, Fault, Trap, order

WORKER = Path(__file__).parent / "worker"
KILLED = -signal.SIGKILL
CONFIG: dict[str, Any] = {
    "name": "chaos",
    "benchmark": {"name": "chaos_tasks:Tasks", "tasks": 2},
    "network": {"hidden": [8, 6]},
    "training": {"batch_size": 50, "epochs": 2},
    "sweep": {"alpha": [1e-4], "learning_rate": [0.01, 0.03, 0.1]},
    "selection": {"margin_points": 20, "curve_points": 5},
    "storage": {"keep_trials": "none"},
}


@dataclass
class Laboratory:
    """A database, and a folder for stores and orders. The environment must name the cluster already."""

    url: str
    folder: Path

    def storage(self, run: str) -> str:
        """A store of its own for every run, so that no artifact is there before it is written."""
        return str(self.folder / "stores" / run)

    def drive(self, run: str, *faults: Fault) -> int:
        """Launch the run, or resume it if it is there, in a new process; kill what the faults say.

        Returns:
            The exit status; negative for a signal.
        """
        pid = self.start(run, *faults)
        after = next((fault.after_seconds for fault in faults if fault.boundary == AT_RANDOM), None)
        if after is not None:
            deadline = time.monotonic() + after
            while time.monotonic() < deadline:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
        return self.end(pid)

    def end(self, pid: int) -> int:
        """Wait for a driver."""
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def start(self, run: str, *faults: Fault, sabotage: Any = None) -> int:
        """Fork a driver; returns its process id. ``sabotage`` is called in it first."""
        pid = os.fork()
        if pid:
            return pid
        code = 70
        try:
            code = self._be_driver(run, faults, sabotage)
        except ClnpError as error:
            traceback.print_exc()
            code = error.exit_code
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _be_driver(self, run: str, faults: Sequence[Fault], sabotage: Any) -> int:
        os.setsid()
        log = os.open(self.folder / f"{run}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.chdir(WORKER)
        sys.path.insert(0, str(WORKER))
        orders = self.folder / "orders"
        order(faults, orders)
        if sabotage is not None:
            sabotage()
        mine = [fault for fault in faults if not fault.on_worker and fault.boundary != AT_RANDOM]
        if mine or not faults:
            Trap(mine, orders).set()
        print(f"--- driver {os.getpid()}: {'; '.join(fault.name for fault in faults)}", flush=True)
        if self.exists(run):
            api.resume(run, url=self.url, storage=self.storage(run))
        else:
            api.launch(Config.parse({**CONFIG, "name": run}), name=run, url=self.url, storage=self.storage(run))
        return 0

    def exists(self, run: str) -> bool:
        """Whether the run is recorded."""
        return bool(self.ask(lambda reads: run in {row.name for row in reads.runs()}))

    def ask(self, question: Any) -> Any:
        """Something of the database."""
        engine = open_database(self.url, create=True)
        try:
            return question(Reads(engine))
        finally:
            engine.dispose()

    def stale_writes(self, run: str) -> list[str]:
        """What the database accepted from a driver of the run after it had accepted something from a later one."""
        latest, stale = 0, []
        for line in (self.folder / "orders" / "accepted").read_text().splitlines():
            name, fence, write = line.split()
            if name == run:
                latest = max(latest, int(fence))
                stale += [write] if int(fence) < latest else []
        return stale

    def obeyed(self) -> list[str]:
        """The names of the faults that the last driver and its workers have met."""
        file = self.folder / "orders" / "obeyed"
        return file.read_text().splitlines() if file.exists() else []

    def trace(self) -> list[str]:
        """The boundaries that an undisturbed driver reached, in order."""
        return (self.folder / "orders" / "trace").read_text().splitlines()


def warm() -> None:
    """Import here what every driver needs, so that a forked one need not. Ray reads its token when it is imported."""
    import orchestrator.driver.transitions  # noqa: F401  with Ray, torch and Optuna


@contextmanager
def cluster(folder: Path, cpus: int = 2) -> Iterator[None]:
    """A Ray head whose workers lie in wait; ``RAY_ADDRESS`` names it inside."""
    orders = folder / "orders"
    orders.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-shared-token-for-the-chaos", "RAY_USAGE_STATS_ENABLED": "0"}
    before = dict(os.environ)
    os.environ.update(settings, RAY_ADDRESS=f"127.0.0.1:{port}")
    command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", f"--port={port}", f"--num-cpus={cpus}",
               "--include-dashboard=false", "--object-store-memory=100000000"]
    environment = {**before, **settings, "CHAOS_FOLDER": str(orders)}
    with (folder / "head.log").open("w") as log:
        head = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield
    finally:
        _kill_session(head.pid)
        head.wait(timeout=60)
        os.environ.clear()
        os.environ.update(before)


def _kill_session(session: int) -> None:
    """Every process that the head started is of its session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == session:
                    os.kill(int(entry.name), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
