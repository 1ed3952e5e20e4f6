"""The quadratic penalty that keeps a network near the weights of earlier tasks, for all methods that have one.

    penalty(θ) = λ/2 · Σ_k (P_k θ_k² − 2 Q_k θ_k),   gradient λ (P θ − Q)

EWC (Kirkpatrick et al. 2017) has a quadratic for every earlier task, λ/2 · Σ_i F_i (θ − θ_i)²; up to a constant their sum is
P = Σ_i F_i, Q = Σ_i F_i θ_i. SI (Zenke et al. 2017) has one around the last weights, c Ω (θ − θ*)²: P = 2 Ω, Q = 2 Ω θ*.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.architecture import HeadKind
from clnp_core.partition import FreeNetwork
from workers.training.state import below

PRECISION, TARGET = "anchor.precision.", "anchor.target."


@dataclass(frozen=True, slots=True)
class Anchor:
    """P and Q by the name of a parameter, float32 with its shape; empty before the first task has ended."""

    precision: Mapping[str, Tensor]
    target: Mapping[str, Tensor]

    @classmethod
    def none(cls) -> "Anchor":
        """Return an anchor without a penalty."""
        return cls({}, {})

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], device: torch.device) -> "Anchor":
        """Return the anchor that :meth:`to_tensors` stored; :meth:`none` if nothing was stored."""
        precision, target = ({name: values.to(device) for name, values in below(kind, tensors).items()}
                             for kind in (PRECISION, TARGET))
        return cls(precision, target)

    def to_tensors(self) -> dict[str, Tensor]:
        """Return named tensors for storage."""
        return ({PRECISION + name: values for name, values in self.precision.items()}
                | {TARGET + name: values for name, values in self.target.items()})

    def add_gradient(self, free: FreeNetwork, strength: float) -> None:
        """Add the gradient of the penalty to the gradients of the parameters.

        Args:
            free: after a backward pass.
            strength: λ of EWC, c of SI.
        """
        for name, weight in shared_parameters(free).items():
            if name in self.precision and weight.grad is not None:
                weight.grad.add_(self.precision[name] * weight.detach() - self.target[name], alpha=strength)


def shared_parameters(free: FreeNetwork) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that tasks share, by name: all but the head if every task has its own."""
    own_head = free.architecture.head is HeadKind.MULTI
    return {name: parameter for name, parameter in free.named_parameters()
            if parameter.numel() and not (own_head and name.startswith("head_"))}
