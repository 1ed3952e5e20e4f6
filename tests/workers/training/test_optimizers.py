"""Optimizers of a trial and the schedules of their learning rate."""

import copy
import dataclasses
import math
import shutil
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from clnp_core.network import empty_network
from clnp_core.partition import FreeNetwork
from tests.clnp_core.builders import generator
from tests.workers.training.test_loop import run
from workers.spec import Schedule, TrainingSpec, TrialSpec
from workers.training import optimizers
from workers.training.optimizers import Adam, adam_pass, compiled_pass, cosine_factor, optimizer_of, schedule_of
from workers.training.packs.pack_optimizer import PackOptimizer

Trials = Callable[..., TrialSpec]
ALPHA = (1e-3, 1e-2, 1e-1)


@pytest.fixture
def pass_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass also for small networks and short trainings."""
    monkeypatch.setattr(optimizers, "SMALLEST_NETWORK", 0)
    monkeypatch.setattr(optimizers, "WORTH_COMPILING", 0)


@pytest.fixture
def not_compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a compiler."""
    compiled_pass.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    yield
    compiled_pass.cache_clear()


def trained(trial: TrialSpec, steps: int, free: FreeNetwork, dtype: torch.dtype = torch.float64) -> tuple[FreeNetwork, str]:
    """Some steps on numbers without meaning, and which optimizer made them."""
    stage = trial.stage
    optimizer = optimizer_of(stage.training, free, 0.01, ALPHA, steps)
    draw = generator(3)
    inputs = torch.rand(40, *stage.architecture.input_shape, generator=draw).to(dtype)
    labels = torch.randint(stage.architecture.classes, (40,), generator=draw)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(free(inputs, []), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return free, type(optimizer).__module__


@pytest.mark.parametrize("decay", [0.0, 0.02])
@pytest.mark.parametrize("kind", ["adam", "adamw"])
@pytest.mark.usefixtures("pass_for_all", "not_compiled")
def test_it_is_torch_s_adam_with_the_penalty_s_gradient(trial: Trials, kind: str, decay: float,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    spec = trial(optimizer=kind)
    training = dataclasses.replace(spec.stage.training, weight_decay=decay)
    spec = dataclasses.replace(spec, stage=dataclasses.replace(spec.stage, training=training))
    free = FreeNetwork(empty_network(spec.stage.architecture), generator(1), torch.float64)
    one, by = trained(spec, 50, copy.deepcopy(free))
    monkeypatch.setattr(optimizers, "WORTH_COMPILING", float("inf"))
    other, torch_s = trained(spec, 50, copy.deepcopy(free))
    assert (by, torch_s) == ("workers.training.optimizers", f"torch.optim.{kind}")
    for name, weight in one.named_parameters():
        assert torch.allclose(weight, dict(other.named_parameters())[name], rtol=1e-9, atol=1e-12), name
        assert not weight.numel() or not torch.equal(weight, dict(free.named_parameters())[name]), name


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="there is no C++ compiler here")
@pytest.mark.parametrize("numbers", [(0.0, False), (0.02, False), (0.02, True)])
def test_compiled_and_in_blocks_give_the_same_bits(numbers: tuple[float, bool]) -> None:
    compiled = compiled_pass()
    assert compiled is not None
    draw = generator(5)
    for size in (7, 8, 4096, 3 * optimizers.BLOCK + 11):
        tensors = [torch.randn(size, generator=draw) for _ in range(4)]
        tensors[3] = tensors[3].square()
        tensors[0][::5] = 0.0
        again = [values.clone() for values in tensors]
        for step in range(1, 6):
            constants = optimizers._numbers(torch.float32, step, 1e-4, 0.002, *numbers)
            compiled(*tensors, *constants)
            optimizers._in_blocks(*again, *constants)
        assert all(torch.equal(one, other) for one, other in zip(tensors, again, strict=True)), size


@pytest.mark.usefixtures("pass_for_all", "not_compiled")
def test_without_a_compiler_it_is_computed_all_the_same() -> None:
    assert compiled_pass() is None
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.0]))
    optimizer = Adam([weight], [[weight]], [0.5], 0.1, 0.0, decoupled=False)
    optimizer.step()
    assert weight.tolist() == pytest.approx([0.9, -1.9, 0.0])


