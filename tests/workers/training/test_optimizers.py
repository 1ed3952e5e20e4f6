"""Adam and the L1 term in one pass: torch's numbers, the same bits compiled and not, and only where it is worth it."""

import copy
import dataclasses
import shutil
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from clnp_core.network import empty_network
from clnp_core.partition import FreeNetwork
from tests.clnp_core.builders import generator
from workers.spec import TrialSpec
from workers.training import optimizers
from workers.training.optimizers import Adam, adam_pass, compiled_pass, optimizer_of

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
