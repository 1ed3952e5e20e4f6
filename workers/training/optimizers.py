"""The optimizers of a trial and their learning rate from epoch to epoch.

Each step also adds the subgradient of the L1 term to the gradients (paper §2.2).

A step of Adam computes little and moves much memory: weight, gradient and two means, for every weight. Long trainings of large
networks on a CPU therefore use a single pass (:func:`adam_pass`), which torch compiles to one loop of machine code if there is
a C++ compiler, and which is otherwise computed in blocks that fit into a core's cache. Both give the same bits, because every
operation is rounded separately; only the speed depends on the compiler. All other trainings use torch's fused optimizers.

A schedule changes the rate between two epochs and never within one: it is multiplied at milestones, or follows half a cosine
down to 0. The rate of an epoch follows from the initial rate and the number of the epoch, so a training that continues from a
checkpoint has the rates of one that was never interrupted.
"""

import math
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR

from clnp_core.l1 import add_l1_gradient
from clnp_core.partition import FreeNetwork
from workers.spec import Schedule, TrainingSpec

Pass = Callable[..., None]

WORTH_COMPILING = 2e9
"""Weights × steps from which the pass saves more time than its compilation takes (``benchmarks/bench_step.py``)."""

SMALLEST_NETWORK = 100_000
"""Weights of the smallest network for which the overhead of the pass is worthwhile."""

SMALLEST_COMPILED = 4096
"""Weights of the smallest tensor for which the overhead of the compiled pass is worthwhile."""

BLOCK = 2**15
"""Weights per block and thread if the pass is not compiled, so that a block stays in its core's cache."""

BETAS, EPSILON = (0.9, 0.999), 1e-8


def optimizer_of(spec: TrainingSpec, free: FreeNetwork, learning_rate: float, alpha: Sequence[float],
                 steps: int) -> torch.optim.Optimizer:
    """Return a new optimizer over the free rows, with the L1 term.

    Args:
        spec: the optimizer and its settings.
        free: the trainable part of the network.
        learning_rate: the initial rate.
        alpha: L1 coefficients, one per hidden layer and one for the output.
        steps: the maximum number of steps.
    """
    penalised, parameters = free.penalised(), free.trainable()
    weights = sum(weight.numel() for weight in parameters)
    large = weights >= SMALLEST_NETWORK and weights * steps >= WORTH_COMPILING
    if spec.optimizer != "sgd" and large and parameters[0].device.type == "cpu":
        return Adam(parameters, penalised, alpha, learning_rate, spec.weight_decay, decoupled=spec.optimizer == "adamw")
    optimizer: torch.optim.Optimizer
    if spec.optimizer == "sgd":
        optimizer = torch.optim.SGD(parameters, learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay,
                                    fused=True)
    else:
        kind = torch.optim.AdamW if spec.optimizer == "adamw" else torch.optim.Adam
        device = parameters[0].device
        on_gpu = device.type == "cuda"  # a graph reads the rate from the memory of the device
        rate = torch.tensor(learning_rate, device=device) if on_gpu else learning_rate
        optimizer = kind(parameters, rate, weight_decay=spec.weight_decay, fused=True, capturable=on_gpu)
    optimizer.register_step_pre_hook(lambda *_: add_l1_gradient(penalised, alpha))
    return optimizer