def test_a_compiler_that_gives_other_bits_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def almost(weight: torch.Tensor, *others: torch.Tensor) -> None:
        adam_pass(weight, *others)
        weight[0] = torch.nextafter(weight[0], torch.tensor(float("inf")))

    compiled_pass.cache_clear()
    monkeypatch.setattr(torch, "compile", lambda made, **how: almost)
    assert compiled_pass() is None
    compiled_pass.cache_clear()


@pytest.mark.usefixtures("pass_for_all")
def test_a_weight_without_gradient_and_penalty_stays(trial: Trials) -> None:
    still, pushed = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    Adam([still, pushed], [[pushed]], [1e-3], 0.1, 0.0, decoupled=False).step()
    assert still.tolist() == [1.0] * 3 and pushed.tolist() == pytest.approx([0.9] * 3, rel=1e-4)


@pytest.mark.usefixtures("pass_for_all", "not_compiled")
def test_gradients_that_lie_otherwise_in_memory_meet_their_weights() -> None:
    """As those of convolutions do, whose channels come last."""
    draw = generator(2)
    weight = nn.Parameter(torch.randn(4, 3, 5, 5, generator=draw).contiguous(memory_format=torch.channels_last))
    plain = nn.Parameter(weight.detach().clone(memory_format=torch.contiguous_format))
    plain.grad = torch.randn(4, 3, 5, 5, generator=draw)
    weight.grad = plain.grad.clone()
    for parameter in (weight, plain):
        Adam([parameter], [[parameter]], [1e-3], 0.1, 0.0, decoupled=False).step()
    assert torch.equal(weight, plain)


@pytest.mark.parametrize(("optimizer", "weights", "steps", "one_pass"), [
    ("adam", 5_000_000, 3000, True), ("adamw", 5_000_000, 3000, True), ("adam", 5_000_000, 100, False),
    ("adam", 20_000, 10**6, False), ("sgd", 5_000_000, 3000, False)])
def test_large_and_long_trainings_take_the_pass(trial: Trials, optimizer: str, weights: int, steps: int,
                                                one_pass: bool) -> None:
    spec = trial(optimizer=optimizer)

    class Sized:
        def trainable(self) -> list[nn.Parameter]:
            return [nn.Parameter(torch.empty(weights))]

        def penalised(self) -> list[list[nn.Parameter]]:
            return [[], [], []]

    made = optimizer_of(spec.stage.training, Sized(), 0.01, ALPHA, steps)  # type: ignore[arg-type]
    assert isinstance(made, Adam) == one_pass


SPEC = TrainingSpec("sgd", 0.0, 0.0, 64, 5, (2, 4), 0.1, None)
RATES = {
    "milestones": (SPEC, [0.4, 0.4, 0.04, 0.04, 0.004]),
    "cosine": (dataclasses.replace(SPEC, milestones=(), schedule=Schedule.COSINE),
               [0.2 * (1 + math.cos(math.pi * ended / 5)) for ended in range(5)]),
    "constant": (dataclasses.replace(SPEC, milestones=(), schedule=Schedule.CONSTANT), [0.4] * 5),
}


def of_torch(weight: nn.Parameter) -> torch.optim.Optimizer:
    return torch.optim.SGD([weight], 0.4)


def with_a_tensor(weight: nn.Parameter) -> torch.optim.Optimizer:
    return torch.optim.Adam([weight], torch.tensor(0.4), fused=True)


def of_one_pass(weight: nn.Parameter) -> torch.optim.Optimizer:
    return Adam([weight], [[weight]], [0.0], 0.4, 0.0, decoupled=False)


