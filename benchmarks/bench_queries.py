"""How long the reads take when a database has grown: as calls of the library, and as commands in a process of their own.

    python benchmarks/bench_queries.py [TRIALS] [--postgresql] [--plans]

One run of ten tasks with so many trials in all, each with an epoch, a verdict and a curve of 100 points, nine tasks committed,
and as many events as a task has trials. Medians of five calls, and of seven commands that take turns with a bare ``import
sqlalchemy``. ``--plans`` shows how the database looks for what is asked.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, event, insert, text

from clnp_core.selection import PrunedTrial
from clnp_core.values import StoredArtifact, TaskResult

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.databases import database
from clnp_core.selection import TrialVerdict, Verdict
from clnp_core.values import CurvePoint, Epoch, LayerCapacity, TaskFacts, TrialResult
from db.engine import open_database
from db.liveness import this_owner
from db.reads.reads import Reads
from db.records import AttemptStart, CommitRecord, Lease, NewRun, PlannedTrial, SelectionRecord, TrialReport
from db.schema.models import Artifact, Event, Trial, TrialJudgement
from db.states import TrialState
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver.plan import architecture

TRIALS = 2_000
"""Of `make bench`; the figures of the README come from 100,000."""

TASKS, CURVE_POINTS, VAL_TOTAL = 10, 100, 10_000
RUN = "big"

POINTS = """
WITH RECURSIVE position(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM position WHERE i + 1 < {points})
INSERT INTO clnp_threshold_points (trial_id, position, threshold, val_correct, free_neurons)
SELECT t.id, p.i, p.i * 0.01, t.val_correct - p.i, p.i FROM clnp_trials t CROSS JOIN position p
WHERE t.number > 0 AND t.val_correct IS NOT NULL ORDER BY t.id, p.i
"""
EPOCHS = """
INSERT INTO clnp_epochs (trial_id, attempt, epoch, train_loss, l1_penalty, val_correct, val_total, seconds)
SELECT id, 1, 1, 0.1, 0.2, val_correct, val_total, 2.5 FROM clnp_trials WHERE number > 0 AND val_correct IS NOT NULL
"""


def val_correct(number: int) -> int:
    """Of every trial but the first of a task, which has the most."""
    return 9_000 + number * 7919 % 900 if number else 9_500


def fill(engine: Engine, trials_per_task: int, tasks: int = TASKS) -> None:
    """A run by way of the store with one trial a task, then the other trials in bulk. All tasks but the last are committed."""
    config = Config.parse({
        "name": RUN, "benchmark": {"name": "permuted-digits", "tasks": tasks}, "network": {"hidden": [60, 40]},
        "training": {"epochs": 1}, "sweep": {"alpha": [1e-5], "learning_rate": [0.01]}, "selection": {"margin_points": 1}})
    network = architecture(config, (1, 8, 8), 10).to_json()
    store = Store(engine)
    store.create_run(NewRun(RUN, config.resolved(), config.digest(), 0, "permuted-digits", tasks, "1", "0", {}))
    lease = store.acquire_lease(RUN, this_owner(), 3600)
    store.record_environment(lease, {"device": "cpu"})
    for task in range(1, tasks + 1):
        _task(store, lease, task, network, is_last=task == tasks)
    with engine.begin() as connection:
        stages = dict(connection.execute(text("SELECT id, task FROM clnp_stages ORDER BY task")).all())
        selections = dict(connection.execute(text("SELECT stage_id, id FROM clnp_selections")).all())
        now = datetime.now(UTC)
        connection.execute(insert(Event), [
            {"run_id": lease.run_id, "at": now, "kind": "trial", "message": f"event {n}", "details": {"number": n}}
            for n in range(trials_per_task)])
        for stage, task in stages.items():
            numbers = range(1, trials_per_task)
            connection.execute(insert(Artifact), [
                {"digest": f"{task:08}{n:056}", "artifact_bytes": 4096, "created_at": now} for n in numbers])
            connection.execute(insert(Trial), [
                {"stage_id": stage, "number": n, "key": f"{task:08}{n:056}", "alpha": [1e-5, 1e-5, 1e-5], "seed": n,
                 "learning_rate": 1e-4 * n, "state": TrialState.FINISHED, "attempts": 1, "ray_trial_id": f"{n:08}",
                 "host": "here", "device": "cpu", "val_correct": val_correct(n), "val_total": VAL_TOTAL,
                 "val_accuracy": val_correct(n) / VAL_TOTAL, "hidden_total": 100, "best_epoch": 1, "epochs_run": 1,
                 "train_seconds": 1.0, "total_seconds": 1.0, "artifact_digest": f"{task:08}{n:056}", "created_at": now,
                 "started_at": now, "finished_at": now} for n in numbers])
            if stage in selections:
                ids = connection.execute(text(f"SELECT id FROM clnp_trials WHERE stage_id = {stage} AND number > 0")).scalars()
                connection.execute(insert(TrialJudgement), [
                    {"trial_id": trial, "selection_id": selections[stage], "verdict": Verdict.OUTSIDE_MARGIN,
                     "reason": "9100 of 10000 correct, 100 short of the 9200 that the margin requires"} for trial in ids])
        connection.execute(text(EPOCHS))
        connection.execute(text(POINTS.format(points=CURVE_POINTS)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)"))


def _task(store: Store, lease: Lease, task: int, network: dict[str, object], is_last: bool) -> None:
    """One task with its trial 0; the last one is not committed."""
    base = f"commit-{task - 1}" if task > 1 else None
    facts = TaskFacts(1000, VAL_TOTAL, 300, (1, 8, 8), 10, "split", "task", {"device": "cpu"})
    store.begin_sweep(lease, task, facts, network, base, [PlannedTrial(0, f"key-{task}", (1e-5,) * 3, 0.01, 7)])
    curve = tuple(CurvePoint(0.01 * i, 9_500 - i, i) for i in range(CURVE_POINTS))
    success = TrialResult(9_500, VAL_TOTAL, 1, 1, 1.0, 1.0, StoredArtifact(f"trial-{task}", 4096), curve, 100, 0, "here", "cpu")
    report = TrialReport((Epoch(1, 0.1, 0.2, 9_500, VAL_TOTAL, 2.5),), success, AttemptStart("ray", 1.0))
    store.trial_reported(lease, task, 0, report)
    if is_last:
        return
    store.end_sweep(lease, task)
    store.record_selection(
        lease, task, SelectionRecord(9_500, VAL_TOTAL, "1", (0,), 0, (0.1, 0.1), 9_450, 50, 100, "sparsest", 1.0),
        [TrialVerdict(0, Verdict.CHOSEN, "sparsest within the margin", PrunedTrial(0, (0.1, 0.1), 9_450, 50))])
    capacity = (LayerCapacity(task, 1, 60, 3 * task, 3, 0, 60 - 3 * task),
                LayerCapacity(task, 2, 40, 2 * task, 2, 0, 40 - 2 * task))
    tested = tuple(TaskResult(on, 290, 300, f"logits-{on}", 190, 200) for on in range(1, task + 1))
    proof = {"task": task, "tasks_compared": list(range(1, task)), "samples_compared": 300 * (task - 1)}
    store.record_commit(lease, task, CommitRecord(f"commit-{task}", 4096, base, capacity, tested, proof, 1.0))


def library(reads: Reads, last: int) -> dict[str, Callable[[], object]]:
    """Calls of the reads by name; ``last`` is the highest trial number."""
    return {
        "run": lambda: reads.run(RUN),
        "stages": lambda: reads.stages(RUN),
        "trials of a task, the first 50": lambda: reads.trials(RUN, 5, 50),
        "trials of a task, the last 50": lambda: reads.trials(RUN, 5, 50, max(0, last - 49)),
        "trials of the run, the first 50": lambda: reads.trials(RUN, None, 50),
        "all trials of a task": lambda: reads.trials(RUN, 5),
        "one trial": lambda: reads.trial(RUN, 5, last),
        "threshold_curve": lambda: reads.threshold_curve(RUN, 5, last),
        "trial_history": lambda: reads.trial_history(RUN, 5, last),
        "verdicts of a task": lambda: reads.verdicts(RUN, 5),
        "selections": lambda: reads.selections(RUN),
        "last_event": lambda: reads.last_event(RUN),
        "artifacts": reads.artifacts,
    }


COMMANDS = (["status"], ["status", RUN], ["ls"], ["trials", RUN, "--task", "5", "--limit", "50"],
            ["trials", RUN, "--task", "5"], ["show", RUN], ["show", RUN, "--task", "5", "--trial", "77"],
            ["show", RUN, "--task", "5"])


def process(arguments: list[str], url: str) -> tuple[float, float]:
    """Python in a process of its own: seconds that passed, and seconds that it computed."""
    began = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, *arguments], {**os.environ, "CLNP_DB_URL": url},
                           file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, used = os.wait4(child, 0)
    assert status == 0, arguments
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


def over_bare(arguments: list[str], url: str, rounds: int = 7) -> tuple[float, float, float]:
    """Medians of a command in turns with a bare ``import sqlalchemy``: seconds of the command, and by how much it takes longer
    and computes longer."""
    taken: list[tuple[float, float, float]] = []
    for _ in range(rounds):
        bare, bare_computed = process(["-c", "import sqlalchemy"], url)
        seconds, computed = process(["-m", "orchestrator.cli", *arguments], url)
        taken.append((seconds, seconds - bare, computed - bare_computed))
    seconds, longer, computed = zip(*taken, strict=True)
    return statistics.median(seconds), statistics.median(longer), statistics.median(computed)


def median_seconds(work: Callable[[], object]) -> float:
    """Of five."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


