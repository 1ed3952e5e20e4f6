"""The nearest method of the best-known library for continual learning, PackNet in Avalanche, beside ours and the plain loop.

    pip install avalanche-lib==0.6.0
    CLNP_DATA=/path/to/data python benchmarks/peer_avalanche.py [TASKS] [EPOCHS]

The same network (784-2000-2000-10), permuted MNIST, batches of 256, epochs, and threads, one after the other in one process;
one grid point each, so nothing is swept. PackNet prunes single weights, a share that is given beforehand (here a half), and
trains on half of its epochs after that; ours finds by itself how many neurons can go. It reads the inputs as tensors and
logs nothing.
"""

import sys
import time
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks import plain_loop
from benchmarks.arguments import numbers
from clnp_core.capacity import free_neurons
from clnp_core.evaluation import evaluate
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from clnp_core.pruning import prune
from clnp_core.scores import mean_activity
from clnp_core.selection import required_correct
from clnp_core.threshold import find_thresholds
from workers.data.loader import TaskData, load_task
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec
from workers.training.loop import result_of, train

HIDDEN, RATE, ALPHA, MARGIN = 2000, 0.001, (1e-7, 1e-5, 1e-6), Decimal("0.05")
BENCHMARK = BenchmarkSpec("permuted-mnist", 1, {}, None, "unit")

Told = Iterator[tuple[list[float], str]]
"""After every task the test accuracies in % on all so far, and what is used."""


def packnet(tasks: list[TaskData], epochs: int) -> Told:
    """Avalanche's."""
    from avalanche.benchmarks import tensors_benchmark
    from avalanche.models.packnet import PackNetPlugin, packnet_simple_mlp
    from avalanche.training.plugins import EvaluationPlugin
    from avalanche.training.supervised import Naive

    stream = tensors_benchmark([(task.train.inputs, task.train.labels) for task in tasks],
                               [(task.test.inputs, task.test.labels) for task in tasks], task_labels=list(range(len(tasks))))
    model = packnet_simple_mlp(10, 784, HIDDEN, 2, 0.0)
    strategy = Naive(model=model, optimizer=torch.optim.Adam(model.parameters(), lr=RATE), train_mb_size=256,
                     train_epochs=epochs, eval_mb_size=1000, evaluator=EvaluationPlugin(loggers=[]),
                     plugins=[PackNetPlugin(post_prune_epochs=epochs // 2, prune_proportion=0.5)])
    for number, experience in enumerate(stream.train_stream):
        strategy.train(experience)
        accuracies = []
        for earlier, task in enumerate(tasks[:number + 1]):
            model.eval()
            with torch.no_grad():
                labels = torch.full((len(task.test),), earlier)
                accuracies.append(100 * float((model(task.test.inputs, labels).argmax(1) == task.test.labels).float().mean()))
        yield accuracies, f"{100 - 100 * 0.5 ** (number + 1):.0f} % of the weights"


def ours(tasks: list[TaskData], epochs: int) -> Told:
    """One grid point a task: train, find θ*, prune."""
    architecture, training = mlp(784, (HIDDEN, HIDDEN), 10), TrainingSpec("adam", 0.0, 0.0, 256, epochs, (), 0.1, None)
    base = empty_network(architecture)
    for number, task in enumerate(tasks, start=1):
        stage = StageSpec(BENCHMARK, number, architecture, None, training, 1000, torch.get_num_threads(), 100)
        trained = result_of(train(TrialSpec(stage, 0, ALPHA, RATE, number), base, task))
        activities, val = mean_activity(trained.network, task.train.inputs, 1000), task.val
        required = required_correct(trained.val_correct, len(val), MARGIN)
        found = find_thresholds(trained.network, number, activities, val.inputs, val.labels, required)
        base = prune(trained.network, number, activities, found.thresholds)
        used = 100 - 100 * free_neurons(base) / (2 * HIDDEN)
        yield [100 * evaluate(base, other.test.inputs, other.test.labels, place).accuracy
               for place, other in enumerate(tasks[:number], start=1)], f"{used:.0f} % of the neurons"


def plain(tasks: list[TaskData], epochs: int) -> Told:
    """The plain loop."""
    state = plain_loop.Net(784, HIDDEN, 10).state_dict()
    active, learnt = [torch.zeros(HIDDEN, dtype=torch.bool)] * 2, []
    for number, task in enumerate(tasks, start=1):
        found = plain_loop.learn({"alpha": ALPHA[1], "lr": RATE}, task, state, active, HIDDEN, epochs)
        state, kept = found["net"], found["kept"]
        learnt.append(plain_loop.read(active, kept))
        active = [old | new for old, new in zip(active, kept, strict=True)]
        net = plain_loop.Net(784, HIDDEN, 10)
        net.load_state_dict(state)
        yield ([100 * plain_loop.correct(net, other.test.inputs, other.test.labels, keep) / len(other.test)
                for other, keep in zip(tasks[:number], learnt, strict=True)],
               f"{100 * float(torch.cat(active).float().mean()):.0f} % of the neurons")


def main() -> None:
    """Measure and print."""
    count, epochs = numbers(__doc__, tasks=2, epochs=2)
    warnings.simplefilter("ignore")
    tasks = [load_task(BENCHMARK, number) for number in range(1, count + 1)]
    print(f"{epochs} epochs a task, {torch.get_num_threads()} threads\n")
    print("| method | after task | seconds of the task | test % | used |\n|---|---|---|---|---|")
    for name, method in {"PackNet (Avalanche)": packnet, "plain loop": plain, "ours": ours}.items():
        began = time.perf_counter()
        for number, (accuracies, used) in enumerate(method(tasks, epochs), start=1):
            shown = " / ".join(f"{value:.2f}" for value in accuracies)
            print(f"| {name} | {number} | {time.perf_counter() - began:.0f} | {shown} | {used} |", flush=True)
            began = time.perf_counter()


if __name__ == "__main__":
    main()
