"""What a step costs on a GPU: kernel by kernel, as a graph, and in packs; beside the plain loop and what the GPU can do.

    python benchmarks/bench_gpu.py [ROUNDS]

The paper's perceptron, 784-2000-2000-10, batch 256; a round is one epoch of 50,000 samples without meaning, resident on the
GPU. Every line is microseconds of one trial's step: a pack's seconds divided by its members and steps. The median of the
rounds counts, so what is made once (graphs, kernels) is not in it. The floor is measured as well: the bytes that Adam (28 a
weight), weights and gradients (12) move, at the speed of a large copy, and the arithmetic, at the speed of a large product.
Then processes that share the GPU, and a grid of 16 points, from nothing to stored networks, beside one trial of the plain
loop (with MNIST, where CLNP_DATA says where it is). Without a GPU nothing is measured.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

import workers.training.loop
from benchmarks import plain_loop
from benchmarks.arguments import numbers
from clnp_core.errors import DataError
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from workers.data.loader import load_task
from workers.data.samples import Samples, TaskData
from workers.jobs.inputs import this_device
from workers.jobs.pack_job import run_pack
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.training.loop import train
from workers.training.optimizers import takes_graphs
from workers.training.packs.pack_loop import train_pack

INPUTS, HIDDEN, CLASSES, BATCH, SAMPLES = 784, 2000, 10, 256, 50_000
STEPS = -(-SAMPLES // BATCH)
WEIGHTS = INPUTS * HIDDEN + HIDDEN * HIDDEN + HIDDEN * CLASSES
FULL = 2.0 * BATCH * (2 * INPUTS * HIDDEN + 3 * HIDDEN * HIDDEN + 3 * HIDDEN * CLASSES)
SHARING = 4
"""Processes that share the GPU."""


def data() -> TaskData:
    """On the GPU."""
    generator = torch.Generator().manual_seed(1)
    parts = [Samples(torch.rand(size, INPUTS, generator=generator), torch.randint(CLASSES, (size,), generator=generator))
             for size in (SAMPLES, BATCH, BATCH)]
    return TaskData(*parts, CLASSES).to(this_device())


def grid(size: int, precision: str = "float32", epochs: int = 10_000) -> list[TrialSpec]:
    """So many points of one stage, as one pack."""
    training = TrainingSpec("adam", 0.0, 0.0, BATCH, epochs, (), 0.1, None, precision)
    stage = StageSpec(BenchmarkSpec("permuted-mnist", 1, {}, None, "unit"), 1, mlp(INPUTS, (HIDDEN, HIDDEN), CLASSES), None,
                      training, 1000, 1, 100)
    return [TrialSpec(stage, place, (1e-6 * (1 + place),) * 3, 1e-3, 7 + place, (size, place)) for place in range(size)]


def plain() -> Iterator[None]:
    """Epochs of the plain loop."""
    samples = data().to("cpu").train
    net = plain_loop.Net(INPUTS, HIDDEN, CLASSES).to(plain_loop.DEVICE)
    plain_loop.freeze(net, [torch.zeros(HIDDEN, dtype=torch.bool, device=plain_loop.DEVICE)] * 2)
    keep = [torch.ones(HIDDEN, device=plain_loop.DEVICE)] * 2
    optimizer, loader = torch.optim.Adam(net.parameters(), lr=1e-3), plain_loop.loader_of(samples.inputs, samples.labels, BATCH)
    while True:
        for _ in plain_loop.steps(net, loader, optimizer, 1e-5, keep):
            pass
        yield


def alone(precision: str = "float32", graphs: bool = True) -> Iterator[None]:
    """Epochs of one trial in the loop of ``workers.training.loop``, its steps as graphs or one kernel after the other."""
    [trial] = grid(1, precision)
    workers.training.loop.takes_graphs = takes_graphs if graphs else lambda optimizer: False
    for _ in train(trial, empty_network(trial.stage.architecture).to(this_device()), data()):
        yield


def packed(size: int, precision: str) -> Iterator[None]:
    """Epochs of a pack."""
    pack = grid(size, precision)
    for number, _ in train_pack(pack, empty_network(pack[0].stage.architecture).to(this_device()), data()):
        if number == size - 1:
            yield


def seconds_of(rounds: Iterator[None]) -> float:
    """Of the next round, everything that it asked for computed."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    next(rounds)
    torch.cuda.synchronize()
    return time.perf_counter() - began


def seconds_a_call(work: Callable[[], object], calls: int = 20) -> float:
    """Of something that is done again and again."""
    def rounds() -> Iterator[None]:
        while True:
            for _ in range(calls):
                work()
            yield

    again = rounds()
    next(again)
    return min(seconds_of(again) for _ in range(5)) / calls