@contextmanager
def plans(engine: Engine) -> Iterator[None]:
    """Shows the plan of every statement of the block."""
    def explain(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if not statement.startswith("SELECT"):
            return
        with engine.connect() as asking:
            prefix = "EXPLAIN " if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
            raw = asking.connection.cursor()
            raw.execute(prefix + statement, parameters)
            for row in raw.fetchall():
                print("      ", row[-1])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", metavar="TRIALS", type=int, nargs="?", default=TRIALS, help="in all, over ten tasks")
    parser.add_argument("--postgresql", action="store_true", help="a PostgreSQL server instead of SQLite")
    parser.add_argument("--plans", action="store_true", help="show the plans of the statements, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database(asked.postgresql, folder) as url:
        engine = open_database(url, create=True)
        began, each = time.perf_counter(), asked.trials // TASKS
        fill(engine, each)
        print(f"{asked.trials:,} trials, {asked.trials * CURVE_POINTS:,} points, filled in {time.perf_counter() - began:.0f} s")
        for name, call in library(Reads(engine), each - 1).items():
            print(f"  {name:<34} {1000 * median_seconds(call):>9.1f} ms", flush=True)
            if asked.plans:
                with plans(engine):
                    call()
        print(f"\n{'commands, by turns with a bare import sqlalchemy':<48} {'seconds':>8} {'ms longer':>10} "
              f"{'ms computed':>12}")
        for arguments in COMMANDS:
            seconds, longer, computed = over_bare(arguments, url)
            print(f"  clnp {' '.join(arguments):<41} {seconds:>8.2f} {1000 * longer:>10.0f} {1000 * computed:>12.0f}",
                  flush=True)
        engine.dispose()


if __name__ == "__main__":
    main()
