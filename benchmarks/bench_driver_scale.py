"""What a sweep of thousands of trials costs its driver: real Ray, the real store, and trials that only report.

    python benchmarks/bench_driver_scale.py [SIZE ...] [--postgresql]

Every size runs in a process of its own, through the same recorder and the same Tuner as a run: one epoch and a curve of 100
points a trial, artifacts as digests alone. Trials per second are told for every tenth of a sweep, so that growth shows; and the
driver's own computing per trial, which a busy machine changes less.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ray import tune
from sqlalchemy import Engine, text

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.databases import database
from clnp_core.selection import FailedTrial, PrunedTrial, TrainedTrial, TrialVerdict, pick, select
from clnp_core.values import CurvePoint, Epoch, StoredArtifact, TaskFacts, TrialResult
from db.engine import open_database
from db.liveness import this_owner
from db.reads.reads import Reads
from db.records import NewRun, PlannedTrial, SelectionRecord
from db.states import TrialState
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver.cluster import connect
from orchestrator.driver.plan import architecture, points, stage_spec, trial_specs
from orchestrator.driver.recorder import Recorder
from orchestrator.driver.tuner import run_grid
from orchestrator.events.console import ConsoleProgress
from workers.jobs.pack_attempt import StageWork
from workers.spec import BUILT_IN_BENCHMARKS
from workers.training.packs.pack_plan import in_packs

SIZES = (200, 400)
"""Trials of `make bench`: enough to show that it works; the figures of the README come from larger ones."""

CURVE_POINTS = 100
VAL_TOTAL = 10_000
Result = TypeVar("Result")


class OnlyReports(tune.Trainable):
    """A trial that ends with its first report: one epoch, and a curve that follows from its number."""

    def setup(self, config: dict[str, Any], **shared: StageWork) -> None:
        self._trial = config["trials"][0]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._trial = new_config["trials"][0]
        return True

    def step(self) -> dict[str, Any]:
        number = self._trial.number
        correct = 9_000 + number * 7919 % 1000
        curve = tuple(CurvePoint(index / CURVE_POINTS, correct - index, index) for index in range(CURVE_POINTS))
        result = TrialResult(
            correct, VAL_TOTAL, 1, 1, 0.001, 0.002, StoredArtifact(hashlib.sha256(str(number).encode()).hexdigest(), 4096),
            curve, CURVE_POINTS, 10, "here", "cpu")
        epoch = Epoch(1, 0.1, 0.2, correct, VAL_TOTAL, 0.001)
        return {"members": [{"number": number, "epochs": [epoch], "result": result}], "host": "here", "done": True,
                "val_accuracy": correct / VAL_TOTAL, "sparsity": 0.1}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing, as in a real trial."""


@dataclass
class Ticking(ConsoleProgress):
    """What a pipe would get, and when every result was recorded."""

    recorded: list[float] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        super().trial_finished(number, accuracy, seconds)
        self.recorded.append(time.perf_counter())
        self.computed.append(time.process_time())
        if len(self.recorded) % 500 == 0:
            print(f"  … {len(self.recorded):,} trials after {self.recorded[-1] - self.recorded[0]:.0f} s, computed "
                  f"{self.computed[-1] - self.computed[0]:.1f} s, {peak_megabytes():.0f} MB", file=sys.stderr, flush=True)


@dataclass
class Figures:
    """Of one size; ``seconds`` of every step of the driver by its name. By tenths of the sweep: ``rates`` in trials per second,
    ``computing_ms``, the driver's processor time per trial."""

    trials: int
    seconds: dict[str, float] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    computing_ms: list[float] = field(default_factory=list)
    before_mb: float = 0.0
    peak_mb: float = 0.0
    bytes_per_trial: float = 0.0

    def timed(self, name: str, work: Callable[[], Result]) -> Result:
        """Do it, and remember how long it took."""
        began = time.perf_counter()
        result = work()
        self.seconds[name] = time.perf_counter() - began
        return result


