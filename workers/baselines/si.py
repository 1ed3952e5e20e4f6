"""Synaptic intelligence (Zenke et al. 2017): keep weights in proportion to how much they reduced the loss."""


import torch
from torch import Tensor

from clnp_core.partition import FreeNetwork
from workers.baselines.penalty import Anchor, shared_parameters

DAMPING = 0.1
"""ξ of the paper, which bounds the penalty of a weight that hardly moved."""


class PathIntegral:
    """How much each weight has reduced the loss of a task: ω = Σ −g · Δθ over the steps of a training.

    The training ends with the weights of its best epoch, so ω of that epoch is kept (:meth:`keep`). Both are buffers of the
    network, so that an interrupted training resumes with them.
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
        """Observe every step; call this before registering anything that adds to the gradient of the task's loss."""
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
        """Keep ω for the current weights, which are the best so far."""
        for index in range(len(self._names)):
            self._free.get_buffer(f"kept_path_{index}").copy_(self._free.get_buffer(f"path_{index}"))

    def consolidated(self, anchor: Anchor) -> Anchor:
        """Return the anchor around the weights of the network, those of the last :meth:`keep`: Ω grows by max(ω, 0) / (Δ² + ξ),
        where Δ is how far the task had moved a weight, and ω how much the weight had reduced the loss."""
        precision, target = dict[str, Tensor](), dict[str, Tensor]()
        for index, (name, weight) in enumerate(shared_parameters(self._free).items()):
            moved = weight.detach() - self._began[index]
            own = 2 * self._free.get_buffer(f"kept_path_{index}").clamp(min=0) / (moved.square() + DAMPING)
            precision[name] = own + anchor.precision[name] if name in anchor.precision else own
            target[name] = precision[name] * weight.detach()
        return Anchor(precision, target)
