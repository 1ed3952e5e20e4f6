"""The optimizer of a pack: one pass over the weights of all members, each with its own rate and its own α.

Every number that changes is a tensor on the device, so that a recorded graph uses the value at its launch.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version

import torch
from torch import Tensor

from workers.spec import Schedule, TrainingSpec
from workers.training.optimizers import BETAS, EPSILON, Pass, adam_pass, cosine_factor


@cache
def as_kernel(one_pass: Pass, device_type: str) -> Pass:
    """Return the pass compiled to one kernel; unchanged on a CPU, or if kernels cannot be compiled."""
    if device_type != "cuda" or kernels_come_from() == "torch":
        return one_pass
    return torch.compile(one_pass, dynamic=True, fullgraph=True)


@cache
def kernels_come_from() -> str:
    """Return what compiles the kernels of passes on this machine's GPU, such as ``triton 3.4.0``; ``torch`` if compiling fails
    because Triton, its C compiler, Python's headers or a writable folder is missing. This is tested by compiling one."""
    try:
        tensors = [torch.ones(2, 64, device="cuda") for _ in range(4)]
        numbers = [torch.full((), 0.5, device="cuda") for _ in range(10)]
        compiled: Pass = torch.compile(adam_pass, dynamic=True, fullgraph=True)
        compiled(*tensors, numbers[0], None, None, *numbers[3:])
        torch.cuda.synchronize()
        return f"triton {version('triton')}"
    except Exception:  # it can fail in any way; torch's own operations compute the same, more slowly
        return "torch"


Gradients = Mapping[str, Tensor | None]


class PackOptimizer:
    """SGD, Adam or AdamW as in torch, with the subgradient of the L1 term (paper §2.2), for P members side by side.

    Attributes:
        rates: float64 [P], the learning rate of every member.
        steps: float64, the number of steps so far.
        memory: the state of every weight by name, each part float [P, n].
    """

    def __init__(self, spec: TrainingSpec, weights: Mapping[str, Tensor], alpha: Mapping[str, Sequence[float]],
                 rates: Sequence[float]) -> None:
        """Initialise the state of every weight.

        Args:
            spec: the optimizer and its settings.
            weights: by name float [P, …], contiguous, of one dtype; empty ones are ignored.
            alpha: by name the L1 coefficient of every member, for the weights with an L1 term.
            rates: the initial learning rate of every member.
        """
        self._spec, self._is_sgd = spec, spec.optimizer == "sgd"
        self._weights = {name: weight.detach().flatten(1) for name, weight in weights.items() if weight.numel()}
        self._like = next(iter(self._weights.values()))
        self._alpha = {name: self._number(alpha.get(name, [0.0] * len(rates)))[:, None] for name in self._weights}
        self._penalised = frozenset(name for name, values in alpha.items() if any(values))
        self.rates, self.steps = self._number(rates, torch.float64), self._number(0.0, torch.float64)
        self._initial_rates = self.rates.clone()
        parts = ("momentum",) if self._is_sgd else ("mean", "square")
        self.memory = {name: {part: torch.zeros_like(weight) for part in parts} for name, weight in self._weights.items()}
        self._means = [self._number(value) for beta in BETAS for value in (beta, 1 - beta)]
        self._epsilon, self._momentum = self._number(EPSILON), self._number(spec.momentum)
        self._pass = as_kernel(sgd_pass if self._is_sgd else adam_pass, self._like.device.type)

    def epoch_ended(self, epoch: int) -> None:
        """Set the rates of the next epoch, in place, by the schedule of the training (:mod:`workers.training.optimizers`)."""
        if self._spec.schedule is Schedule.COSINE:
            torch.mul(self._initial_rates, cosine_factor(epoch, self._spec.epochs), out=self.rates)
        elif epoch in self._spec.milestones:
            self.rates *= self._spec.gamma

    @torch.no_grad()
    def step(self, gradients: Gradients) -> None:
        """Make one step. The gradient of a weight that the loss does not depend on is that of its penalty."""
        self.steps += 1
        for tensors, numbers in self._arguments(gradients):
            self._pass(*tensors, *numbers)

    @torch.no_grad()
    def rehearse(self, gradients: Gradients) -> None:
        """Do the work of a step on copies, so that everything is compiled and nothing else changes."""
        for tensors, numbers in self._arguments(gradients):
            self._pass(*(values.clone() for values in tensors), *numbers)

    def state(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on besides the weights, by name. The tensors are not copies."""
        memory = {f"{part}.{name}": values for name, parts in self.memory.items() for part, values in parts.items()}
        return {"rates": self.rates, "steps": self.steps, **memory}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore the state that :meth:`state` returned, in place."""
        for name, values in self.state().items():
            values.copy_(state[name])

    def _arguments(self, gradients: Gradients) -> Iterator[tuple[list[Tensor], list[Tensor | None]]]:
        """Yield for every weight to update: weight, gradient and state [P, n], and the numbers of the pass."""
        for name, weight in self._weights.items():
            gradient, alpha = gradients[name], self._alpha[name]
            if gradient is None and name not in self._penalised:
                continue
            # As in torch, a weight with neither a gradient nor a penalty does not decay.
            decay = self._spec.weight_decay * (torch.ones_like(alpha) if gradient is not None else (alpha > 0).to(alpha.dtype))
            flat = torch.zeros_like(weight) if gradient is None else gradient.flatten(1)
            yield [weight, flat, *self.memory[name].values()], [alpha, *(self._of_sgd(decay) if self._is_sgd
                                                                         else self._of_adam(decay))]

    def _number(self, values: float | Sequence[float], dtype: torch.dtype | None = None) -> Tensor:
        return torch.tensor(values, dtype=dtype or self._like.dtype, device=self._like.device)

    def _of_sgd(self, decay: Tensor) -> list[Tensor | None]:
        return [decay, self._momentum, self.rates.to(decay.dtype)[:, None]]

    def _of_adam(self, decay: Tensor) -> list[Tensor | None]:
        (first, second), decoupled = BETAS, self._spec.optimizer == "adamw"
        size, unbias = self.rates / (1 - torch.pow(first, self.steps)), (1 - torch.pow(second, self.steps)).rsqrt()
        shrink = (1 - self.rates[:, None] * decay).to(decay.dtype)
        return [None if decoupled else decay, shrink if decoupled else None, *self._means, size.to(decay.dtype)[:, None],
                unbias.to(decay.dtype), self._epsilon]


def sgd_pass(weight: Tensor, gradient: Tensor, momentum: Tensor, alpha: Tensor, decay: Tensor, keep: Tensor,
             rate: Tensor) -> None:
    """Make one step of SGD on [P, n] weights, in place; every number is a tensor that broadcasts."""
    gradient = gradient + weight * decay + torch.sign(weight) * alpha
    moving = momentum * keep + gradient
    momentum.copy_(moving)
    weight.copy_(weight - moving * rate)
