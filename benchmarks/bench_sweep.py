"""What a sweep costs beside its arithmetic: its wall time against what its trials would take, scheduled without a gap.

    python benchmarks/bench_sweep.py [TRIALS] [EPOCHS] [HIDDEN]

A real stage through the real driver, from the plan to the commit, on permuted digits: Ray, the recorder, SQLite, scans and
selection. The makespan is that of list scheduling: each trial, in order, on the worker that is free first, with the seconds
that the trial itself measured. The start (Ray, worker processes that import torch) is told apart.
"""

import heapq
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.arguments import numbers
from db.engine import open_database
from db.reads.reads import Reads
from db.states import TrialState
from db.url import file_url
from orchestrator import api
from orchestrator.config.config import Config
from orchestrator.events.events import Progress


@dataclass
class Clock(Progress):
    """When trials were asked for, began to compute and ended, and when the commit was there."""

    asked: list[float] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)
    commit: float = 0.0

    def trial_started(self, number: int, point: object, role: object = None) -> None:
        self.asked.append(time.perf_counter())

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        self.finished.append(time.perf_counter())
        self.began.append(self.finished[-1] - seconds)

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: object, digest: str) -> None:
        self.commit = time.perf_counter()


def makespan(seconds: list[float], free_at: list[float]) -> float:
    """Of list scheduling, on workers that are free from these moments on."""
    free = sorted(free_at)
    for duration in seconds:
        heapq.heappush(free, heapq.heappop(free) + duration)
    return max(free)


def main() -> None:
    """Measure and print."""
    trials, epochs, hidden = numbers(__doc__, trials=24, epochs=30, hidden=300)
    workers = os.cpu_count() or 1
    rates = [0.001 * (1 + step / trials) for step in range(trials)]
    config = Config.parse({
        "name": "sweep", "benchmark": {"name": "permuted-digits", "tasks": 1}, "network": {"hidden": [hidden, hidden]},
        "training": {"batch_size": 32, "epochs": epochs}, "sweep": {"alpha": [1e-5], "learning_rate": rates},
        "selection": {"margin_points": 1}})
    with tempfile.TemporaryDirectory() as folder:
        url, clock, began = file_url(Path(folder) / "clnp.db").render_as_string(), Clock(), time.perf_counter()
        api.launch(config, url=url, storage=str(Path(folder) / "store"), progress=clock)
        engine = open_database(url)
        rows = [row for row in Reads(engine).trials("sweep") if row.state is TrialState.FINISHED]
        engine.dispose()
    seconds = [row.total_seconds or 0.0 for row in sorted(rows, key=lambda row: row.number)]
    first = min(clock.began)
    least = makespan(seconds, [began - first for began in sorted(clock.began)[:workers]])
    wall = clock.finished[-1] - first
    print(f"{trials} trials on {workers} workers, {sum(seconds) / trials:.2f} s each (by themselves)\n")
    print("| part | seconds |\n|---|---|")
    print(f"| from the call to the first trial | {clock.asked[0] - began:.1f} |")
    print(f"| worker processes, until the first trial computes | {first - clock.asked[0]:.1f} |")
    print(f"| from there to the last result | {wall:.1f} |")
    print(f"| makespan of the trials' own seconds, from when each worker began | {least:.1f} |")
    print(f"| the last result to the commit: scans, selection, proof | {clock.commit - clock.finished[-1]:.1f} |")
    beside = 1e3 * (wall - least) * workers / trials
    print(f"\n{wall / least:.3f} × the makespan; {beside:.0f} ms of a worker beside each trial")


if __name__ == "__main__":
    main()
