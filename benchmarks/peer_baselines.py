"""Our EWC and SI beside those of Avalanche, the best-known library for continual learning.

    pip install avalanche-lib==0.6.0
    python benchmarks/peer_baselines.py [TASKS] [SEEDS] [EPOCHS]

Permuted digits, MLP 64-300-300-10 with one output for all tasks and no task labels, batches of 32, Adam at a constant rate of
0.003 that begins anew with every task (Avalanche by itself keeps its memory), the same data and first weights; only the order
of the batches differs. Both go on from a task's best epoch by validation. Several strengths, so that no method stands or falls
by a bad one. It first compares importances and gradients of the penalties on the same weights, samples, labels and steps.

EWC. Ours: λ/2 Σ F (θ − θ_i)². Avalanche: ewc_lambda Σ F (θ − θ_i)², so ewc_lambda = λ/2. Our F is the mean square of gradients
of single samples, with labels drawn from the network's predictions. Avalanche takes the data's labels, and squares the mean
gradient of a batch, which is smaller: by the batch size where the samples' gradients are independent. Hence two kinds of rows:
"batches" as it is, with ewc_lambda = λ/2 · 32, and "samples" with batches of one for F and ewc_lambda = λ/2.

SI. Ours: c Σ Ω (θ − θ*)². Avalanche: si_lambda/2 Σ Ω (θ − θ*)², so si_lambda = 2 c. Ours adds max(ω, 0) / (Δ² + 0.1) for every
task; Avalanche adds ω / (Δ² + eps) (0.1 here, 1e-7 by itself), caps the sum at 0.001 and lets it be negative; the paper's own
program takes max(·, 0) of the sum. Its ω integrates the gradient of the loss with the penalty, ours and the paper's without.
On a CPU it remembers the weights as views of themselves: nothing has ever moved, Ω = 0, and it holds nothing. Rows "fixed"
let it copy them, as it does by itself on a GPU.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout, wherever this is started

from benchmarks.arguments import numbers
from clnp_core.architecture import HeadKind
from clnp_core.evaluation import evaluate
from clnp_core.network import Network, empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from clnp_core.shared_weights import released
from workers.baselines.ewc import with_task
from workers.baselines.penalty import Anchor, shared_parameters
from workers.baselines.si import DAMPING, PathIntegral
from workers.baselines.whole_network import train_whole
from workers.data import datasets
from workers.data.loader import TaskData, load_task
from workers.methods import Method, MethodSpec
from workers.spec import BenchmarkSpec, StageSpec, TrainingSpec, TrialSpec, derive_seed
from workers.training.loop import result_of

datasets.datasets()  # before Avalanche, which imports torchvision, also beside a torch that it does not match

from avalanche.benchmarks import tensors_benchmark  # noqa: E402  after the line above
from avalanche.training.plugins import (  # noqa: E402  likewise
    EvaluationPlugin,
    EWCPlugin,
    SupervisedPlugin,
    SynapticIntelligencePlugin,
)
from avalanche.training.supervised import Naive  # noqa: E402  likewise
from avalanche.training.utils import copy_params_dict  # noqa: E402  likewise

ARCHITECTURE = mlp(64, (300, 300), 10, head=HeadKind.SHARED)
RATE, BATCH = 0.003, 32
CHECKED = 400
"""Samples of the numeric comparison: few enough for all their gradients to be in memory at once."""

Tensors = dict[str, Tensor]
Run = Callable[[list[TaskData], int, int], list[float]]
"""Tasks, epochs and seed → the test accuracies in % on all tasks after the last one."""


def benchmark(seed: int) -> BenchmarkSpec:
    """The tasks of one seed."""
    return BenchmarkSpec("permuted-digits", seed, {}, None, "unit")


def ours(method: Method, strength: float | None) -> Run:
    """A method of this project, one task after the other."""
    def run(tasks: list[TaskData], epochs: int, seed: int) -> list[float]:
        training = TrainingSpec("adam", 0.0, 0.0, BATCH, epochs, (), 0.1, None)
        network, anchor = empty_network(ARCHITECTURE), Anchor.none()
        for number, task in enumerate(tasks, start=1):
            stage = StageSpec(benchmark(seed), number, ARCHITECTURE, None if number == 1 else "the task before", training, 1000,
                              torch.get_num_threads(), 100, MethodSpec(method, strength, fisher_samples=len(task.train)))
            trial = TrialSpec(stage, 0, (0.0,) * 3, RATE, derive_seed(seed, number))
            trained, anchor = result_of(train_whole(trial, network, anchor, task))
            network = trained.network
        return [100 * evaluate(network, task.test.inputs, task.test.labels, number).accuracy
                for number, task in enumerate(tasks, start=1)]
    return run


def theirs(*plugins: Callable[[], Any], fixed: bool = False) -> Run:
    """A method of Avalanche on the same network."""
    def run(tasks: list[TaskData], epochs: int, seed: int) -> list[float]:
        torch.manual_seed(seed)  # of its batches
        free = FreeNetwork(empty_network(ARCHITECTURE), torch.Generator().manual_seed(derive_seed(seed, 1)))
        model, best = as_modules(free), BestEpoch(tasks)
        strategy = naive(model, epochs, [best, *(plugin() for plugin in plugins)])
        with copied_weights() if fixed else nullcontext():
            for experience in stream(tasks):
                strategy.optimizer = torch.optim.Adam(model.parameters(), RATE)
                strategy.train(experience)
        return [accuracy(model, task.test.inputs, task.test.labels) for task in tasks]
    return run


def naive(model: nn.Module, epochs: int, plugins: list[Any]) -> Any:
    """Avalanche's plain training, with what is plugged into it."""
    return Naive(model=model, optimizer=torch.optim.Adam(model.parameters(), RATE), criterion=nn.CrossEntropyLoss(),
                 train_mb_size=BATCH, train_epochs=epochs, evaluator=EvaluationPlugin(loggers=[]), plugins=plugins)


