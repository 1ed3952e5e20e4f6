"""Continual learning by neural pruning as a good engineer writes it in an afternoon: what our speed is compared with.

    python benchmarks/plain_loop.py --tasks 2 --epochs 3 --hidden 100 --digits
    CLNP_DATA=/path/to/data python benchmarks/plain_loop.py --tasks 2 --epochs 6

Ray Tune around a plain PyTorch loop: a DataLoader, the L1 term through autograd, gradient masks by hooks, Adam with its
defaults, a new actor for every trial, and a full validation pass for every threshold that is tried. It learns a sequence of
permuted tasks with a single head, chooses, prunes and freezes; it records nothing, resumes nothing and proves nothing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from ray import tune
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from workers.data.loader import TaskData, load_task
from workers.spec import BenchmarkSpec

MARGIN = 0.0005
THRESHOLDS = 50
CLASSES = 10
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Net(nn.Module):
    """A perceptron with two hidden layers and no output bias."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)])
        self.out = nn.Linear(hidden, classes, bias=False)

    def forward(self, x: Tensor, keep: list[Tensor]) -> Tensor:
        """Logits, with only some neurons alive."""
        for layer, mask in zip(self.layers, keep, strict=True):
            x = torch.relu(layer(x)) * mask
        return self.out(x)

    def weights(self) -> list[Tensor]:
        """What L1 acts on."""
        return [*(layer.weight for layer in self.layers), self.out.weight]


def freeze(net: Net, active: list[Tensor]) -> None:
    """New values for what is free, zeros from free to active neurons, and hooks that hold the gradients of the rest at zero."""
    below = torch.ones(net.layers[0].in_features, dtype=torch.bool, device=DEVICE)
    for layer, used in zip(net.layers, active, strict=True):
        old, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
        layer.reset_parameters()
        with torch.no_grad():
            layer.weight[used] = old[used] * below
            layer.bias[used] = bias[used]
        free = (~used).float()
        layer.weight.register_hook(lambda gradient, free=free: gradient * free[:, None])
        layer.bias.register_hook(lambda gradient, free=free: gradient * free)
        below = used
    free = (~below).float()
    old = net.out.weight.detach().clone()
    net.out.reset_parameters()
    with torch.no_grad():
        net.out.weight[:, below] = old[:, below]
    net.out.weight.register_hook(lambda gradient: gradient * free)


def loader_of(inputs: Tensor, labels: Tensor, batch: int = 256) -> DataLoader:
    """Batches in a new order every epoch."""
    return DataLoader(TensorDataset(inputs, labels), batch_size=batch, shuffle=True)


def steps(net: Net, loader: DataLoader, optimizer: torch.optim.Optimizer, alpha: float, keep: list[Tensor]) -> Iterator[float]:
    """One epoch, step by step; yields the loss."""
    for x, y in loader:
        fit = functional.cross_entropy(net(x.to(DEVICE), keep), y.to(DEVICE))
        loss = fit + alpha * sum(weight.abs().sum() for weight in net.weights())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


@torch.no_grad()
def correct(net: Net, inputs: Tensor, labels: Tensor, keep: list[Tensor]) -> int:
    """A full validation pass."""
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=1000)
    return sum(int((net(x.to(DEVICE), keep).argmax(1) == y.to(DEVICE)).sum()) for x, y in loader)


@torch.no_grad()
def activity(net: Net, inputs: Tensor) -> list[Tensor]:
    """Mean activation of every hidden neuron."""
    sums = [torch.zeros(layer.out_features, device=DEVICE) for layer in net.layers]
    for x in torch.split(inputs.to(DEVICE), 1000):
        for place, layer in enumerate(net.layers):
            x = torch.relu(layer(x))
            sums[place] += x.sum(0)
    return [values / len(inputs) for values in sums]


def highest_threshold(net: Net, data: TaskData, active: list[Tensor], own: list[Tensor],
                      best: int) -> tuple[float, list[Tensor]]:
    """The highest of evenly spaced thresholds within the margin, from the top, and what it keeps of the free neurons."""
    means = activity(net, data.train.inputs)
    for theta in torch.linspace(float(max(mean.max() for mean in means)), 0, THRESHOLDS):
        kept = [free & (mean > theta) for free, mean in zip(own, means, strict=True)]
        if correct(net, data.val.inputs, data.val.labels, read(active, kept)) >= best - MARGIN * len(data.val):
            return float(theta), kept
    return 0.0, own


