"""How long a run that was killed takes from the command `clnp resume` to its first new trial.

    python benchmarks/bench_resume.py [REPEATS] [--postgresql]

A driver on scikit-learn's digits is ended by SIGKILL as soon as two trials have a result, and resumed by the command line, on a
Ray of its own each time. Told are the moments at which the database learns of them: the lease, and the start of a trial; beside
them those of the launch, and what importing torch and Ray Tune alone takes here.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.databases import database
from db.engine import open_database
from db.reads.reads import Reads
from db.states import TrialState

CONFIG = """
name: resume
benchmark: {name: permuted-digits, tasks: 1}
network: {hidden: [100, 100]}
training: {batch_size: 32, epochs: 30}
sweep: {alpha: [1.0e-4, 3.0e-4, 1.0e-3], learning_rate: [0.003, 0.01]}
selection: {margin_points: 1}
"""


def started(url: str, run: str) -> tuple[list[datetime], list[datetime], int]:
    """When leases were taken, when trials were started, and how many have a result."""
    engine = open_database(url, create=True)
    try:
        reads = Reads(engine)
        if run not in {row.name for row in reads.runs()}:
            return [], [], 0
        leases = [event.at for event in reads.events(run) if event.message.startswith("driven by")]
        trials = reads.trials(run)
        return (leases, sorted(trial.started_at for trial in trials if trial.started_at),
                sum(trial.state is TrialState.FINISHED for trial in trials))
    finally:
        engine.dispose()


def begin(words: list[str], folder: Path, environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], datetime]:
    """A driver of the command line, and when it was asked for."""
    with (folder / "log").open("ab") as log:
        now = datetime.now(UTC)
        driver = subprocess.Popen([sys.executable, "-m", "orchestrator.cli", *words], cwd=folder, stdout=log, stderr=log,
                                  env=environment, start_new_session=True)
    return driver, now


def measure(run: str, url: str, folder: Path) -> dict[str, float]:
    """One launch, kill and resume; seconds."""
    (folder / "resume.yaml").write_text(CONFIG)
    environment = {**os.environ, "CLNP_DB_URL": url, "CLNP_STORAGE": str(folder / run),
                   "PYTHONPATH": str(Path(__file__).parents[1])}
    driver, launched = begin(["launch", "resume.yaml", "--name", run], folder, environment)
    while True:
        leases, trials, finished = started(url, run)
        if finished >= 2:
            break
        assert driver.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    seconds = {"launch to lease": (leases[0] - launched).total_seconds(),
               "launch to first trial": (trials[0] - launched).total_seconds()}
    time.sleep(10)  # the killed driver's Ray goes by itself
    driver, resumed = begin(["resume", run], folder, environment)
    while True:
        leases, trials, _ = started(url, run)
        later = [moment for moment in trials if moment > resumed]
        if later:
            break
        assert driver.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    seconds |= {"resume to lease": (leases[-1] - resumed).total_seconds(),
                "resume to first new trial": (later[0] - resumed).total_seconds()}
    assert driver.wait() == 0, (folder / "log").read_text()
    return seconds


def imports() -> float:
    """Seconds that torch and Ray Tune take to import, one after another in one process."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch, ray.tune"], check=True)
    return time.monotonic() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repeats", nargs="?", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, database(asked.postgresql, name) as url:
        rounds = [measure(f"run-{number}", url, Path(name)) | {"import torch and Ray Tune": imports()}
                  for number in range(asked.repeats)]
    print(f"| median of {asked.repeats} | seconds |\n|---|---|")
    for kind in rounds[0]:
        print(f"| {kind} | {statistics.median(round[kind] for round in rounds):.1f} |")


if __name__ == "__main__":
    main()