def stream(tasks: list[TaskData]) -> Any:
    """The training samples as Avalanche's experiences, which do not tell the task."""
    return tensors_benchmark([(task.train.inputs, task.train.labels) for task in tasks],
                             [(task.test.inputs, task.test.labels) for task in tasks],
                             task_labels=[0] * len(tasks)).train_stream


def as_modules(free: FreeNetwork) -> nn.Sequential:
    """The same network of plain modules, whose parameters are those of ``free`` themselves."""
    first, second, last = nn.Linear(64, 300), nn.Linear(300, 300), nn.Linear(300, 10, bias=False)
    first.weight, first.bias = free.from_active[0], free.vectors["bias_0"]
    second.weight, second.bias = free.from_free[1], free.vectors["bias_1"]
    last.weight = free.head_from_free
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)


@torch.no_grad()
def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """In %."""
    return 100 * float((model(inputs).argmax(dim=1) == labels).float().mean())


class BestEpoch(SupervisedPlugin):  # type: ignore[misc]  # Avalanche tells no types
    """Ends a task with the weights of its best epoch by validation, the earliest of several, as ours does; to be plugged in
    before anything that looks at the weights then."""

    def __init__(self, tasks: list[TaskData]) -> None:
        super().__init__()
        self._tasks, self._best, self._state = tasks, -1.0, Tensors()

    def after_training_epoch(self, strategy: Any, **_: Any) -> None:
        val = self._tasks[strategy.experience.current_experience].val
        reached = accuracy(strategy.model, val.inputs, val.labels)
        if reached > self._best:
            self._best, self._state = reached, {name: values.clone() for name, values in strategy.model.state_dict().items()}

    def after_training_exp(self, strategy: Any, **_: Any) -> None:
        strategy.model.load_state_dict(self._state)
        self._best = -1.0


class SingleSamples(EWCPlugin):  # type: ignore[misc]  # Avalanche tells no types
    """Avalanche's EWC with squares of the gradients of single samples."""

    def compute_importances(self, model: Any, criterion: Any, optimizer: Any, dataset: Any, device: Any, batch_size: int,
                            num_workers: int = 0) -> Any:
        return super().compute_importances(model, criterion, optimizer, dataset, device, 1, num_workers)


@contextmanager
def copied_weights() -> Iterator[None]:
    """Avalanche's SI remembers weights, and not views of them that move along."""
    def extract(model: nn.Module, target: Any, excluded_parameters: Any) -> None:
        for name, weight in SynapticIntelligencePlugin.allowed_parameters(model, excluded_parameters):
            target[name].data = weight.detach().cpu().flatten().clone()

    with mock.patch.object(SynapticIntelligencePlugin, "extract_weights", staticmethod(extract)):
        yield