def read(active: list[Tensor], kept: list[Tensor]) -> list[Tensor]:
    """The masks of a task: below its own neurons and those of earlier tasks, in the last layer its own alone."""
    return [*((old | new).float() for old, new in zip(active[:-1], kept[:-1], strict=True)), kept[-1].float()]


def learn(config: dict, data: TaskData, state: dict[str, Tensor], active: list[Tensor], hidden: int, epochs: int) -> dict:
    """One grid point: train, measure, and find its threshold."""
    net = Net(data.train.inputs.shape[1], hidden, CLASSES).to(DEVICE)
    net.load_state_dict(state)
    active = [used.to(DEVICE) for used in active]
    freeze(net, active)
    own = [~used for used in active]
    keep = read(active, own)
    optimizer = torch.optim.Adam(net.parameters(), lr=config["lr"])
    for _ in range(epochs):
        for _ in steps(net, loader_of(data.train.inputs, data.train.labels), optimizer, config["alpha"], keep):
            pass
    best = correct(net, data.val.inputs, data.val.labels, keep)
    theta, kept = highest_threshold(net, data, active, own, best)
    return {"correct": best, "free": int(sum((~new & free).sum() for new, free in zip(kept, own, strict=True))),
            "theta": theta, "net": {name: values.cpu() for name, values in net.state_dict().items()},
            "kept": [mask.cpu() for mask in kept]}


def trial(config: dict, **task: object) -> None:
    """The same in an actor of its own."""
    torch.set_num_threads(1)
    found = learn(config, **task)
    with tempfile.TemporaryDirectory() as folder:
        torch.save({"net": found.pop("net"), "kept": found.pop("kept")}, Path(folder) / "trial.pt")
        tune.report(found, checkpoint=tune.Checkpoint.from_directory(folder))


def main() -> None:
    """Learn a sequence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", action="store_true", help="8×8 digits instead of MNIST")
    for name, value in (("tasks", 1), ("epochs", 6), ("hidden", 2000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--alpha", type=float, nargs="+", default=[1e-6, 1e-5])
    parser.add_argument("--lr", type=float, nargs="+", default=[0.001, 0.002])
    asked = parser.parse_args()
    benchmark = BenchmarkSpec("permuted-digits" if asked.digits else "permuted-mnist", 1, {}, None, "unit")
    state, active, learnt = {}, [torch.zeros(asked.hidden, dtype=torch.bool)] * 2, []
    for task in range(1, asked.tasks + 1):
        began, data = time.perf_counter(), load_task(benchmark, task)
        state = state or Net(data.train.inputs.shape[1], asked.hidden, CLASSES).state_dict()
        results = tune.Tuner(
            tune.with_resources(
                tune.with_parameters(trial, data=data, state=state, active=active, hidden=asked.hidden, epochs=asked.epochs),
                {"cpu": 1, "gpu": torch.cuda.device_count()}),
            param_space={"alpha": tune.grid_search(asked.alpha), "lr": tune.grid_search(asked.lr)},
            run_config=tune.RunConfig(verbose=0)).fit()
        best = max(result.metrics["correct"] for result in results)
        chosen = max((result for result in results if result.metrics["correct"] >= best - MARGIN * len(data.val)),
                     key=lambda result: result.metrics["free"])
        with chosen.checkpoint.as_directory() as folder:
            stored = torch.load(Path(folder) / "trial.pt")
        state, kept = stored["net"], stored["kept"]
        learnt.append(read(active, kept))
        active = [old | new for old, new in zip(active, kept, strict=True)]
        net = Net(data.train.inputs.shape[1], asked.hidden, CLASSES).to(DEVICE)
        net.load_state_dict(state)
        tests = [load_task(benchmark, number).test for number in range(1, task + 1)]
        accuracies = [100 * correct(net, test.inputs, test.labels, [mask.to(DEVICE) for mask in keep]) / len(test)
                      for test, keep in zip(tests, learnt, strict=True)]
        print(f"task {task}: test {' '.join(f'{value:.2f}' for value in accuracies)} %, used "
              f"{' '.join(f'{100 * used.float().mean():.0f}' for used in active)} %, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
