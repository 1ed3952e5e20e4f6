"""What networks as small as the paper's share of a task can reach on permuted MNIST, when nothing is pruned at all.

    CLNP_DATA=FOLDER python benchmarks/small_networks.py [SEEDS] [EPOCHS]

The paper ends ten tasks of permuted MNIST with 18 % and 40 % of two layers of 2,000 neurons in use (§3.1): 360 and 800, which
is 36 and 80 for each task, or fewer in layer 1 for a later task whose first found more. Layer 2 is not shared between tasks;
of layer 1 a later task may read all that earlier tasks have left. So each line trains a dense network of that size on one
permutation, as long as it helps: ``new`` neurons of layer 1, ``old`` ones that were trained on three other permutations and are
frozen, ``second`` neurons in layer 2, no output bias. Adam from a rate of 0.001 down to 0 along a cosine, batches of 256, best
epoch on validation data.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.arguments import numbers
from workers.data.loader import TaskData, load_task
from workers.spec import BenchmarkSpec

RATE, BATCH = 0.001, 256
OLD = (100, 100, 160)
"""Neurons of layer 1 that earlier permutations have left, 360 in all, which is 18 % of 2,000."""

SIZES = ((0, 36, 80), (0, 72, 80), (0, 140, 160), (0, 140, 194), (0, 300, 300), (360, 20, 80), (360, 60, 80), (360, 100, 110))
"""(old, new, second)."""


class Small(nn.Module):
    """Two hidden layers with ReLU; what is ``frozen`` stands beside the first."""

    def __init__(self, inputs: int, new: int, second: int, frozen: nn.Linear | None) -> None:
        super().__init__()
        self.frozen = None if frozen is None else frozen.requires_grad_(False)
        self.first = nn.Linear(inputs, new)
        self.second = nn.Linear(new + (0 if frozen is None else frozen.out_features), second)
        self.output = nn.Linear(second, 10, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits float32 [samples, 10] of inputs float32 [samples, pixels]."""
        layers = [self.first] if self.frozen is None else [self.frozen, self.first]
        logits: Tensor = self.output(self.second(torch.cat([layer(inputs).relu() for layer in layers], dim=1)).relu())
        return logits


def accuracy(network: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """In percent."""
    with torch.no_grad():
        return 100 * float((network(inputs).argmax(1) == labels).double().mean())


def trained(network: Small, data: TaskData, epochs: int) -> tuple[float, float]:
    """Validation and test accuracy of the best epoch, in percent; the network is left at its last."""
    inputs, labels = data.train.inputs.flatten(1), data.train.labels
    optimizer = torch.optim.Adam([weight for weight in network.parameters() if weight.requires_grad], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * math.ceil(len(inputs) / BATCH))
    best = (0.0, 0.0)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
        val = accuracy(network, data.val.inputs.flatten(1), data.val.labels)
        if val > best[0]:
            best = (val, accuracy(network, data.test.inputs.flatten(1), data.test.labels))
    return best


def left_by_others(benchmark: BenchmarkSpec, inputs: int, epochs: int) -> nn.Linear:
    """The first layers of networks on tasks 2, 3 …, one below the other."""
    layers = []
    for task, width in enumerate(OLD, start=2):
        network = Small(inputs, width, 100, None)
        trained(network, load_task(benchmark, task), epochs)
        layers.append(network.first)
    joined = nn.Linear(inputs, sum(OLD))
    with torch.no_grad():
        joined.weight.copy_(torch.cat([layer.weight for layer in layers]))
        assert joined.bias is not None
        joined.bias.copy_(torch.cat([layer.bias for layer in layers]))
    return joined


def spread(values: Sequence[float]) -> str:
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def main(seeds: int, epochs: int) -> None:
    found: dict[tuple[int, int, int], list[tuple[float, float]]] = {size: [] for size in SIZES}
    for seed in range(100, 100 + seeds):
        torch.manual_seed(seed)
        benchmark = BenchmarkSpec("permuted-mnist", seed, {}, None, "standard")
        data = load_task(benchmark, 1)
        inputs = data.train.inputs[0].numel()
        old = left_by_others(benchmark, inputs, epochs // 2)
        for size, values in found.items():
            frozen, new, second = size
            values.append(trained(Small(inputs, new, second, old if frozen else None), data, epochs))
            print(seed, size, values[-1], file=sys.stderr, flush=True)
    print("| layer 1, old | layer 1, new | layer 2 | validation % | test % |\n|---:|---:|---:|---:|---:|")
    for size, values in found.items():
        print("| " + " | ".join([*map(str, size), *(spread(column) for column in zip(*values, strict=True))]) + " |")


if __name__ == "__main__":
    main(*numbers(__doc__, seeds=3, epochs=30))
