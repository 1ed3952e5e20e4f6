"""Many readers of the HTTP service beside a driver that writes: how fast it answers, and whether anybody is in another's way.

    python benchmarks/bench_service.py [TRIALS] [--postgresql] [--readers N] [--seconds S]

One database with a run of so many trials (see bench_queries.py), and a second run into which a driver, a process of its own,
records ten results a second, each with an epoch and a curve of 100 points. The service is a process of its own, too. Every
reader asks for one thing after another, as a page does, and five streams are open beside them.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import httpx

from clnp_core.values import StoredArtifact

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.bench_queries import RUN, TASKS, fill
from benchmarks.databases import database
from clnp_core.values import CurvePoint, Epoch, TaskFacts, TrialResult
from db.engine import open_database
from db.liveness import this_owner
from db.records import AttemptStart, NewRun, PlannedTrial, TrialReport
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.driver.plan import architecture

TRIALS = 2_000
"""Of `make bench`; the figures of the README come from 100,000."""

READERS, SECONDS = 100, 20.0
STREAMS = 5
RESULTS_PER_SECOND = 10.0
LIVE, LIVE_TRIALS = "live", 5_000


def routes(trials_per_task: int) -> dict[str, str]:
    """What readers ask for by turns: a name, and a path with places for a task, a trial and an offset."""
    return {
        "runs": "/runs", "run": f"/runs/{RUN}", "live run": f"/runs/{LIVE}", "stages": f"/runs/{RUN}/stages",
        "trials, a page": f"/runs/{RUN}/stages/{{task}}/trials?offset={{offset}}&limit=50",
        "trials, the best": f"/runs/{RUN}/stages/{{task}}/trials?sort=-val_accuracy&limit=50",
        "one trial": f"/runs/{RUN}/stages/{{task}}/trials/{{number}}",
        "its curve": f"/runs/{RUN}/stages/{{task}}/trials/{{number}}/curve",
        "its epochs": f"/runs/{RUN}/stages/{{task}}/trials/{{number}}/epochs",
        "verdicts": f"/runs/{RUN}/stages/{{task}}/verdicts?limit=50", "accuracy": f"/runs/{RUN}/accuracy",
        "events": f"/runs/{RUN}/events?limit=50", "capacity figure": f"/runs/{RUN}/figures/capacity",
    }


def drive(url: str, seconds: float) -> None:
    """The driver: records results at a steady rate, and prints how many, how many failed, and the slowest."""
    engine = open_database(url)
    store = Store(engine)
    config = Config.parse({
        "name": LIVE, "benchmark": {"name": "permuted-digits", "tasks": 1}, "network": {"hidden": [60, 40]},
        "training": {"epochs": 1}, "sweep": {"alpha": [1e-5], "learning_rate": [0.01]}, "selection": {"margin_points": 1}})
    store.create_run(NewRun(LIVE, config.resolved(), config.digest(), 0, "permuted-digits", 1, "1", "0", {}))
    lease = store.acquire_lease(LIVE, this_owner(), 60)
    facts = TaskFacts(1000, 10_000, 300, (1, 8, 8), 10, "split", "live", {"device": "cpu"})
    store.begin_sweep(lease, 1, facts, architecture(config, (1, 8, 8), 10).to_json(), None,
                      [PlannedTrial(n, f"live-{n}", (1e-5,) * 3, 0.01, 7) for n in range(LIVE_TRIALS)])
    print("ready", flush=True)
    sys.stdin.readline()
    began, taken, failed = time.perf_counter(), list[float](), 0
    curve = tuple(CurvePoint(0.01 * i, 9_500 - i, i) for i in range(100))
    for number in range(min(LIVE_TRIALS, int(seconds * RESULTS_PER_SECOND))):
        time.sleep(max(0.0, began + number / RESULTS_PER_SECOND - time.perf_counter()))
        success = TrialResult(9_500, 10_000, 1, 1, 1.0, 1.0, StoredArtifact(f"live-{number}", 4096), curve, 100, 0, "here",
                              "cpu")
        report = TrialReport((Epoch(1, 0.1, 0.2, 9_500, 10_000, 2.5),), success, AttemptStart(f"ray-{number}", 1.0))
        start = time.perf_counter()
        try:
            store.trial_reported(lease, 1, number, report)
        except Exception as error:
            failed += 1
            print(f"write failed: {error}", file=sys.stderr)
        taken.append(time.perf_counter() - start)
    store.release_lease(lease)
    engine.dispose()
    print(f"{len(taken)} {failed} {statistics.median(taken)} {sorted(taken)[int(len(taken) * 0.99)]} {max(taken)}", flush=True)


async def read(client: httpx.AsyncClient, wanted: dict[str, str], each: int, until: float, taken: dict[str, list[float]],
               failed: list[str], seed: int) -> None:
    """One reader."""
    chance = random.Random(seed)
    while time.perf_counter() < until:
        name = chance.choice(list(wanted))
        path = wanted[name].format(task=chance.randint(1, TASKS - 1), number=chance.randrange(each),
                                   offset=chance.randrange(max(1, each - 50)))
        start = time.perf_counter()
        try:
            answer = await client.get(path)
            if answer.status_code != 200:
                failed.append(f"{path}: {answer.status_code}")
        except httpx.HTTPError as error:
            failed.append(f"{path}: {type(error).__name__}")
        taken[name].append(time.perf_counter() - start)


async def listen(client: httpx.AsyncClient, until: float, seen: list[int]) -> None:
    """One stream of the run that is being written; notes how many messages came."""
    count = 0
    async with client.stream("GET", f"/runs/{LIVE}/events/stream?after_id=0") as answer:
        lines = answer.aiter_lines().__aiter__()
        while (left := until - time.perf_counter()) > 0:
            try:
                count += (await asyncio.wait_for(anext(lines), left)).startswith("data:")
            except (TimeoutError, StopAsyncIteration):
                break
    seen.append(count)


async def readers(address: str, each: int, number: int, seconds: float) -> tuple[dict[str, list[float]], list[str], list[int]]:
    """All readers and streams for so long: seconds by route, failures, and messages of every stream."""
    taken: dict[str, list[float]] = defaultdict(list)
    failed, seen, until = list[str](), list[int](), time.perf_counter() + seconds
    connections = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=f"{address}api/v1", timeout=60, limits=connections) as client:
        await asyncio.gather(*(read(client, routes(each), each, until, taken, failed, seed) for seed in range(number)),
                             *(listen(client, until, seen) for _ in range(STREAMS)))
    return taken, failed, seen


def report(taken: dict[str, list[float]], failed: list[str], seen: list[int], seconds: float) -> None:
    """What the readers saw."""
    everything = [each for times in taken.values() for each in times]
    print(f"{len(everything):,} requests in {seconds:.0f} s, {len(everything) / seconds:.0f} a second; {len(failed)} failed; "
          f"{STREAMS} streams with {min(seen)} to {max(seen)} messages")
    for problem in failed[:5]:
        print("  failed:", problem)
    print(f"  {'route':<20} {'requests':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}")
    for name, times in [*sorted(taken.items()), ("all", everything)]:
        ordered = sorted(times)
        p50, p95, p99 = (1000 * ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99))
        print(f"  {name:<20} {len(times):>8,} {p50:>8.0f} {p95:>8.0f} {p99:>8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", metavar="TRIALS", type=int, nargs="?", default=TRIALS, help="in all, over ten tasks")
    parser.add_argument("--postgresql", action="store_true", help="a PostgreSQL server instead of SQLite")
    parser.add_argument("--readers", metavar="N", type=int, default=READERS, help="at a time")
    parser.add_argument("--seconds", metavar="S", type=float, default=SECONDS, help="how long")
    parser.add_argument("--drive", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.drive:
        drive(os.environ["CLNP_DB_URL"], asked.seconds)
        return
    with tempfile.TemporaryDirectory() as folder, database(asked.postgresql, folder) as url:
        engine = open_database(url, create=True)
        began, each = time.perf_counter(), asked.trials // TASKS
        fill(engine, each)
        engine.dispose()
        print(f"{'PostgreSQL' if asked.postgresql else 'SQLite'}, {asked.trials:,} trials, filled in "
              f"{time.perf_counter() - began:.0f} s; {asked.readers} readers", flush=True)
        environment = {**os.environ, "CLNP_DB_URL": url, "CLNP_STORAGE": folder, "PYTHONPATH": str(Path.cwd())}
        service = subprocess.Popen([sys.executable, "-m", "orchestrator.cli", "serve", "--port", "0", "--json"], cwd=folder,
                                   env=environment, stdout=subprocess.PIPE, text=True)
        driver = subprocess.Popen([sys.executable, "-m", "benchmarks.bench_service", "--drive", "here", "--seconds",
                                   str(asked.seconds)],
                                  env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert service.stdout and driver.stdout and driver.stdin
        try:
            text = "".join(iter(service.stdout.readline, "}\n")) + "}"
            address = str(httpx.Response(200, text=text).json()["address"])
            assert driver.stdout.readline() == "ready\n"
            driver.stdin.write("go\n")
            driver.stdin.flush()
            report(*asyncio.run(readers(address, each, asked.readers, asked.seconds)), asked.seconds)
            written, failed, median, p99, slowest = map(float, driver.stdout.readline().split())
            print(f"driver: {written:.0f} results at {RESULTS_PER_SECOND:g} a second, {failed:.0f} failed; median "
                  f"{1000 * median:.0f} ms, p99 {1000 * p99:.0f} ms, slowest {1000 * slowest:.0f} ms")
        finally:
            service.terminate()
            driver.kill()
            service.wait()
            driver.wait()


if __name__ == "__main__":
    main()
