"""What a training step costs: ours beside the plain loop and beside what the processor could do at best.

    python benchmarks/bench_step.py [ROUNDS [WORD]]

The paper's perceptron, 784-2000-2000-10 without an output bias, batch 256, float32, as many threads as there are cores. Every
variant is a process of its own that has warmed up; they take turns, and the lower quartile of the rounds counts. The floor of a
step is its arithmetic divided by the peak, which is that of a large matrix product (2048³) in the same rounds. A word
leaves out the variants of CLNP without it: `window` compares networks with and without a window of free neurons.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks import plain_loop
from benchmarks.arguments import numbers
from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.network import Network, empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from clnp_core.pruning import prune
from clnp_core.values import FreeWindow
from orchestrator.driver.cluster import FOR_WORKERS
from workers.data.samples import Samples, TaskData
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.training import optimizers
from workers.training.loop import train

INPUTS, HIDDEN, CLASSES, BATCH, STEPS = 784, 2000, 10, 256, 12
PEAK = 2048

FULL = 2.0 * BATCH * (2 * INPUTS * HIDDEN + 3 * HIDDEN * HIDDEN + 3 * HIDDEN * CLASSES)
"""Floating-point operations of a step with nothing frozen: forward, gradients of weights, and of what is not an input."""

Round = Callable[[], float]


def data() -> TaskData:
    """Values without meaning: the arithmetic is the same."""
    generator = torch.Generator().manual_seed(1)
    parts = [Samples(torch.rand(size, INPUTS, generator=generator), torch.randint(CLASSES, (size,), generator=generator))
             for size in (STEPS * BATCH, BATCH, BATCH)]
    return TaskData(*parts, CLASSES)


def architecture() -> Architecture:
    """The paper's perceptron."""
    return mlp(INPUTS, (HIDDEN, HIDDEN), CLASSES, Activation.RELU, HeadKind.SINGLE)


def base(*shares: float) -> Network:
    """A network whose first task uses these shares of its layers."""
    network = FreeNetwork(empty_network(architecture()), torch.Generator().manual_seed(2)).assemble(1)
    activities = [torch.arange(HIDDEN, dtype=torch.float64)] * 2
    return prune(network, 1, activities, [HIDDEN * (1 - share) - 0.5 for share in shares])


def plain() -> Iterator[None]:
    """Epochs of the plain loop."""
    samples = data().train
    net = plain_loop.Net(INPUTS, HIDDEN, CLASSES)
    nothing = [torch.zeros(HIDDEN, dtype=torch.bool)] * 2
    plain_loop.freeze(net, nothing)
    keep: list[Tensor] = [torch.ones(HIDDEN)] * 2
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loader = plain_loop.loader_of(samples.inputs, samples.labels, BATCH)
    while True:
        for _ in plain_loop.steps(net, loader, optimizer, 1e-5, keep):
            pass
        yield


def ours(network: Network | None = None, one_pass: bool = True, compiled: bool = True,
         window: int | None = None) -> Iterator[None]:
    """Epochs of a trial; with a window of at most so many free neurons of each layer."""
    if not one_pass:
        optimizers.WORTH_COMPILING = float("inf")
    if not compiled:
        optimizers.compiled_pass = lambda: None
    task = 1 if network is None else 2
    training = TrainingSpec("adam", 0.0, 0.0, BATCH, 10_000, (), 0.1, None)
    benchmark = BenchmarkSpec("permuted-mnist", 1, {}, None, "unit")
    stage = StageSpec(benchmark, task, architecture(), None, training, BATCH, torch.get_num_threads(), 100,
                      free_window=None if window is None else FreeWindow((window, window), 3))
    trial = TrialSpec(stage, 0, (1e-5,) * 3, 1e-3, 7)
    for _ in train(trial, network or empty_network(architecture()), data()):
        yield


def peak() -> Iterator[None]:
    """Large products."""
    left, right = torch.rand(PEAK, PEAK), torch.rand(PEAK, PEAK)
    while True:
        for _ in range(STEPS):
            left @ right
        yield


VARIANTS: dict[str, Callable[[], Iterator[None]]] = {
    "matrix product 2048³": peak,
    "plain loop": plain,
    "sign-L1, fused Adam, data as tensors": lambda: ours(one_pass=False),
    "+ Adam and L1 in one pass, in blocks": lambda: ours(compiled=False),
    "+ the pass compiled": ours,
    "+ huge pages (what runs)": ours,
    "nothing frozen, no window": ours,
    "nothing frozen, window of 800": lambda: ours(window=800),
    "nothing frozen, window of 400": lambda: ours(window=400),
    "18 % / 40 % frozen, no window": lambda: ours(base(0.18, 0.4)),
    "18 % / 40 % frozen, window of 800": lambda: ours(base(0.18, 0.4), window=800),
    "18 % / 40 % frozen, window of 400": lambda: ours(base(0.18, 0.4), window=400),
    "30 % / 85 % frozen": lambda: ours(base(0.3, 0.85)),
    "60 % / 95 % frozen": lambda: ours(base(0.6, 0.95)),
}

AS_WORKERS = {name for name in VARIANTS if "what runs" in name or "frozen" in name}


def child(name: str) -> None:
    """One variant: a round for every line that comes in."""
    import time

    torch.set_num_threads(os.cpu_count() or 1)
    rounds = VARIANTS[name]()
    next(rounds), next(rounds)
    for _ in sys.stdin:
        began = time.perf_counter()
        next(rounds)
        print((time.perf_counter() - began) / STEPS, flush=True)


def main() -> None:
    """Measure and print."""
    word = sys.argv.pop(2) if len(sys.argv) > 2 else ""
    count, = numbers(__doc__, rounds=9)
    chosen = [name for place, name in enumerate(VARIANTS) if place < 2 or word in name]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    children = {name: subprocess.Popen([sys.executable, __file__, "--variant", name], stdin=subprocess.PIPE,
                                       env=environment | (FOR_WORKERS if name in AS_WORKERS else {}),
                                       stdout=subprocess.PIPE, text=True) for name in chosen}
    seconds: dict[str, list[float]] = {name: [] for name in chosen}
    for number in range(count + 1):
        for name, process in children.items():
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            told = float(process.stdout.readline())
            if number:  # the first may still have been warming up beside the others
                seconds[name].append(told)
    for process in children.values():
        process.kill()
    quartile = {name: statistics.quantiles(values, n=4)[0] for name, values in seconds.items()}
    fastest = 2 * PEAK**3 / quartile["matrix product 2048³"]
    print(f"peak {fastest / 1e9:.0f} GFLOP/s, so a step with nothing frozen takes at least {FULL / fastest * 1e3:.0f} ms\n")
    print("| variant | ms a step | × plain loop | % of the peak |\n|---|---|---|---|")
    for name, value in list(quartile.items())[1:]:
        share = "" if "frozen" in name else f"{100 * FULL / fastest / value:.0f}"
        print(f"| {name} | {1e3 * value:.0f} | {quartile['plain loop'] / value:.2f} | {share} |")


if __name__ == "__main__":
    child(sys.argv[2]) if sys.argv[1:2] == ["--variant"] else main()
