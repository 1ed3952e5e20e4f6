"""Frozen rows and free rows (paper §2.1): what a task may train, and the dense network that results.

A row is all that flows into one neuron. Rows of active neurons are frozen and appear nowhere among the parameters; rows
of free neurons are parameters, split as the paper splits them: from active neurons (transfer) and from free ones (new
features). An active neuron reads no free one (W_int is zero), so its activation is a constant of the task and is computed
once, not once per step.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clnp_core.architecture import HeadKind
from clnp_core.errors import StateError
from clnp_core.evaluation import exact_float32
from clnp_core.heads import columns_trained
from clnp_core.network import FREE, Head, Network, Rows, activate, head_key


class FreeNetwork(nn.Module):
    """The trainable part of a network for one new task, on top of a committed base.

    Parameters, and nothing else that an optimizer could move: per hidden layer with free neurons ``from_active``
    [free, active of the layer below] (inputs count as active), ``from_free`` [free, free of the layer below] and ``bias``
    [free]; for the output ``head_from_active`` (multi-head only), ``head_from_free`` and ``head_bias`` (if it has one).
    """

    def __init__(self, base: Network, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> None:
        """Draw the free rows anew, by PyTorch's default scheme with the fan-in of the whole row.

        Args:
            base: the committed network.
            generator: on the CPU; the only source of randomness.
            dtype: of the parameters.

        Raises:
            DepletedError: single-head, and no last-hidden neuron is free.
        """
        super().__init__()
        architecture = base.architecture
        self._base, device = base, base.hidden[0].weight.device
        self.free = [torch.nonzero(owner == FREE).flatten() for owner in base.activated_by]
        self.active = [torch.nonzero(owner != FREE).flatten() for owner in base.activated_by]
        self.from_active, self.from_free, self.bias = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for layer in range(architecture.depth):
            weight, bias = _default_rows(len(self.free[layer]), architecture.fan_in(layer), generator, dtype)
            weight, bias = weight.to(device), bias.to(device)
            below_active = torch.arange(architecture.inputs, device=device) if layer == 0 else self.active[layer - 1]
            below_free = self.free[layer - 1] if layer > 0 else below_active[:0]
            self.from_active.append(nn.Parameter(weight[:, below_active]))
            self.from_free.append(nn.Parameter(weight[:, below_free]))
            self.bias.append(nn.Parameter(bias))
        read = columns_trained(architecture, base.activated_by[-1])
        weight, bias = _default_rows(architecture.classes, architecture.hidden[-1], generator, dtype)
        weight, bias = weight.to(device), bias.to(device)
        self.head_from_active = nn.Parameter(weight[:, read & (base.activated_by[-1] != FREE)])
        self.head_from_free = nn.Parameter(weight[:, self.free[-1]])
        self.head_bias = nn.Parameter(bias) if architecture.head_bias else None

    def forward(self, inputs: Tensor, frozen: Sequence[Tensor]) -> Tensor:
        """Logits of the new task.

        Args:
            inputs: float [batch, inputs].
            frozen: per hidden layer float [batch, active], from :func:`frozen_activations`.

        Returns:
            float [batch, classes].
        """
        from_below, free_below = inputs, inputs[:, :0]
        for layer, constant in enumerate(frozen):
            values = torch.nn.functional.linear(from_below, self.from_active[layer], self.bias[layer])
            if free_below.shape[1]:
                values = torch.addmm(values, free_below, self.from_free[layer].t())
            free_below = activate(values, self._base.architecture.activation)
            from_below = constant
        logits = torch.nn.functional.linear(free_below, self.head_from_free, self.head_bias)
        if self.head_from_active.shape[1]:
            logits = torch.addmm(logits, from_below, self.head_from_active.t())
        return logits

    def trainable(self) -> list[nn.Parameter]:
        """Every parameter that holds at least one value."""
        return [parameter for parameter in self.parameters() if parameter.numel()]

    def penalised(self) -> list[list[nn.Parameter]]:
        """The free weights that L1 acts on, by α's index: one list per hidden layer, the last for the output.

        Biases are not penalised, and frozen weights are not here at all.
        """
        layers = [[active, free] for active, free in zip(self.from_active, self.from_free, strict=True)]
        layers.append([self.head_from_active, self.head_from_free])
        return [[weight for weight in weights if weight.numel()] for weights in layers]

    @torch.no_grad()
    def assemble(self, task: int) -> Network:
        """The dense, unpruned network: base rows as they are, every free neuron activated by ``task``."""
        base, architecture = self._base, self._base.architecture
        hidden: list[Rows] = []
        for layer, rows in enumerate(base.hidden):
            weight, bias = rows.weight.clone(), rows.bias.clone()
            full = weight.new_zeros(len(self.free[layer]), architecture.fan_in(layer))
            if layer == 0:
                full.copy_(self.from_active[0])
            else:
                full[:, self.active[layer - 1]] = self.from_active[layer].to(full.dtype)
                full[:, self.free[layer - 1]] = self.from_free[layer].to(full.dtype)
            weight[self.free[layer]] = full
            bias[self.free[layer]] = self.bias[layer].to(bias.dtype)
            hidden.append(Rows(weight, bias))
        owners = tuple(torch.where(owner == FREE, task, owner).to(torch.int16) for owner in base.activated_by)
        return Network(architecture, tuple(hidden), {**base.heads, head_key(architecture, task): self._head()}, owners)

    def _head(self) -> Head:
        base, architecture = self._base, self._base.architecture
        if architecture.head is HeadKind.SINGLE:
            weight = base.head(task=1).weight.clone()
        else:
            weight = base.hidden[-1].weight.new_zeros(architecture.classes, architecture.hidden[-1])
            weight[:, self.active[-1]] = self.head_from_active.to(weight.dtype)
        weight[:, self.free[-1]] = self.head_from_free.to(weight.dtype)
        return Head(weight, None if self.head_bias is None else self.head_bias.detach().to(weight.dtype).clone())


@torch.no_grad()
def frozen_activations(base: Network, inputs: Tensor, batch_size: int = 10_000) -> tuple[Tensor, ...]:
    """What the active neurons say to every sample, once for the whole task.

    Args:
        base: the committed network.
        inputs: float [samples, inputs].
        batch_size: bounds the memory of the pass, nothing else.

    Returns:
        Per hidden layer float [samples, active neurons of the layer], in ascending neuron order.
    """
    active = [torch.nonzero(owner != FREE).flatten() for owner in base.activated_by]
    layers = [inputs.new_empty(len(inputs), len(index)) for index in active]
    for start in range(0, len(inputs), batch_size):
        values = inputs[start:start + batch_size]
        below: Tensor | None = None
        for layer, rows in enumerate(base.hidden):
            weight = rows.weight[active[layer]]
            if below is not None:
                weight = weight[:, below]
            with exact_float32():
                values = activate(torch.nn.functional.linear(values, weight.to(values.dtype),
                                                             rows.bias[active[layer]].to(values.dtype)),
                                  base.architecture.activation)
            layers[layer][start:start + len(values)] = values
            below = active[layer]
    return tuple(layers)


def widen(network: Network, hidden: Sequence[int]) -> Network:
    """Add free neurons (paper §4, conclusion): old rows keep their bits, new rows and columns are zero.

    Args:
        network: a committed network.
        hidden: the new widths, none smaller than before.

    Raises:
        StateError: when a layer would shrink or the number of layers change.
    """
    old = network.architecture
    if len(hidden) != old.depth or any(new < width for new, width in zip(hidden, old.hidden, strict=False)):
        raise StateError(f"cannot widen {list(old.hidden)} to {list(hidden)}", "layers can only gain neurons")
    if tuple(hidden) == old.hidden:
        return network
    architecture = old.with_hidden(hidden)
    rows = tuple(Rows(_padded(layer.weight, width, architecture.fan_in(index)), _padded(layer.bias, width))
                 for index, (layer, width) in enumerate(zip(network.hidden, hidden, strict=True)))
    heads = {key: Head(_padded(head.weight, architecture.classes, hidden[-1]), head.bias)
             for key, head in network.heads.items()}
    owners = tuple(_padded(owner, width) for owner, width in zip(network.activated_by, hidden, strict=True))
    return Network(architecture, rows, heads, owners)


def _padded(values: Tensor, *shape: int) -> Tensor:
    """``values`` in the low corner of a larger tensor of zeros (and FREE is zero)."""
    padded = values.new_zeros(shape)
    padded[tuple(slice(length) for length in values.shape)] = values
    return padded


def _default_rows(rows: int, fan_in: int, generator: torch.Generator, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """PyTorch's default of ``nn.Linear``: weight [rows, fan_in] and bias [rows], uniform within ±1/√fan_in."""
    bound = fan_in ** -0.5
    weight = torch.empty(rows, fan_in, dtype=dtype).uniform_(-bound, bound, generator=generator)
    bias = torch.empty(rows, dtype=dtype).uniform_(-bound, bound, generator=generator)
    return weight, bias
