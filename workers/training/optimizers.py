"""The optimizers of a trial. Each step also adds the subgradient of the L1 term to the gradients (paper §2.2).

A step of Adam computes little and moves much: weight, gradient and two means, for every weight. A long training of a large
network on a CPU makes it one pass (:func:`adam_pass`), of which torch makes one loop of machine code where a C++ compiler is
found, and which is computed in blocks that fit into a core's cache where none is. Both give the same bits, because every
operation is rounded on its own: a compiler decides how fast, and nothing else. Everything else takes torch's fused optimizers.
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

from clnp_core.l1 import add_l1_gradient
from clnp_core.partition import FreeNetwork
from workers.spec import TrainingSpec

Pass = Callable[..., None]

WORTH_COMPILING = 2e9
"""Weights × steps from which on the pass saves more seconds than its making takes (``benchmarks/bench_step.py``)."""

SMALLEST_NETWORK = 100_000
"""Weights of a network for which the calls of the pass are worth their while."""

SMALLEST_COMPILED = 4096
"""Weights of a tensor for which the call is worth its while."""

BLOCK = 2**15
"""Weights of a block and thread where the pass is not compiled: what one touches stays in its core's cache."""

BETAS, EPSILON = (0.9, 0.999), 1e-8


def optimizer_of(spec: TrainingSpec, free: FreeNetwork, learning_rate: float, alpha: Sequence[float],
                 steps: int) -> torch.optim.Optimizer:
    """A fresh optimizer over the free rows, with the L1 term.

    Args:
        spec: which one, and its settings.
        free: what trains.
        learning_rate: the initial one.
        alpha: L1 coefficients, one per hidden layer and one for the output.
        steps: how many it will make at most.
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
        on_gpu = device.type == "cuda"  # a graph reads the rate from where it lies
        rate = torch.tensor(learning_rate, device=device) if on_gpu else learning_rate
        optimizer = kind(parameters, rate, weight_decay=spec.weight_decay, fused=True, capturable=on_gpu)
    optimizer.register_step_pre_hook(lambda *_: add_l1_gradient(penalised, alpha))
    return optimizer


def takes_graphs(optimizer: torch.optim.Optimizer) -> bool:
    """Whether its step can be recorded as a CUDA graph (:mod:`workers.training.cuda_graphs`)."""
    return all(group.get("capturable", False) for group in optimizer.param_groups)


class Adam(torch.optim.Optimizer):
    """Adam and AdamW as torch has them (β = 0.9 and 0.999, ε = 1e-8), with the L1 term, on a CPU."""

    def __init__(self, parameters: Sequence[nn.Parameter], penalised: Sequence[Sequence[nn.Parameter]], alpha: Sequence[float],
                 learning_rate: float, weight_decay: float, decoupled: bool) -> None:
        """Nothing is compiled before the first step.

        Args:
            parameters: all that train, of one dtype.
            penalised: those that L1 acts on, by α's index.
            alpha: one coefficient per entry of ``penalised``.
            learning_rate: of all.
            weight_decay: L2 in the gradient, or per step.
            decoupled: the latter (AdamW).
        """
        super().__init__(parameters, {"lr": learning_rate})
        self._alpha = {id(weight): coefficient for layer, coefficient in zip(penalised, alpha, strict=True) for weight in layer}
        self._decay, self._decoupled = weight_decay, decoupled

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step; a weight without a gradient has the penalty's, if it has one."""
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
    """One step of Adam on [n] weights, in place. Every number is a tensor of no dimension and of the weights' type.

    No operation here may be fused with another into one rounding, nor depend on a library's square root: so no ``addcmul``,
    no ``alpha=``, no division by a number, and 1 ÷ rsqrt instead of sqrt.
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
    """:func:`adam_pass` as one loop of machine code; None where there is no compiler, or what it makes is not the same."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's compiler warns of its own code
            compiled: Pass = torch.compile(adam_pass, dynamic=True, fullgraph=True)
            return compiled if _agrees(compiled) else None
    except Exception:  # of a compiler that does not work, in whatever way: the other pass gives the same result
        return None


def _agrees(compiled: Pass) -> bool:
    """Whether it gives the same bits, on numbers of all sizes, subnormal ones among them."""
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
    """What :func:`adam_pass` multiplies with, rounded once from float64."""
    first, second = BETAS
    values = (alpha, decay if decay and not decoupled else None, 1 - rate * decay if decay and decoupled else None,
              first, 1 - first, second, 1 - second, rate / (1 - first**step), 1 / math.sqrt(1 - second**step), EPSILON)
    return [None if value is None else torch.tensor(value, dtype=dtype) for value in values]


def _laid_out_as(weight: Tensor, gradient: Tensor) -> Tensor:
    """The gradient, its values in the order in which the weight's lie in memory."""
    return gradient if gradient.stride() == weight.stride() else torch.empty_like(weight, requires_grad=False).copy_(gradient)


def _in_memory_order(values: Tensor) -> Tensor:
    """All values as they lie in memory, whose layout has no gaps: [n]."""
    return values.as_strided((values.numel(),), (1,))
