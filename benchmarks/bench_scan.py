"""What choosing θ costs: the exact search, the recorded curve and the activities beside the training that they follow.

    CLNP_DATA=/path/to/data python benchmarks/bench_scan.py [EPOCHS] [--experiment FILE]

The paper's perceptron on the first task of permuted MNIST (10,000 validation samples), one thread, the paper's α and rate; or
the first task of an experiment at the first point of its grid, at its margin. Seconds are those that the processor computed,
so other programs matter less. ``50 full passes`` is what the plain loop does.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks import plain_loop
from clnp_core.errors import DataError
from clnp_core.network import Network, empty_network
from clnp_core.networks import mlp
from clnp_core.pruning import survivors
from clnp_core.scores import mean_activity
from clnp_core.selection import ThresholdMode, required_correct
from clnp_core.threshold import find_thresholds, threshold_curve
from orchestrator.config.config import load
from orchestrator.driver import plan
from workers.data.loader import TaskData, load_task
from workers.spec import BUILT_IN_BENCHMARKS, BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.training.loop import result_of, train

Result = TypeVar("Result")


def timed(name: str, work: Callable[[], Result], training: float | None = None) -> tuple[Result, float]:
    """Do it, and tell how many seconds the processor took."""
    began = time.process_time()
    result = work()
    seconds = time.process_time() - began
    share = "" if training is None else f"{100 * seconds / training:.1f}"
    print(f"| {name} | {seconds:.1f} | {share} |", flush=True)
    return result, seconds


def full_passes(network: Network, activities: tuple[torch.Tensor, ...], data: TaskData) -> None:
    """Fifty thresholds from the top, each a whole validation pass; as if none of them passed."""
    net = plain_loop.Net(data.train.inputs.shape[1], network.architecture.hidden[0], data.classes)
    with torch.no_grad():
        for layer, rows in zip(net.layers, network.hidden, strict=True):
            layer.weight.copy_(rows.weight)
            layer.bias.copy_(rows.vectors["bias"])
        net.out.weight.copy_(network.head(1).weight)
    highest = max(float(values.max()) for values in activities)
    for theta in torch.linspace(highest, 0, plain_loop.THRESHOLDS):
        kept = survivors(network, 1, activities, (float(theta),) * 2)
        plain_loop.correct(net, data.val.inputs, data.val.labels, [stays.float() for stays in kept])


def perceptron(epochs: int) -> tuple[TrialSpec, tuple[str, ...]]:
    """The paper's, on permuted MNIST, and the margins to search at."""
    training = TrainingSpec("adam", 0.0, 0.0, 256, epochs, (epochs - 1,) if epochs > 1 else (), 0.1, None)
    benchmark = BenchmarkSpec("permuted-mnist", 1, {}, None, "unit")
    stage = StageSpec(benchmark, 1, mlp(784, (2000, 2000), 10), None, training, 1000, 1, 100)
    return TrialSpec(stage, 0, (1e-7, 1e-5, 1e-6), 0.002, 7), ("0.05", "1")


def first_trial(experiment: str, epochs: int) -> tuple[TrialSpec, tuple[str, ...]]:
    """Of an experiment's first task, trained for so many epochs."""
    config = load(experiment, [f"training.epochs={epochs}", "training.milestones=[]"])
    known = BUILT_IN_BENCHMARKS[config.benchmark.name]
    stage = plan.stage_spec(config, 1, plan.architecture(config, known.input_shape, known.classes), None)
    trial = plan.trial_specs(dataclasses.replace(stage, threads=1), config.seed, plan.points(config, 1, None))[0]
    return trial, (str(config.selection.margin_points),)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("epochs", metavar="EPOCHS", type=int, nargs="?", default=6)
    parser.add_argument("--experiment", metavar="FILE", help="a config; the default is the paper's permuted MNIST")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    trial, margins = first_trial(asked.experiment, asked.epochs) if asked.experiment else perceptron(asked.epochs)
    stage = trial.stage
    try:
        data = load_task(stage.benchmark, 1)
    except DataError as error:
        print(f"nothing is measured: {error.message}; {error.hint}")
        return
    print("| step | seconds | % of the training |\n|---|---|---|")
    trained, seconds = timed(f"training, {asked.epochs} epochs",
                             lambda: result_of(train(trial, empty_network(stage.architecture), data)))
    network, val, batch = trained.network, data.val, stage.evaluation_batch_size
    activities, _ = timed(f"activities, over {len(data.train):,} samples",
                          lambda: mean_activity(network, data.train.inputs, batch), seconds)
    timed("the curve, 100 points", lambda: threshold_curve(network, 1, activities, val.inputs, val.labels, 100), seconds)
    told = []
    for margin in margins:
        for mode in ThresholdMode:
            required = required_correct(trained.val_correct, len(val), Decimal(margin))
            search = partial(find_thresholds, network, 1, activities, val.inputs, val.labels, required, mode, batch)
            found, _ = timed(f"exact θ*, {mode.value}, m = {margin}", search, seconds)
            told.append(f"{mode.value}, m = {margin}: {found.candidates_tried:,} candidates, {found.confirmed} canonical "
                        f"evaluations, {found.free_neurons} of {stage.architecture.hidden_total} neurons free")
    if not asked.experiment:
        timed("50 full passes", lambda: full_passes(network, activities, data), seconds)
    print("\n" + "\n".join(told))


if __name__ == "__main__":
    main()