def sweep(size: int, url: str, folder: str) -> Figures:
    """One sweep from its plan to its selection."""
    figures = Figures(size)
    config = Config.parse({
        "name": "scale", "benchmark": {"name": "permuted-digits", "tasks": 1}, "network": {"hidden": [60, 40]},
        "training": {"epochs": 1}, "selection": {"margin_points": 1},
        "sweep": {"alpha": [1e-6 * (1 + i) for i in range(size // 100)],
                  "learning_rate": [1e-4 * (1 + i) for i in range(100)]}})
    known = BUILT_IN_BENCHMARKS["permuted-digits"]
    network = architecture(config, known.input_shape, known.classes)
    stage = stage_spec(config, 1, network, None)
    engine = open_database(url, create=True)
    empty = stored_bytes(engine)
    store, reads = Store(engine), Reads(engine)
    store.create_run(NewRun("scale", config.resolved(), config.digest(), 0, "permuted-digits", 1, "1", "0", {}))
    lease = store.acquire_lease("scale", this_owner(), 3600)
    specs = figures.timed("plan", lambda: trial_specs(stage, 0, points(config, 1, None)))
    planned = figures.timed("keys", lambda: [PlannedTrial(t.number, t.key(), t.alpha, t.learning_rate, t.seed) for t in specs])
    facts = TaskFacts(1000, VAL_TOTAL, 300, known.input_shape, known.classes, "split", "task", {})
    figures.timed("begin_sweep", lambda: store.begin_sweep(lease, 1, facts, network.to_json(), None, planned))
    with connect(config) as cluster, Path(os.devnull).open("w") as nowhere:
        progress = Ticking(nowhere)
        progress.run_started("scale", [size], cluster.parallel_trials, [0])
        progress.stage_started(1, size, 0)
        recorder = Recorder(store, lease, stage, progress, None)
        figures.before_mb = peak_megabytes()
        began = time.perf_counter()
        figures.timed("sweep", lambda: run_grid(config, in_packs(specs, 1), folder, cluster, recorder, None,
                                                trainable=OnlyReports))
    figures.peak_mb = peak_megabytes()
    ticks = progress.recorded
    figures.seconds["first result"] = ticks[0] - began
    figures.seconds["after the last result"] = began + figures.seconds["sweep"] - ticks[-1]
    tenth = (size - 1) // 10
    starts = range(0, 10 * tenth, tenth)
    figures.rates = [tenth / (ticks[i + tenth] - ticks[i]) for i in starts]
    figures.computing_ms = [1000 * (progress.computed[i + tenth] - progress.computed[i]) / tenth for i in starts]
    rows = figures.timed("read trials", lambda: reads.trials("scale", 1))
    figures.timed("end_sweep", lambda: store.end_sweep(lease, 1))
    trained = [TrainedTrial(row.number, row.val_correct or 0) for row in rows if row.state is TrialState.FINISHED]
    failed: list[FailedTrial] = []
    margin = config.selection.margin_points
    picked = pick(trained, VAL_TOTAL, margin)
    pruned = {number: PrunedTrial(number, (0.1, 0.1), picked.required_val_correct, number % 50) for number in picked.picked}
    chosen = figures.timed("select", lambda: select(trained, failed, pruned, VAL_TOTAL, margin))
    record = SelectionRecord(picked.best_val_correct, VAL_TOTAL, "1", picked.picked, chosen.chosen.number, (0.1, 0.1),
                             chosen.chosen.val_correct, chosen.chosen.free_neurons, 100, "sparsest", 0.0)
    verdicts = [TrialVerdict(v.number, v.verdict, v.reason) for v in chosen.verdicts]
    figures.timed("record_selection", lambda: store.record_selection(lease, 1, record, verdicts))
    figures.bytes_per_trial = (stored_bytes(engine) - empty) / size
    engine.dispose()
    return figures


def peak_megabytes() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def stored_bytes(engine: Engine) -> int:
    """How large the database is."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
        pages = int(connection.execute(text("PRAGMA page_count")).scalar_one())
        return pages * int(connection.execute(text("PRAGMA page_size")).scalar_one())


def show(figures: Figures) -> None:
    """One size, as text."""
    seconds = figures.seconds
    rate = (figures.trials - 1) / (seconds["sweep"] - seconds["first result"] - seconds["after the last result"])
    print(f"{figures.trials:,} trials: {rate:.1f} a second, by tenths {' '.join(f'{rate:.0f}' for rate in figures.rates)}")
    print(f"  the driver computes {statistics.mean(figures.computing_ms):.1f} ms a trial, by tenths "
          f"{' '.join(f'{cost:.1f}' for cost in figures.computing_ms)}")
    print(f"  driver's memory {figures.before_mb:.0f} MB before, {figures.peak_mb:.0f} MB at most; "
          f"{figures.bytes_per_trial:,.0f} bytes a trial in the database")
    print("  " + ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", metavar="SIZE", type=int, nargs="*", default=SIZES, help="trials, multiples of 100")
    parser.add_argument("--postgresql", action="store_true", help="a PostgreSQL server instead of SQLite")
    parser.add_argument("--in-this-process", action="store_true", help="one size, its figures as JSON")
    asked = parser.parse_args()
    if any(size < 100 or size % 100 for size in asked.sizes):
        parser.error("SIZE is a multiple of 100: a grid of a hundred learning rates")
    for size in asked.sizes:
        if asked.in_this_process:
            with tempfile.TemporaryDirectory() as folder, database(asked.postgresql, folder) as url:
                print(json.dumps(vars(sweep(size, url, folder))))
            continue
        command = [sys.executable, __file__, str(size), "--in-this-process", *(["--postgresql"] if asked.postgresql else [])]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        show(Figures(**json.loads(done.stdout.splitlines()[-1])))


if __name__ == "__main__":
    main()
