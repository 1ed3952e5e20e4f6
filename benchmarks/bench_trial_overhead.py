"""What a trial costs beside its training: warm, reused workers against a new process for every trial.

    python benchmarks/bench_trial_overhead.py [TRIALS]

Both ways run the same trials (one epoch of permuted digits on a tiny network) one after another on one worker, in one run, by
turns, so that a busy machine slows both. Overhead of a trial = time between two results − training, activity and curve.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.arguments import numbers
from orchestrator.config.config import Config
from orchestrator.driver.cluster import connect
from orchestrator.driver.plan import architecture, points, stage_spec, trial_specs
from orchestrator.driver.tuner import RecorderCallback, run_grid
from workers.jobs.pack_attempt import StageWork
from workers.ray.trainable import PackTrainable
from workers.spec import BUILT_IN_BENCHMARKS, TrialSpec
from workers.training.packs.pack_plan import in_packs


class Clock:
    """In the place of a recorder: when each result arrived, and how long its trial computed."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.arrived: list[float] = []
        self.computed: list[float] = []

    run_name = "overhead"

    training: frozenset[str] = frozenset()

    def started(self, trial: Any) -> None:
        """Nothing to note."""

    retried = lost = started

    def tick(self) -> None:
        """Nothing to note."""

    def reported(self, trial: Any, result: dict[str, Any]) -> None:
        for trained in (member["result"] for member in result["members"] if "result" in member):
            self.arrived.append(time.perf_counter())
            self.computed.append(trained.total_seconds)

    def overheads(self) -> list[float]:
        """Seconds beside the computation, for every trial after the first."""
        waits = [later - earlier for earlier, later in zip(self.arrived, self.arrived[1:], strict=False)]
        return [wait - computed for wait, computed in zip(waits, self.computed[1:], strict=True)]


def measure(run: Callable[[Clock], None]) -> tuple[float, list[float]]:
    """Seconds to the first result, and the overheads after it."""
    clock, began = Clock(), time.perf_counter()
    run(clock)
    return clock.arrived[0] - began, clock.overheads()


def cold(trials: tuple[TrialSpec, ...], storage: str, config: Config, clock: Clock) -> None:
    """The same sweep as Tune runs it by default: a new process for every trial."""
    space = {"trials": tune.grid_search([[trial] for trial in trials]),
             "wanted": tune.sample_from(lambda spec: [trial.number for trial in spec.config.trials])}
    work = StageWork(storage, config.selection.margin_points, None, None)
    trainable = tune.with_resources(tune.with_parameters(PackTrainable, work=work), {"cpu": 1})
    tune.Tuner(trainable, param_space=space, tune_config=tune.TuneConfig(max_concurrent_trials=1, reuse_actors=False),
               run_config=tune.RunConfig(name="cold", storage_path=storage, verbose=0,
                                      callbacks=[RecorderCallback(clock)])).fit()


def main() -> None:
    count, = numbers(__doc__, trials=8)
    config = Config.parse({
        "name": "overhead", "benchmark": {"name": "permuted-digits", "tasks": 1}, "network": {"hidden": [8, 8]},
        "training": {"epochs": 1}, "sweep": {"alpha": [1e-4], "learning_rate": [0.001 * (i + 1) for i in range(count)]},
        "selection": {"margin_points": 1, "curve_points": 2}, "resources": {"max_concurrent_trials": 1}})
    known = BUILT_IN_BENCHMARKS["permuted-digits"]
    stage = stage_spec(config, 1, architecture(config, known.input_shape, known.classes), None)
    trials = trial_specs(stage, 0, points(config, 1, None))
    rows: dict[str, list[tuple[float, list[float]]]] = {"reused": [], "new process": []}
    with tempfile.TemporaryDirectory() as storage, connect(config) as cluster:
        for _ in range(2):
            rows["reused"].append(measure(
                lambda clock: run_grid(config, in_packs(trials, 1), storage, cluster, clock, None)))
            rows["new process"].append(measure(lambda clock: cold(trials, storage, config, clock)))
    print(f"{count} trials, one after another, two rounds by turns")
    print(f"{'worker':<12} {'first result':>13} {'overhead a trial: median':>25} {'min':>8} {'max':>8}")
    medians = {}
    for name, rounds in rows.items():
        overheads = [seconds for _, round_ in rounds for seconds in round_]
        medians[name] = statistics.median(overheads)
        print(f"{name:<12} {statistics.median(first for first, _ in rounds):>11.1f} s {medians[name]:>23.3f} s "
              f"{min(overheads):>6.3f} s {max(overheads):>6.3f} s")
    print(f"a new process costs {medians['new process'] / medians['reused']:.0f} × the overhead of a reused one")


if __name__ == "__main__":
    main()