class Differences:
    """Our importances and gradients less Avalanche's, on one network that trains on a few tasks.

    Both look at the same steps of the same parameters. EWC: Avalanche is given batches of one, and the labels that ours draws.
    SI: its penalty is off while the path is integrated, so that the gradients are those of the loss alone; compared is what is
    before its cap, each task's part from 0 up.
    """

    def __init__(self, tasks: list[TaskData], epochs: int, seed: int) -> None:
        self._free = FreeNetwork(empty_network(ARCHITECTURE), torch.Generator().manual_seed(seed))
        self._model = as_modules(self._free)
        names = {id(weight): name for name, weight in shared_parameters(self._free).items()}
        self._names = {name: names[id(weight)] for name, weight in self._model.named_parameters()}
        self.found: list[tuple[str, float]] = []
        self.notes: list[str] = []
        torch.manual_seed(seed)
        with copied_weights():
            self._compare(tasks, epochs, seed)

    def _compare(self, tasks: list[TaskData], epochs: int, seed: int) -> None:
        si, ewc = SynapticIntelligencePlugin(si_lambda=0.0, eps=DAMPING), EWCPlugin(ewc_lambda=0.5)
        strategy, summed = naive(self._model, epochs, [si]), Tensors()
        held_by_si = held_by_ewc = Anchor.none()
        for place, (task, experience) in enumerate(zip(tasks, stream(tasks), strict=True)):
            strategy.optimizer = torch.optim.Adam(self._model.parameters(), RATE)
            path = PathIntegral(self._free)
            path.attend(strategy.optimizer)
            before = self._trajectory(si) if place else {}
            strategy.train(experience)
            after = self._trajectory(si)
            for name, values in after.items():
                part = values - before[name] if place else values
                summed[name] = part.clamp(min=0) + (summed[name] if place else 0)
            path.keep()
            held_by_si = path.consolidated(held_by_si)
            self._note(f"SI, Ω after task {place + 1}", {name: each / 2 for name, each in held_by_si.precision.items()}, summed)
            omega = torch.cat([values.flatten() for values in after.values()])
            above, below = (float(chosen.float().mean()) for chosen in (omega > 0.001, omega < 0))
            self.notes.append(f"SI, after task {place + 1}: {above:.1%} of Avalanche's Ω are above its cap of 0.001, "
                              f"{below:.2%} below 0")

            network = self._free.assemble(1)
            held_by_ewc = with_task(held_by_ewc, network, place + 1, task, CHECKED, seed)
            inputs, drawn = self._sampled(network, task, seed)
            ewc.importances[place] = self._importances(ewc, strategy, inputs, drawn, 1)
            ewc.saved_params[place] = copy_params_dict(self._model)
            fisher = [self._named(ewc.importances[number]) for number in range(place + 1)]
            self._note(f"EWC, F after task {place + 1}", dict(held_by_ewc.precision),
                       {name: torch.stack([each[name] for each in fisher]).sum(dim=0) for name in fisher[0]})
            single, batched = (sum(float(values.sum()) for values in self._named(
                self._importances(ewc, strategy, task.train.inputs, task.train.labels, size)).values()) for size in (1, BATCH))
            sampled = sum(float(values.sum()) for values in fisher[-1].values())
            self.notes.append(f"EWC, task {place + 1}: ΣF of single samples, drawn labels {sampled:.2g}, the data's labels "
                              f"{single:.2g}; of batches of {BATCH} {batched:.2g}, {single / batched:.0f} times less")

        with torch.no_grad():
            for weight in self._model.parameters():
                weight.add_(torch.randn_like(weight), alpha=0.01)
        told = SimpleNamespace(clock=SimpleNamespace(train_exp_counter=len(tasks)), model=self._model, device="cpu",
                               loss=torch.zeros(()))
        ewc.before_backward(told)
        self._note("EWC, gradient of the penalty, λ = 1", self._gradient(held_by_ewc, 1.0), self._gradient_of(told.loss))
        for name, ours_named in self._names.items():
            si.ewc_data[1][name].data = (held_by_si.precision[ours_named] / 2).flatten()
        penalty = SynapticIntelligencePlugin.compute_ewc_loss(self._model, si.ewc_data, set(), "cpu", lambd=2.0)
        self._note("SI, gradient of the penalty, c = 1", self._gradient(held_by_si, 1.0), self._gradient_of(penalty))

    def _note(self, what: str, own: Tensors, other: Tensors) -> None:
        """The largest difference in any tensor, relative to the tensor's largest value."""
        assert own.keys() == other.keys()
        self.found.append((what, max(float((own[name] - other[name]).abs().max() / other[name].abs().max()) for name in own)))

    def _named(self, of_theirs: Any) -> Tensors:
        """By our names."""
        return {own: of_theirs[name].data.clone() for name, own in self._names.items()}

    def _trajectory(self, plugin: Any) -> Tensors:
        """What Avalanche's SI has added up, before the cap, with the sign of an importance."""
        shapes = {name: weight.shape for name, weight in self._model.named_parameters()}
        return {own: -plugin.syn_data["cum_trajectory"][name].data.view(shapes[name]) for name, own in self._names.items()}

    def _sampled(self, network: Network, task: TaskData, seed: int) -> tuple[Tensor, Tensor]:
        """The samples and the labels that :func:`workers.baselines.ewc.with_task` draws."""
        generator = torch.Generator().manual_seed(seed)
        FreeNetwork(released(network), generator)
        inputs = task.train.inputs[torch.randperm(len(task.train), generator=generator)[:CHECKED]]
        with torch.no_grad():
            return inputs, torch.multinomial(self._model(inputs).softmax(dim=1), 1, generator=generator).flatten()

    def _importances(self, plugin: Any, strategy: Any, inputs: Tensor, labels: Tensor, batch: int) -> Any:
        return plugin.compute_importances(self._model, nn.CrossEntropyLoss(), strategy.optimizer,
                                          TensorDataset(inputs, labels, torch.zeros_like(labels)), "cpu", batch)

    def _gradient(self, anchor: Anchor, strength: float) -> Tensors:
        for weight in shared_parameters(self._free).values():
            weight.grad = torch.zeros_like(weight)
        anchor.add_gradient(self._free, strength)
        return self._gradients()

    def _gradient_of(self, penalty: Tensor) -> Tensors:
        self._free.zero_grad()
        penalty.backward()
        return self._gradients()

    def _gradients(self) -> Tensors:
        return {name: weight.grad.clone() for name, weight in shared_parameters(self._free).items() if weight.grad is not None}


