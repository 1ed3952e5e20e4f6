"""The learning rate of every epoch, under every schedule and optimizer, and for packs."""

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from clnp_core.network import empty_network
from clnp_core.partition import FreeNetwork
from tests.workers.training.test_loop import run
from workers.spec import Schedule, TrainingSpec, TrialSpec
from workers.training.optimizers import Adam
from workers.training.packs.pack_optimizer import PackOptimizer
from workers.training.schedules import cosine_factor, schedule_of

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