@pytest.mark.parametrize("schedule", RATES)
@pytest.mark.parametrize("made", [of_torch, with_a_tensor, of_one_pass])
def test_every_epoch_has_its_rate(schedule: str, made: Callable[[nn.Parameter], torch.optim.Optimizer]) -> None:
    spec, expected = RATES[schedule]
    weight = nn.Parameter(torch.ones(3))
    optimizer = made(weight)
    rate, found = optimizer.param_groups[0]["lr"], []
    moving = schedule_of(spec, optimizer)
    for _ in range(spec.epochs):
        found.append(float(optimizer.param_groups[0]["lr"]))
        weight.grad = torch.zeros(3)
        optimizer.step()
        moving.step()
    assert found == pytest.approx(expected, rel=1e-6)
    if isinstance(rate, torch.Tensor):
        assert optimizer.param_groups[0]["lr"] is rate, "a graph reads it from where it lies"


@pytest.mark.parametrize("schedule", RATES)
def test_the_rates_of_a_pack_follow_in_place(schedule: str) -> None:
    spec, expected = RATES[schedule]
    optimizer = PackOptimizer(spec, {"weight": torch.ones(2, 3, requires_grad=True)}, {}, [0.4, 0.2])
    rates = optimizer.rates
    for epoch in range(1, spec.epochs + 1):
        assert rates.tolist() == pytest.approx([expected[epoch - 1], expected[epoch - 1] / 2])
        optimizer.epoch_ended(epoch)
    assert optimizer.rates is rates


def test_a_cosine_ends_at_zero() -> None:
    factors = [cosine_factor(ended, 8) for ended in range(9)]
    assert factors[0] == 1 and factors[4] == pytest.approx(0.5) and factors[8] == 0
    assert factors == sorted(factors, reverse=True)


def test_a_trial_trains_along_a_cosine(trial: Callable[..., TrialSpec]) -> None:
    plain, lowered = run(trial(epochs=3))[0], run(trial(epochs=3, schedule=Schedule.COSINE))[0]
    assert plain[0].train_loss == lowered[0].train_loss
    assert plain[1].train_loss != lowered[1].train_loss


def test_one_epoch_along_a_cosine_has_the_initial_rate(trial: Callable[..., TrialSpec]) -> None:
    plain, cosine = run(trial(epochs=1))[1], run(trial(epochs=1, schedule=Schedule.COSINE))[1]
    assert torch.equal(plain.network.hidden[0].weight, cosine.network.hidden[0].weight)


def test_a_rate_follows_from_the_epoch_and_not_from_the_one_before(trial: Callable[..., TrialSpec]) -> None:
    """A schedule that continues at an epoch has the bits of one that went through all of them."""
    spec = trial(epochs=7, schedule=Schedule.COSINE)
    free = FreeNetwork(empty_network(spec.stage.architecture), torch.Generator().manual_seed(0))
    whole, continued = (torch.optim.SGD(free.parameters(), 0.3) for _ in range(2))
    one, other = schedule_of(spec.stage.training, whole), schedule_of(spec.stage.training, continued)
    for _ in range(5):
        whole.step()
        one.step()
    other.load_state_dict({name: one.state_dict()[name] for name in ("last_epoch", "_step_count", "_last_lr")})
    continued.step()
    whole.step()
    one.step()
    other.step()
    assert whole.param_groups[0]["lr"] == continued.param_groups[0]["lr"] == 0.3 * cosine_factor(6, 7)


class TestKeys:
    """Keys from before there were schedules stay what they were."""

    def test_the_default_is_not_in_them(self, trial: Callable[..., TrialSpec]) -> None:
        assert "schedule" not in trial().stage.to_json()["training"]
        assert trial().key() != trial(schedule=Schedule.COSINE).key()

    def test_a_training_is_read_back(self) -> None:
        for spec, _ in RATES.values():
            assert TrainingSpec.from_json(spec.to_json()) == spec