def rows() -> Iterator[tuple[str, str, str, Run]]:
    """Method, library, strength, and what runs it."""
    yield "sequential", "ours", "", ours(Method.SEQUENTIAL, None)
    yield "sequential", "Avalanche", "", theirs()
    for λ in (100.0, 1000.0, 10_000.0):
        yield "EWC", "ours", f"λ = {λ:,g}", ours(Method.EWC, λ)
    for λ in (100.0, 1000.0, 10_000.0):
        yield "EWC", "Avalanche, samples", f"ewc_lambda = {λ / 2:,g}", theirs(partial(SingleSamples, λ / 2))
    for λ in (100.0, 1000.0, 10_000.0):
        yield "EWC", "Avalanche, batches", f"ewc_lambda = {λ / 2 * BATCH:,g}", theirs(partial(EWCPlugin, λ / 2 * BATCH))
    for c in (1.0, 10.0, 100.0):
        yield "SI", "ours", f"c = {c:g}", ours(Method.SI, c)
    yield "SI", "Avalanche, as it is", "si_lambda = 20", theirs(partial(SynapticIntelligencePlugin, 20.0, DAMPING))
    for c in (1.0, 10.0, 100.0):
        yield "SI", "Avalanche, fixed", f"si_lambda = {2 * c:g}", theirs(partial(SynapticIntelligencePlugin, 2 * c, DAMPING),
                                                                         fixed=True)


def shown(values: list[float]) -> str:
    """Mean ± standard deviation."""
    return f"{mean(values):.2f} ± {stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def main() -> None:
    """Compare and print."""
    count, seeds, epochs = numbers(__doc__, tasks=3, seeds=3, epochs=8)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    sequences = [[load_task(benchmark(seed), number) for number in range(1, count + 1)] for seed in range(seeds)]
    differences = Differences(sequences[0][:2], min(epochs, 5), seed=1)
    print("| on the same weights, samples, labels and steps | largest difference / largest value |\n|---|---|")
    for what, value in differences.found:
        print(f"| {what} | {value:.1e} |")
    print("", *(f"- {note}" for note in differences.notes), sep="\n")
    print(f"\n{count} tasks, {seeds} seeds, {epochs} epochs a task; test accuracies in % after the last task\n")
    print("| method | library | strength | mean over tasks | task 1 | seconds a seed |\n|---|---|---|---|---|---|")
    for method, library, strength, run in rows():
        began = time.perf_counter()
        reached = [run(tasks, epochs, seed) for seed, tasks in enumerate(sequences)]
        seconds = (time.perf_counter() - began) / seeds
        print(f"| {method} | {library} | {strength} | {shown([mean(each) for each in reached])} | "
              f"{shown([each[0] for each in reached])} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
