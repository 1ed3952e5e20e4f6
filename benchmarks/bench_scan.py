"""What choosing θ costs: the exact search, the recorded curve and the activities beside the training that they follow.

    CLNP_DATA=/path/to/data python benchmarks/bench_scan.py [EPOCHS]

The paper's perceptron on the first task of permuted MNIST (10,000 validation samples), one thread, the paper's α and rate.
Seconds are those that the processor computed, so other programs matter less. ``50 full passes`` is what the plain loop does.
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TypeVar

import torch

from benchmarks import plain_loop
from clnp_core.activity import mean_activity
from clnp_core.errors import DataError
from clnp_core.network import Network, empty_network
from clnp_core.networks import mlp
from clnp_core.pruning import survivors
from clnp_core.selection import ThresholdMode, required_correct
from clnp_core.threshold import find_thresholds, threshold_curve
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.tasks import TaskData, load_task
from workers.training import result_of, train

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


def main() -> None:
    """Measure and print."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    torch.set_num_threads(1)
    benchmark, architecture = BenchmarkSpec("permuted-mnist", 1, {}, None, "unit"), mlp(784, (2000, 2000), 10)
    try:
        data = load_task(benchmark, 1)
    except DataError as error:
        print(f"nothing is measured: {error.message}; {error.hint}")
        return
    training = TrainingSpec("adam", 0.0, 0.0, 256, epochs, (epochs - 1,) if epochs > 1 else (), 0.1, None)
    stage = StageSpec(benchmark, 1, architecture, None, training, 1000, 1, 100)
    trial = TrialSpec(stage, 0, (1e-7, 1e-5, 1e-6), 0.002, 7)
    print("| step | seconds | % of the training |\n|---|---|---|")
    trained, seconds = timed(f"training, {epochs} epochs", lambda: result_of(train(trial, empty_network(architecture), data)))
    network, val = trained.network, data.val
    activities, _ = timed("activities, over 50,000 samples", lambda: mean_activity(network, data.train.inputs, 1000), seconds)
    timed("the curve, 100 points", lambda: threshold_curve(network, 1, activities, val.inputs, val.labels, 100), seconds)
    told = []
    for margin in ("0.05", "1"):
        for mode in ThresholdMode:
            required = required_correct(trained.val_correct, len(val), Decimal(margin))
            search = partial(find_thresholds, network, 1, activities, val.inputs, val.labels, required, mode, 1000)
            found, _ = timed(f"exact θ*, {mode.value}, m = {margin}", search, seconds)
            told.append(f"{mode.value}, m = {margin}: {found.candidates_tried:,} candidates, {found.confirmed} canonical "
                        f"evaluations, {found.free_neurons} of 4000 neurons free")
    timed("50 full passes", lambda: full_passes(network, activities, data), seconds)
    print("\n" + "\n".join(told))


if __name__ == "__main__":
    main()
