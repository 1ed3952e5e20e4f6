"""How the cost of a task grows: with the width of the network, with samples, and with the tasks that were learnt before.

    CLNP_DATA=/path/to/data python benchmarks/bench_growth.py

Permuted MNIST, of which 10,000 training samples, one thread, seconds of the processor: six epochs, activities, the exact
shared θ* at m = 1 and the evaluation of all tasks so far, which is what the proof of a commit costs. One thing at a time
changes.
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.arguments import numbers
from clnp_core.capacity import free_neurons
from clnp_core.errors import DataError, DepletedError
from clnp_core.evaluation import evaluate
from clnp_core.network import Network, empty_network
from clnp_core.networks import mlp
from clnp_core.pruning import prune
from clnp_core.scores import mean_activity
from clnp_core.selection import required_correct
from clnp_core.threshold import find_thresholds
from workers.data.loader import load_task
from workers.data.samples import Samples, TaskData
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.training.loop import result_of, train

BENCHMARK = BenchmarkSpec("permuted-mnist", 1, {}, None, "unit")
EPOCHS, BATCH, WIDTH, SAMPLES, VAL = 6, 256, 1000, 10_000, 10_000
ALPHA = (1e-6, 1e-4, 1e-5)
"""Ten times the paper's, because there is a fifth of its samples."""
Result = TypeVar("Result")


def part(samples: Samples, count: int) -> Samples:
    """The first ones."""
    return Samples(samples.inputs[:count], samples.labels[:count])


def task_of(number: int, samples: int = SAMPLES, val: int = VAL) -> TaskData:
    """A task with fewer samples."""
    data = load_task(BENCHMARK, number)
    return TaskData(part(data.train, samples), part(data.val, val), data.test, data.classes)


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """The result, and what it computed."""
    began = time.process_time()
    return work(), time.process_time() - began


def learn(base: Network, number: int, data: TaskData) -> tuple[Network, list[str]]:
    """One task; the cells of its row."""
    training = TrainingSpec("adam", 0.0, 0.0, BATCH, EPOCHS, (), 0.1, None)
    stage = StageSpec(BENCHMARK, number, base.architecture, None, training, 1000, 1, 100)
    trial = TrialSpec(stage, 0, ALPHA, 0.002, number)
    trained, seconds = timed(lambda: result_of(train(trial, base, data)))
    network, val, steps = trained.network, data.val, EPOCHS * -(-len(data.train) // BATCH)
    activities, measuring = timed(lambda: mean_activity(network, data.train.inputs, 1000))
    required = required_correct(trained.val_correct, len(val), Decimal(1))
    found, scanning = timed(lambda: find_thresholds(network, number, activities, val.inputs, val.labels, required))
    pruned = prune(network, number, activities, found.thresholds)
    used = 100 - 100 * free_neurons(pruned) / sum(base.architecture.hidden)
    return pruned, [f"{1e3 * seconds / steps:.1f}", f"{seconds:.1f}", f"{measuring:.2f}", f"{scanning:.2f}",
                    f"{found.candidates_tried:,}", f"{used:.0f}"]


def table(first: str, more: str = "") -> None:
    """The head of one."""
    columns = [first, "ms a step", "training s", "activities s", "θ* s", "candidates", "used %", *([more] if more else [])]
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def main() -> None:
    """Measure and print."""
    numbers(__doc__)
    torch.set_num_threads(1)
    try:
        load_task(BENCHMARK, 1)
    except DataError as error:
        print(f"nothing is measured: {error.message}; {error.hint}")
        return
    learn(empty_network(mlp(784, (100, 100), 10)), 1, task_of(1, 1000, 1000))  # what is done once is not in the table
    table("width")
    for width in (500, 1000, 2000, 4000):
        print(f"| {width:,} | {' | '.join(learn(empty_network(mlp(784, (width, width), 10)), 1, task_of(1))[1])} |", flush=True)
    table("training / validation samples")
    for samples, val in ((5_000, VAL), (10_000, VAL), (20_000, VAL), (SAMPLES, 2_500), (SAMPLES, 5_000)):
        row = learn(empty_network(mlp(784, (WIDTH, WIDTH), 10)), 1, task_of(1, samples, val))[1]
        print(f"| {samples:,} / {val:,} | {' | '.join(row)} |", flush=True)
    table("task", "proof s")
    base = empty_network(mlp(784, (WIDTH, WIDTH), 10))
    for number in range(1, 9):
        try:
            base, row = learn(base, number, task_of(number))
        except DepletedError as full:
            print(f"\ntask {number}: {full.message}")
            return
        tests = [load_task(BENCHMARK, earlier).test for earlier in range(1, number + 1)]
        _, proving = timed(lambda base=base, tests=tests: [evaluate(base, test.inputs, test.labels, place)
                                                            for place, test in enumerate(tests, start=1)])
        print(f"| {number} | {' | '.join(row)} | {proving:.2f} |", flush=True)


if __name__ == "__main__":
    main()
