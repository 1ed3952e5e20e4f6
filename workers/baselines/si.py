"""Synaptic intelligence (Zenke et al. 2017): weights that brought the loss down are held, each by how much it did."""


import torch
from torch import Tensor

from clnp_core.partition import FreeNetwork
from workers.baselines.penalty import Anchor, shared_parameters

DAMPING = 0.1
"""ξ of the paper, which keeps a weight that hardly moved from being held without bound."""


class PathIntegral:
    """How much of the fall of a task's loss each weight has brought: ω = Σ −g · Δθ over the steps of a training.

    The training ends with the weights of its best epoch, so ω is kept as it was then (:meth:`keep`). Both lie in buffers of the
    network, so that a training that was interrupted goes on with them.
    """

    def __init__(self, free: FreeNetwork) -> None:
        self._free = free
        self._names = list(shared_parameters(free))
        self._began: list[Tensor] = []
        self._before: list[tuple[Tensor, Tensor]] = []
        for index, weight in enumerate(shared_parameters(free).values()):
            free.register_buffer(f"path_{index}", torch.zeros_like(weight))
            free.register_buffer(f"kept_path_{index}", torch.zeros_like(weight))
            self._began.append(weight.detach().clone())

    def attend(self, optimizer: torch.optim.Optimizer) -> None:
        """Look at every step; to be called before anything that adds to the gradient of the task's loss."""
        optimizer.register_step_pre_hook(self._step_begins)
        optimizer.register_step_post_hook(self._step_ended)

    def _step_begins(self, *_: object) -> None:
        self._before = [(weight.detach().clone(), torch.zeros_like(weight) if weight.grad is None else weight.grad.clone())
                        for weight in shared_parameters(self._free).values()]

    def _step_ended(self, *_: object) -> None:
        for index, (weight, (old, gradient)) in enumerate(
                zip(shared_parameters(self._free).values(), self._before, strict=True)):
            self._free.get_buffer(f"path_{index}").sub_(gradient * (weight.detach() - old))

    def keep(self) -> None:
        """The weights of this moment are those that the training ends with, as far as is known."""
        for index in range(len(self._names)):
            self._free.get_buffer(f"kept_path_{index}").copy_(self._free.get_buffer(f"path_{index}"))

    def consolidated(self, anchor: Anchor) -> Anchor:
        """The anchor around the weights of the network, those of the last :meth:`keep`: Ω grows by max(ω, 0) / (Δ² + ξ), Δ
        being how far the task has moved a weight until then, and ω what it had brought by then."""
        precision, target = dict[str, Tensor](), dict[str, Tensor]()
        for index, (name, weight) in enumerate(shared_parameters(self._free).items()):
            moved = weight.detach() - self._began[index]
            own = 2 * self._free.get_buffer(f"kept_path_{index}").clamp(min=0) / (moved.square() + DAMPING)
            precision[name] = own + anchor.precision[name] if name in anchor.precision else own
            target[name] = precision[name] * weight.detach()
        return Anchor(precision, target)
