"""Stack the members of a pack: P networks with one base, whose step is one batched computation.

The members are ordinary :class:`clnp_core.partition.FreeNetwork` objects, initialised as in single trials. Their weights are
views of the stack, so a member is assembled, stored and restored as if it trained alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn import functional

from clnp_core.errors import StateError
from clnp_core.free_window import draw_window
from clnp_core.frozen_activations import frozen_activations
from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from workers.data.loader import TaskData
from workers.spec import TrialSpec
from workers.training.cuda_graphs import Dropout
from workers.training.packs.pack_optimizer import PackOptimizer
from workers.training.precision import autocast, float32_products


class Pack:
    """P grid points of one stage: with the same base, data and frozen activations, but different α, learning rate and seed.

    Attributes:
        members: the free part of each member.
        generators: of their batches, on the CPU.
        optimizer: of all members.
        loss_sums: float64 [P], the losses summed over the samples of every step since they were last reset.
    """

    def __init__(self, trials: Sequence[TrialSpec], base: Network, data: TaskData, dtype: torch.dtype = torch.float32) -> None:
        """Initialise every member with its own seed.

        Args:
            trials: of one stage, at least one.
            base: the committed network, already widened, on the device of ``data``.
            data: the task.
            dtype: of the weights and of the data.

        Raises:
            DepletedError: single-head without a free neuron in the last hidden layer.
            StateError: the trials do not belong together.
        """
        stage = trials[0].stage
        if any(trial.stage != stage for trial in trials):
            raise StateError("the trials of a pack must be of one stage", "divide every stage into packs separately")
        self._spec, self._inputs, self._labels = stage.training, data.train.inputs, data.train.labels
        self._frozen = frozen_activations(base, data.train.inputs)
        self.generators = [torch.Generator().manual_seed(trial.seed) for trial in trials]
        window = draw_window(base, stage.free_window)
        self.members = [FreeNetwork(base, generator, dtype, window=window) for generator in self.generators]
        self._weights = {name: self._stack(name, is_weight=True) for name, _ in self.members[0].named_parameters()}
        self._statistics = {name: self._stack(name, is_weight=False) for name, _ in self.members[0].named_buffers()}
        places = {id(weight): place for place, layer in enumerate(self.members[0].penalised()) for weight in layer}
        alpha = {name: [trial.alpha[places[id(weight)]] for trial in trials]
                 for name, weight in self.members[0].named_parameters() if id(weight) in places}
        self.optimizer = PackOptimizer(stage.training, self._weights, alpha, [trial.learning_rate for trial in trials])
        self.loss_sums = torch.zeros(len(trials), dtype=torch.float64, device=self._inputs.device)

    def draw_dropout(self, samples: int) -> Dropout:
        """Draw the dropout factors of the next batch, each member's from its own generator: as
        :meth:`clnp_core.partition.FreeNetwork.draw_dropout`, with a leading dimension for the members."""
        drawn = [member.draw_dropout(samples) for member in self.members]
        return [tuple(torch.stack(factors) for factors in zip(*layer, strict=True)) for layer in zip(*drawn, strict=True)]

    def step(self, batch: Tensor, dropout: Dropout) -> None:
        """Make one step of every member.

        Args:
            batch: int64 [P, n], the training samples of each member.
            dropout: from :meth:`draw_dropout`, for n samples.
        """
        self.optimizer.step(self._gradients(batch, dropout))

    def rehearse(self, batch: Tensor, dropout: Dropout) -> None:
        """Do the work of some steps without side effects, so that a GPU initialises what it needs."""
        changed = [*self._statistics.values(), self.loss_sums]
        before = [values.clone() for values in changed]
        for _ in range(3):
            self.optimizer.rehearse(self._gradients(batch, dropout))
        for values, old in zip(changed, before, strict=True):
            values.copy_(old)

    def _gradients(self, batch: Tensor, dropout: Dropout) -> dict[str, Tensor | None]:
        device = batch.device
        with float32_products(self._spec.precision, device):
            with autocast(self._spec.precision, device):
                losses = vmap(self._loss)(self._weights, self._statistics, self._inputs[batch], self._labels[batch],
                                          [layer[batch] for layer in self._frozen], dropout)
            trained = {name: weight for name, weight in self._weights.items() if weight.numel()}
            found = torch.autograd.grad(losses.sum(), list(trained.values()), allow_unused=True)
        self.loss_sums += losses.detach() * batch.shape[1]
        return dict(zip(trained, found, strict=True))

    def _loss(self, weights: dict[str, Tensor], statistics: dict[str, Tensor], inputs: Tensor, labels: Tensor,
              frozen: list[Tensor], dropout: Dropout) -> Tensor:
        """Return the loss of one member."""
        logits = functional_call(self.members[0], (weights, statistics), (inputs, frozen, dropout))
        return functional.cross_entropy(logits, labels)

    def _stack(self, name: str, is_weight: bool) -> Tensor:
        """Stack the members' tensors with a name to [P, …]; they become views of the stack."""
        own = [member.get_parameter(name) if is_weight else member.get_buffer(name) for member in self.members]
        stacked = torch.stack([values.detach() for values in own])
        for values, view in zip(own, stacked.unbind(), strict=True):
            values.data = view
        return stacked.requires_grad_(is_weight)
