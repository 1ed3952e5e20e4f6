"""How much memory a worker needs for a trial of each experiment, at its peak.

    CLNP_DATA=/path/to/data python benchmarks/bench_memory.py [EXPERIMENT.yaml ...]

Each is a process of its own that runs the first trial of the first task for one epoch, as a worker does: data, base, training,
activities, curve, artifact. Told are what it holds at its peak, and what importing torch alone takes.
"""

import os
import resource
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEFAULT = ("permuted-digits.yaml", "permuted-mnist.yaml", "split-cifar-narrow.yaml")


def trial(file: str) -> None:
    """One trial, in this process."""
    from orchestrator import plan
    from orchestrator.configuration.config import load
    from workers import jobs
    from workers.training import result_of

    config = load(file, ["training.epochs=1", "training.milestones=[]", "training.early_stopping_patience=null"])
    facts = jobs.prepare(plan.benchmark_spec(config), 1, config.resources.threads_per_trial)
    spec = plan.stage_spec(config, 1, plan.architecture(config, facts.input_shape, facts.classes), None)
    with tempfile.TemporaryDirectory() as storage:
        result_of(jobs.run_trial(plan.trial_specs(spec, config.seed, plan.points(config, 1, None))[0], storage, Decimal(1)))


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--trial"]:
        if sys.argv[2]:
            trial(sys.argv[2])
        else:
            import torch  # noqa: F401  what it takes by itself
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    print("| experiment | peak of a worker, MB |\n|---|---|")
    for file in ("", *(sys.argv[1:] or [str(ROOT / "experiments" / name) for name in DEFAULT])):
        told = subprocess.run([sys.executable, __file__, "--trial", file], stdout=subprocess.PIPE, text=True, check=True,
                              env={**os.environ, "PYTHONPATH": str(ROOT)})
        print(f"| {Path(file).stem or 'torch alone'} | {int(told.stdout.split()[-1]) / 1e6:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
