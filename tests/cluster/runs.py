"""Runs that are driven by a process of their own on a cluster of several nodes, with PostgreSQL."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.engine import open_database
from db.reads.reads import Reads
from db.rows import TrialRow
from db.states import TrialState
from tests.cluster.machines import Machines

CONFIG = """name: spread
benchmark: {{name: permuted-digits, tasks: {tasks}}}
network: {{hidden: [32, 24]}}
training: {{batch_size: 64, epochs: {epochs}}}
sweep: {{alpha: [1e-4], learning_rate: [0.01, 0.015, 0.02]}}
selection: {{margin_points: 2, curve_points: 10}}
"""


@dataclass
class Drivers:
    """A folder from which drivers are started, a database, and a store; each driver is a process."""

    folder: Path
    url: str
    storage: str
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def start(self, environment: dict[str, str], *words: str, **settings: str) -> "subprocess.Popen[str]":
        """``clnp WORDS`` as a process; what it says lies in the files ``out`` and ``err`` of the folder."""
        full = environment | {"CLNP_DB_URL": self.url, "CLNP_STORAGE": self.storage} | settings
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            driver = subprocess.Popen([sys.executable, "-m", "orchestrator.cli", *words], cwd=self.folder, env=full,
                                      stdout=out, stderr=err, text=True)
        self.started.append(driver)
        return driver

    def finish(self, driver: "subprocess.Popen[str]", seconds: float = 480) -> int:
        """Its exit code; a driver that takes longer is a failure."""
        try:
            return driver.wait(timeout=seconds)
        finally:
            if driver.poll() is None:
                driver.kill()
                driver.wait()

    def said(self) -> str:
        """What the last driver has said."""
        return (self.folder / "out").read_text() + (self.folder / "err").read_text()

    def config(self, tasks: int = 1, epochs: int = 2) -> str:
        """The name of a config file, written now."""
        (self.folder / "spread.yaml").write_text(CONFIG.format(tasks=tasks, epochs=epochs))
        return "spread.yaml"

    def read(self, question: Callable[[Reads], Any]) -> Any:
        """An answer from the database."""
        engine: Engine = open_database(self.url)
        try:
            return question(Reads(engine))
        finally:
            engine.dispose()

    def trials(self, run: str) -> list[TrialRow]:
        return list(self.read(lambda reads: reads.trials(run)))

    def digests(self, run: str) -> list[str]:
        return [commit.digest for commit in self.read(lambda reads: reads.commits(run))]

    def wait_for(self, driver: "subprocess.Popen[str]", run: str, wanted: Callable[[list[TrialRow]], bool],
                 seconds: float = 240) -> None:
        """Until the trials of a run are as wanted, while its driver lives."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert driver.poll() is None, self.said()
            runs = self.read(lambda reads: [row.name for row in reads.runs()]) if self.has_tables() else []
            if run in runs and wanted(self.trials(run)):
                return
            time.sleep(0.3)
        raise AssertionError(f"not within {seconds:g} s: {self.said()}")

    def has_tables(self) -> bool:
        """Whether a driver has made the database."""
        try:
            open_database(self.url).dispose()
        except Exception:
            return False
        return True


def undisturbed(drivers: Drivers, machines: Machines, config: str) -> list[str]:
    """The commit digests of a run that nothing happens to."""
    environment = {name: value for name, value in machines.environment.items() if name != "RAY_ADDRESS"}
    driver = drivers.start(environment, "launch", config, "--name", "undisturbed")
    assert drivers.finish(driver) == 0, drivers.said()
    return drivers.digests("undisturbed")


def some_finished(trials: list[TrialRow]) -> bool:
    """One trial has ended and another runs."""
    states = [trial.state for trial in trials]
    return TrialState.FINISHED in states and TrialState.RUNNING in states


def both_running(trials: list[TrialRow]) -> bool:
    """Two trials run side by side, and have told an epoch."""
    return sum(trial.state is TrialState.RUNNING for trial in trials) >= 2