def floors() -> dict[str, float]:
    """By precision: seconds of a step of one trial at the least."""
    device = this_device()
    one, other = (torch.zeros(2**28, device=device) for _ in range(2))
    bytes_a_second = 2 * 4 * 2**28 / seconds_a_call(lambda: other.copy_(one))
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}: copies {bytes_a_second / 1e12:.2f} TB/s")
    found = {}
    for precision in ("float32", "tf32", "bfloat16"):
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        left, right = (torch.rand(8192, 8192, device=device, dtype=dtype) for _ in range(2))
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        peak = 2 * 8192**3 / seconds_a_call(lambda left=left, right=right: left @ right, 5)
        torch.set_float32_matmul_precision("highest")
        found[precision] = 40 * WEIGHTS / bytes_a_second + FULL / peak
        print(f"  {precision}: products {peak / 1e12:.0f} TFLOP/s, so a step takes at least {1e6 * found[precision]:.0f} µs "
              f"({1e6 * 40 * WEIGHTS / bytes_a_second:.0f} of them for memory)")
    return found


def steps(count: int) -> None:
    """The table of the steps."""
    lowest = floors()
    variants: dict[str, tuple[int, str, Callable[[], Iterator[None]]]] = {"plain loop": (1, "float32", plain)}
    for precision in lowest:
        for name, graphs in (("one trial, kernel by kernel", False), ("one trial", True)):
            variants[f"{name}, {precision}"] = 1, precision, lambda precision=precision, graphs=graphs: alone(precision, graphs)
        for size in (1, 4, 16, 64):
            name = f"a pack of {size}, {precision}"
            variants[name] = size, precision, lambda size=size, precision=precision: packed(size, precision)
    print("\n| variant | µs a trial's step | × plain loop | × the floor | GB at the peak |\n|---|---|---|---|---|")
    plain_seconds = None
    for name, (size, precision, make) in variants.items():  # one after another: not all of them fit side by side
        torch.cuda.reset_peak_memory_stats()
        rounds = make()
        next(rounds), next(rounds)
        seconds = statistics.median(seconds_of(rounds) for _ in range(count)) / STEPS / size
        plain_seconds = plain_seconds or seconds
        print(f"| {name} | {1e6 * seconds:.0f} | {plain_seconds / seconds:.1f} | {seconds / lowest[precision]:.2f} | "
              f"{torch.cuda.max_memory_allocated() / 1e9:.1f} |", flush=True)
        del rounds
        torch.cuda.empty_cache()


def shared() -> None:
    """One trial each in several processes on the one GPU, as ``gpus_per_trial: 0.25`` places them."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    processes = [subprocess.Popen([sys.executable, __file__, "--sharing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, env=environment) for _ in range(SHARING)]
    for process in processes:
        assert process.stdin is not None and process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit("one of the processes did not begin")
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    if any(process.wait() for process in processes):
        raise SystemExit("one of the processes failed")
    seconds = (time.perf_counter() - began) / SHARING / 3 / STEPS
    print(f"\n{SHARING} processes share the GPU, a trial each: {1e6 * seconds:.0f} µs a trial's step")


def sharing() -> None:
    """One of the processes: three epochs when it is told to."""
    rounds = alone()
    next(rounds), next(rounds)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(3):
        next(rounds)
    torch.cuda.synchronize()


def whole(epochs: int = 6) -> None:
    """A grid of 16 points beside one trial of the plain loop, all of each."""
    [trial, *_] = pack = grid(16, "tf32", epochs)
    try:
        task = load_task(trial.stage.benchmark, 1)
    except DataError as error:
        print(f"\nthe grid is not measured: {error.message}")
        return
    seconds = {}
    with tempfile.TemporaryDirectory() as storage:
        for name, points in (("a pack of 16 points, tf32", pack), ("again, its kernels made", pack),
                             ("a pack of 16 points, float32, as the plain loop", grid(16, "float32", epochs))):
            began = time.perf_counter()
            trained = [told for told in run_pack(points, storage, Decimal(1)) if hasattr(told[1], "artifact")]
            seconds[name] = time.perf_counter() - began
            best = max(result.val_correct / result.val_total for _, result in trained)
    began = time.perf_counter()
    state = plain_loop.Net(INPUTS, HIDDEN, CLASSES).state_dict()
    nothing = [torch.zeros(HIDDEN, dtype=torch.bool)] * 2
    found = plain_loop.learn({"alpha": 1e-6, "lr": 0.001}, task, state, nothing, HIDDEN, epochs)
    seconds["one trial of the plain loop"] = time.perf_counter() - began
    print(f"\n{epochs} epochs of permuted MNIST, activities, thresholds and stored networks; best of the pack "
          f"{100 * best:.2f} %, plain loop {100 * found['correct'] / len(task.val):.2f} %")
    for name, value in seconds.items():
        print(f"  {name}: {value:.1f} s")


def main() -> None:
    """Measure and print."""
    rounds, = numbers(__doc__, rounds=5)
    if not torch.cuda.is_available():
        print("there is no GPU here: nothing is measured")
        return
    steps(rounds)
    shared()
    whole()


if __name__ == "__main__":
    sharing() if sys.argv[1:2] == ["--sharing"] else main()
