"""What bfloat16 does to accuracy and to θ*, beside float32, on trials that are otherwise the same.

    python benchmarks/bench_precision.py [SEEDS] [--mnist]

Permuted digits on a 300-300 perceptron (seconds a trial), or the first task of permuted MNIST on the paper's network, two
epochs (minutes; needs CLNP_DATA). θ* is the shared one at a margin of one point below each trial's own accuracy.
"""

import argparse
import statistics
import sys
import time
from decimal import Decimal
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from clnp_core.network import empty_network
from clnp_core.networks import mlp
from clnp_core.scores import mean_activity
from clnp_core.selection import required_correct
from clnp_core.threshold import find_thresholds
from workers.data.loader import load_task
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.training.loop import result_of, train


def measure(mnist: bool, seed: int, precision: str) -> tuple[float, float, float, float]:
    """Validation accuracy in percent, θ*, free neurons in percent, seconds of training."""
    benchmark = BenchmarkSpec("permuted-mnist" if mnist else "permuted-digits", 1, {}, None, "unit")
    width, epochs, batch, alpha = (2000, 2, 256, 1e-5) if mnist else (300, 30, 32, 1e-4)
    data, architecture = load_task(benchmark, 1), mlp(784 if mnist else 64, (width, width), 10)
    training = TrainingSpec("adam", 0.0, 0.0, batch, epochs, (), 0.1, None, precision)
    stage = StageSpec(benchmark, 1, architecture, None, training, 1000, torch.get_num_threads(), 100)
    began = time.process_time()
    trained = result_of(train(TrialSpec(stage, 0, (alpha,) * 3, 0.002, seed), empty_network(architecture), data))
    seconds = time.process_time() - began
    activities = mean_activity(trained.network, data.train.inputs, 1000)
    required = required_correct(trained.val_correct, len(data.val), Decimal(1))
    found = find_thresholds(trained.network, 1, activities, data.val.inputs, data.val.labels, required)
    theta = found.thresholds[0]
    return (100 * trained.val_correct / len(data.val), float("nan") if theta is None else theta,
            100 * found.free_neurons / architecture.hidden_total, seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", metavar="SEEDS", type=int, nargs="?", default=8)
    parser.add_argument("--mnist", action="store_true")
    asked = parser.parse_args()
    seeds, mnist = asked.seeds, asked.mnist
    torch.set_num_threads(1)
    found = {precision: [measure(mnist, seed, precision) for seed in range(seeds)] for precision in ("float32", "bfloat16")}
    print(f"| mean of {seeds} seeds (deviation) | float32 | bfloat16 |\n|---|---|---|")
    for place, name in enumerate(("validation %", "θ*", "free neurons %", "seconds of the processor")):
        cells = []
        for each in found.values():
            values = [row[place] for row in each]
            cells.append(f"{statistics.mean(values):.4g} ({statistics.stdev(values) if seeds > 1 else 0:.2g})")
        print(f"| {name} | {' | '.join(cells)} |")
    differences = [one[2] - other[2] for one, other in zip(*found.values(), strict=True)]
    print(f"\nfree neurons, float32 − bfloat16 of the same seed: {statistics.mean(differences):.2f} points on the mean")


if __name__ == "__main__":
    main()
