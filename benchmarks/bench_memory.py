"""How much memory a worker and a driver need for each experiment, at their peak.

    CLNP_DATA=/path/to/data python benchmarks/bench_memory.py [EXPERIMENT.yaml ...]

The worker is a process that runs the first trial of the first task for one epoch: data, base, training, activities, curve,
artifact. The driver is one that runs the first task whole, with one trial of one epoch; it holds no data, so where an
experiment splits a data set by classes it takes few images of each. What importing torch alone takes stands first.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.config.config import Config

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # the checkout, wherever this is started
DEFAULT = ("permuted-digits.yaml", "permuted-mnist.yaml", "split-cifar-narrow.yaml")
SHORT = ["training.epochs=1", "training.milestones=[]", "training.early_stopping_patience=null"]


def torch_alone(_: str) -> None:
    """What it takes by itself."""
    import torch

    torch.zeros(1)


def worker(file: str) -> None:
    """One trial, in this process."""
    from orchestrator.config.config import load
    from orchestrator.driver import plan
    from workers.jobs import trial_job
    from workers.training.loop import result_of

    config = load(file, SHORT)
    facts = trial_job.prepare(plan.benchmark_spec(config), 1, config.resources.threads_per_trial)
    spec = plan.stage_spec(config, 1, plan.architecture(config, facts.input_shape, facts.classes), None)
    with tempfile.TemporaryDirectory() as storage:
        trial = plan.trial_specs(spec, config.seed, plan.points(config, 1, None))[0]
        result_of(trial_job.run_trial(trial, storage, Decimal(1)))


def driver(file: str) -> None:
    """A run, driven by this process."""
    from db.url import file_url
    from orchestrator import api

    with tempfile.TemporaryDirectory() as folder:
        api.launch(one_trial(file), url=file_url(f"{folder}/clnp.db").render_as_string(), storage=f"{folder}/artifacts")


def one_trial(file: str) -> "Config":
    """The experiment with one task, one trial and one epoch."""
    from orchestrator.config.config import Config, load

    values = load(file, SHORT).resolved()
    first = {name: values["sweep"][name][:1] for name in ("alpha", "learning_rate")}
    values["sweep"] |= {**first, "protocol": "per-task", "first_tasks": None, "later_tasks": None}
    values["benchmark"]["tasks"] = 1
    if values["benchmark"]["name"].startswith("split"):
        values["benchmark"]["samples_per_class"] = 50
    return Config.parse(values)


KINDS = {"torch": torch_alone, "worker": worker, "driver": driver}


def megabytes(kind: str, file: str = "") -> str:
    """The peak of a process of its own."""
    told = subprocess.run([sys.executable, __file__, f"--{kind}", file], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    return "not measured" if told.returncode else f"{int(told.stdout.split()[-1]) / 1e6:,.0f}"


def main() -> None:
    """Measure and print."""
    kind = sys.argv[1].removeprefix("--") if sys.argv[1:] else ""
    if kind in KINDS:
        from clnp_core.errors import DataError

        try:
            KINDS[kind](sys.argv[2])
        except DataError as error:
            sys.exit(f"{error.message}; {error.hint}")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", metavar="EXPERIMENT.yaml", nargs="*",
                        default=[str(ROOT / "experiments" / name) for name in DEFAULT])
    experiments = parser.parse_args().experiments
    print(f"torch alone: {megabytes('torch')} MB\n\n"
          "| experiment | peak of a worker, MB | peak of the driver, MB |\n|---|---|---|")
    for file in experiments:
        print(f"| {Path(file).stem} | {megabytes('worker', file)} | {megabytes('driver', file)} |", flush=True)


if __name__ == "__main__":
    main()