def takes_graphs(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether its step can be recorded as a CUDA graph (:mod:`workers.training.cuda_graphs`)."""
    return all(group.get("capturable", False) for group in optimizer.param_groups)


class Adam(torch.optim.Optimizer):
    """Adam and AdamW as in torch (β = 0.9 and 0.999, ε = 1e-8), with the L1 term, on a CPU."""

    def __init__(self, parameters: Sequence[nn.Parameter], penalised: Sequence[Sequence[nn.Parameter]], alpha: Sequence[float],
                 learning_rate: float, weight_decay: float, decoupled: bool) -> None:
        """Prepare without compiling; the first step compiles.

        Args:
            parameters: all trainable parameters, of one dtype.
            penalised: the parameters with an L1 term, by α's index.
            alpha: one coefficient per entry of ``penalised``.
            learning_rate: of all parameters.
            weight_decay: added to the gradient as L2, or applied directly to the weights.
            decoupled: whether it is applied directly (AdamW).
        """
        super().__init__(parameters, {"lr": learning_rate})
        self._alpha = {id(weight): coefficient for layer, coefficient in zip(penalised, alpha, strict=True) for weight in layer}
        self._decay, self._decoupled = weight_decay, decoupled

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one step; the gradient of a weight without one is that of its penalty."""
        compiled = compiled_pass()
        group = self.param_groups[0]
        numbers: dict[tuple[int, float], list[Tensor | None]] = {}
        for weight in group["params"]:
            alpha = self._alpha.get(id(weight), 0.0)
            if weight.grad is None and alpha == 0.0:
                continue
            memory = self.state[weight]
            if not memory:
                memory.update(step=torch.zeros(()), mean=torch.zeros_like(weight), square=torch.zeros_like(weight))
            memory["step"] += 1
            now = int(memory["step"]), alpha
            if now not in numbers:
                numbers[now] = _numbers(weight.dtype, *now, group["lr"], self._decay, self._decoupled)
            gradient = torch.zeros_like(weight) if weight.grad is None else _laid_out_as(weight, weight.grad)
            tensors = map(_in_memory_order, (weight.detach(), gradient, memory["mean"], memory["square"]))
            if compiled is not None and weight.numel() >= SMALLEST_COMPILED:
                compiled(*tensors, *numbers[now])
            else:
                _in_blocks(*tensors, *numbers[now])


def adam_pass(weight: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, alpha: Tensor, decay: Tensor | None,
              shrink: Tensor | None, keep: Tensor, take: Tensor, keep_square: Tensor, take_square: Tensor, size: Tensor,
              unbias: Tensor, epsilon: Tensor) -> None:
    """Make one step of Adam on [n] weights, in place. Every number is a tensor without dimensions of the weights' type.

    It takes a parameter for every operand because it is a compiled kernel.

    No operation here may be fused with another into one rounding, or depend on a library's square root: therefore no
    ``addcmul``, no ``alpha=``, no division by a number, and 1 ÷ rsqrt instead of sqrt.
    """
    if decay is not None:
        gradient = gradient + weight * decay
    gradient = gradient + torch.sign(weight) * alpha
    new_mean = mean * keep + gradient * take
    new_square = square * keep_square + (gradient * gradient) * take_square
    direction = new_mean / (new_square.rsqrt().reciprocal() * unbias + epsilon)
    kept = weight if shrink is None else weight * shrink
    mean.copy_(new_mean)
    square.copy_(new_square)
    weight.copy_(kept - direction * size)


@cache
def compiled_pass() -> Pass | None:
    """Return :func:`adam_pass` compiled to machine code; None without a compiler, or if the compiled pass gives other bits."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's compiler warns about its own code
            compiled: Pass = torch.compile(adam_pass, dynamic=True, fullgraph=True)
            return compiled if _agrees(compiled) else None
    except Exception:  # a broken compiler can fail in any way; the other pass gives the same result
        return None


def _agrees(compiled: Pass) -> bool:
    """Return whether it gives the same bits on numbers of all magnitudes, including subnormal ones."""
    generator = torch.Generator().manual_seed(0)
    scale = 10.0 ** torch.empty(4, 4099).uniform_(-42, 3, generator=generator)
    one = list((torch.randn(4, 4099, generator=generator) * scale).unbind())
    one[3] = one[3].abs()
    other = [values.clone() for values in one]
    for step in (1, 2, 30):
        numbers = _numbers(scale.dtype, step, 1e-5, 0.003, 0.0, False)
        compiled(*one, *numbers)
        adam_pass(*other, *numbers)
    return all(torch.equal(left, right) for left, right in zip(one, other, strict=True))


def _in_blocks(weight: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, *numbers: Any) -> None:
    size = BLOCK * torch.get_num_threads()
    for start in range(0, len(weight), size):
        own = slice(start, start + size)
        adam_pass(weight[own], gradient[own], mean[own], square[own], *numbers)


def _numbers(dtype: torch.dtype, step: int, alpha: float, rate: float, decay: float, decoupled: bool) -> list[Tensor | None]:
    """Return the factors of :func:`adam_pass`, rounded once from float64."""
    first, second = BETAS
    values = (alpha, decay if decay and not decoupled else None, 1 - rate * decay if decay and decoupled else None,
              first, 1 - first, second, 1 - second, rate / (1 - first**step), 1 / math.sqrt(1 - second**step), EPSILON)
    return [None if value is None else torch.tensor(value, dtype=dtype) for value in values]


def _laid_out_as(weight: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient with the memory layout of the weight."""
    return gradient if gradient.stride() == weight.stride() else torch.empty_like(weight, requires_grad=False).copy_(gradient)


def _in_memory_order(values: Tensor) -> Tensor:
    """Return all values in memory order, for layouts without gaps: [n]."""
    return values.as_strided((values.numel(),), (1,))


def schedule_of(spec: TrainingSpec, optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Return the schedule of a fresh optimizer; its ``step`` is called once after every epoch.

    Args:
        spec: which schedule, and its settings.
        optimizer: its rate may be a number or a tensor on the device, which is then changed in place.
    """
    if spec.schedule is Schedule.COSINE:
        return CosineSchedule(optimizer, spec.epochs)
    return MultiStepLR(optimizer, list(spec.milestones), spec.gamma)


def cosine_factor(ended: int, epochs: int) -> float:
    """Return what the initial rate is multiplied by after ``ended`` of ``epochs`` epochs: (1 + cos(π · ended / epochs)) / 2.

    It is 1 in the first epoch, and 0 only when all of them have ended.
    """
    return (1 + math.cos(math.pi * ended / epochs)) / 2


class CosineSchedule(LRScheduler):
    """The initial rate times :func:`cosine_factor`. In closed form: no rate is computed from the one before it."""

    def __init__(self, optimizer: torch.optim.Optimizer, epochs: int) -> None:
        """Start at the initial rate.

        Args:
            optimizer: fresh.
            epochs: after which the rate is 0.
        """
        self._epochs = epochs
        super().__init__(optimizer)

    def get_lr(self) -> list[float | torch.Tensor]:
        """Return the rate of the next epoch for every group of the optimizer."""
        factor = cosine_factor(self.last_epoch, self._epochs)
        return [rate * factor for rate in self.base_lrs]
