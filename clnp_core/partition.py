"""Frozen rows and free rows (paper §2.1): the parameters that a task may train, and the resulting dense network.

A row is the incoming weights of one neuron. Rows of active neurons are frozen and are not parameters; rows of free neurons are
parameters, divided as in the paper: from active neurons (transfer) and from free ones (new features). An active neuron reads
no free one (W_int is zero), so its activation is a constant of the task: if no dropout precedes it, it is computed once
(:mod:`clnp_core.frozen_activations`), not once per step.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from clnp_core.architecture import Architecture, HeadKind, Window
from clnp_core.errors import StateError
from clnp_core.frozen_activations import FrozenNetwork, active_below, active_neurons
from clnp_core.heads import neurons_read_in_training
from clnp_core.layers import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, activate, laid_out, pooled, weigh
from clnp_core.network import FREE, Head, Network, Rows, column_index, head_key, vector_names

RUNNING = ("mean", "variance")
"""The running statistics of BatchNorm, which are not parameters."""


class FreeNetwork(nn.Module):
    """The trainable part of a network for one task, in addition to the frozen part.

    The parameters, which are all that an optimizer can change, are: per hidden layer with free neurons ``from_active``
    [free, columns of active neurons below] (inputs count as active), ``from_free`` [free, columns of free ones] (both with
    [k, k] behind for a convolution) and ``vectors``: ``bias`` [free], or ``scale`` and ``shift`` of BatchNorm; for the output
    ``head_from_active`` (multi-head only), ``head_from_free`` and ``head_bias`` (if it has one). Running statistics of free
    neurons are buffers. In training mode free neurons use the statistics of the batch, frozen ones their own running
    statistics; dropout applies to the inputs and to the outputs of both, drawn from the generator ``noise`` (None without
    dropout).

    :meth:`forward` does not read the values of its tensors, so that ``torch.func`` can batch it: a pack of
    networks with one base is one call.
    """

    def __init__(self, base: Network, generator: torch.Generator, dtype: torch.dtype = torch.float32,
                 reopen: int | None = None, window: Sequence[Tensor] | None = None) -> None:
        """Initialise the free rows with PyTorch's default scheme and the fan-in of the whole row; or reopen a task.

        With a window a row is as long as what it reads: free neurons outside are in no row, and in no fan-in.

        Args:
            base: the committed network; with ``reopen`` the pruned one.
            generator: on the CPU; the only source of randomness.
            dtype: of the parameters.
            reopen: a task whose own neurons continue to train from their current weights (fine-tuning, paper §2.2).
                Pruned neurons are excluded.
            window: per hidden layer int64 [n], ascending, the free neurons that train
                (:func:`clnp_core.free_window.draw_window`); None for all of them. Not together with ``reopen``.

        Raises:
            DepletedError: single-head, and no neuron of the last hidden layer is free.
        """
        super().__init__()
        self.architecture = architecture = base.architecture
        self._base, device = base, base.hidden[0].weight.device
        free = FREE if reopen is None else reopen
        self.free = ([torch.nonzero(owner == free).flatten() for owner in base.activated_by] if window is None
                     else list(window))
        self.active = active_neurons(base, reopen)
        self._frozen = FrozenNetwork(base, self.active)
        depth = architecture.depth
        self._active_columns = [active_below(architecture, layer, self.active) for layer in range(depth + 1)]
        self._free_columns = [self._active_columns[0][:0],
                              *(column_index(architecture, layer, self.free[layer - 1]) for layer in range(1, depth + 1))]
        read = [len(active) + len(free) for active, free in zip(self._active_columns, self._free_columns, strict=True)]
        self.from_active, self.from_free, self.vectors = nn.ParameterList(), nn.ParameterList(), nn.ParameterDict()
        for layer in range(depth):
            rows = (_default_rows(architecture, layer, len(self.free[layer]), read[layer], generator, dtype) if reopen is None
                    else base.hidden[layer].of(self.free[layer]))
            rows = rows.map(lambda values: values.to(device, dtype))
            self.from_active.append(nn.Parameter(rows.weight[:, self._active_columns[layer]]))
            self.from_free.append(nn.Parameter(rows.weight[:, self._free_columns[layer]]))
            for name, values in rows.vectors.items():
                if name in RUNNING:
                    self.register_buffer(f"{name}_{layer}", values)
                else:
                    self.vectors[f"{name}_{layer}"] = nn.Parameter(values)
        if reopen is None:
            neurons_read_in_training(architecture, base.activated_by[-1])  # refuses a depleted single head
            head = _default_head(architecture, read[depth], generator, dtype)
        else:
            head = base.head(reopen)
        weight = head.weight.to(device, dtype)
        from_active = self._active_columns[depth]
        transfers = architecture.head is not HeadKind.SINGLE
        self.head_from_active = nn.Parameter(weight[:, from_active if transfers else from_active[:0]])
        self.head_from_free = nn.Parameter(weight[:, self._free_columns[depth]])
        self.head_bias = None if head.bias is None else nn.Parameter(head.bias.to(device, dtype, copy=True))
        self.noise = None
        if architecture.input_dropout or any(layer.dropout for layer in architecture.layers):
            seed = int(torch.randint(2**62, (), generator=generator))
            self.noise = torch.Generator(device).manual_seed(seed)

    def forward(self, inputs: Tensor, frozen: Sequence[Tensor], dropout: Sequence[Sequence[Tensor]] | None = None) -> Tensor:
        """Return the logits of the task.

        Args:
            inputs: float [batch, *input shape], maps best with their channels last (:func:`clnp_core.layers.laid_out`).
            frozen: of this batch, for the first hidden layers, float [batch, active, …], from
                :func:`clnp_core.frozen_activations.frozen_activations`; the other layers are computed here.
            dropout: of this batch, from :meth:`draw_dropout`; None draws it here, in training mode.

        Returns:
            float [batch, classes].
        """
        architecture = self._base.architecture
        if dropout is None:
            dropout = self.draw_dropout(len(inputs)) if self.training else [()] * (architecture.depth + 1)
        of_inputs, *of_layers = dropout
        active, free = inputs * of_inputs[0] if of_inputs else inputs, inputs[:, :0]
        for index, layer in enumerate(architecture.layers):
            sums = self._sums(layer.convolution, active, free, self.from_active[index], self.from_free[index],
                              self.vectors.get(f"bias_{index}"))
            free = pooled(layer.pool, activate(self._normalised(index, sums), layer.activation))
            active = frozen[index] if index < len(frozen) else self._frozen.passed_on(index, active)
            if of_layers[index]:
                active, free = (values * factors for values, factors in zip((active, free), of_layers[index], strict=True))
        logits = self._sums(architecture.output, free, active, self.head_from_free, self.head_from_active, self.head_bias)
        return logits if architecture.output is None else logits.mean(dim=(2, 3))

    def draw_dropout(self, samples: int) -> list[tuple[Tensor, ...]]:
        """Draw the dropout factors of one batch.

        Returns:
            For dropped inputs float [samples, *input shape], then for every hidden layer with dropout float
            [samples, active, …] and [samples, free, …]: 0 for dropped values and otherwise a factor that keeps the mean. An
            empty tuple for inputs and layers without dropout.
        """
        architecture = self._base.architecture
        share, (channels, *sides_of_input) = architecture.input_dropout, architecture.input_shape
        drawn: list[tuple[Tensor, ...]] = [(self._kept(share, samples, channels, sides_of_input),) if share else ()]
        for layer, active, free, sides in zip(architecture.layers, self.active, self.free, architecture.maps, strict=True):
            drawn.append(tuple(self._kept(layer.dropout, samples, len(neurons), sides) for neurons in (active, free))
                         if layer.dropout else ())
        return drawn

    def _kept(self, share: float, samples: int, neurons: int, sides: Sequence[int]) -> Tensor:
        like = self.head_from_free
        drawn = laid_out(torch.empty(samples, neurons, *sides, dtype=like.dtype, device=like.device))
        return (drawn.uniform_(generator=self.noise) >= share).to(like.dtype).div_(1 - share)

    def _sums(self, window: Window | None, first: Tensor, second: Tensor, of_first: Tensor, of_second: Tensor,
              bias: Tensor | None) -> Tensor:
        """Return the weighted sums over two groups of neurons; either may be empty."""
        if not of_first.numel():
            return weigh(window, second, of_second, bias)
        sums = weigh(window, first, of_first, bias)
        return sums + weigh(window, second, of_second) if of_second.numel() else sums

    def _normalised(self, index: int, sums: Tensor) -> Tensor:
        if f"scale_{index}" not in self.vectors or not sums.numel():
            return sums
        mean, variance = (self.get_buffer(f"{name}_{index}") for name in RUNNING)
        scale, shift = (self.vectors[f"{name}_{index}"] for name in ("scale", "shift"))
        return functional.batch_norm(sums.to(mean.dtype), mean, variance, scale, shift, self.training,
                                     BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON)

    def trainable(self) -> list[nn.Parameter]:
        """Return every parameter with at least one value."""
        return [parameter for parameter in self.parameters() if parameter.numel()]

    def penalised(self) -> list[list[nn.Parameter]]:
        """Return the free weights with an L1 term, by α's index: one list per hidden layer, the last for the output.

        Biases and BatchNorm are not penalised; frozen weights are not parameters.
        """
        layers = [[active, free] for active, free in zip(self.from_active, self.from_free, strict=True)]
        layers.append([self.head_from_active, self.head_from_free])
        return [[weight for weight in weights if weight.numel()] for weights in layers]

    @torch.no_grad()
    def assemble(self, task: int) -> Network:
        """Return the dense network: base rows unchanged, every trained neuron activated by ``task``; unpruned if the free rows
        were initialised."""
        base, architecture = self._base, self._base.architecture
        hidden: list[Rows] = []
        for layer, rows in enumerate(base.hidden):
            own = self.free[layer]
            weight = rows.weight.clone()
            weight[own] = self._whole(layer, self.from_active[layer], self.from_free[layer], weight.dtype)
            vectors = {name: values.clone() for name, values in rows.vectors.items()}
            for name, values in vectors.items():
                trained = self.get_buffer(f"{name}_{layer}") if name in RUNNING else self.vectors[f"{name}_{layer}"]
                values[own] = trained.to(values.dtype)
            hidden.append(Rows(weight, vectors))
        owners = []
        for owner, own in zip(base.activated_by, self.free, strict=True):
            owners.append(owner.clone())
            owners[-1][own] = task
        return Network(architecture, tuple(hidden), {**base.heads, head_key(architecture, task): self._head()}, tuple(owners))

    def _head(self) -> Head:
        base, depth = self._base, self._base.architecture.depth
        dtype = base.hidden[-1].weight.dtype
        if base.architecture.head is HeadKind.SINGLE:
            weight = base.head(task=1).weight.clone()
            weight[:, self._free_columns[depth]] = self.head_from_free.to(dtype)
        else:
            weight = self._whole(depth, self.head_from_active, self.head_from_free, dtype)
        return Head(weight, None if self.head_bias is None else self.head_bias.detach().to(dtype).clone())

    def _whole(self, layer: int, from_active: Tensor, from_free: Tensor, dtype: torch.dtype) -> Tensor:
        """Return rows with all their columns; those of pruned neurons are zero."""
        full = torch.zeros(len(from_free), *self._base.architecture.weight_shape(layer)[1:], dtype=dtype,
                           device=from_free.device)
        full[:, self._active_columns[layer]] = from_active.to(dtype)
        full[:, self._free_columns[layer]] = from_free.to(dtype)
        return full


def widen(network: Network, hidden: Sequence[int]) -> Network:
    """Add free neurons (paper §4, conclusion): old rows keep their bits, new rows and columns are zero.

    Args:
        network: a committed network.
        hidden: the new widths, none smaller than before.

    Raises:
        StateError: a layer would shrink, or the number of layers would change.
    """
    old = network.architecture
    if len(hidden) != old.depth or any(new < width for new, width in zip(hidden, old.hidden, strict=False)):
        raise StateError(f"cannot widen {list(old.hidden)} to {list(hidden)}", "layers can only gain neurons")
    if tuple(hidden) == old.hidden:
        return network
    architecture = old.with_hidden(hidden)
    rows = tuple(Rows(_padded(layer.weight, *architecture.weight_shape(index)),
                      {name: _padded(values, width) for name, values in layer.vectors.items()})
                 for index, (layer, width) in enumerate(zip(network.hidden, hidden, strict=True)))
    heads = {key: Head(_padded(head.weight, *architecture.weight_shape(old.depth)), head.bias)
             for key, head in network.heads.items()}
    owners = tuple(_padded(owner, width) for owner, width in zip(network.activated_by, hidden, strict=True))
    return Network(architecture, rows, heads, owners)


def _padded(values: Tensor, *shape: int) -> Tensor:
    """Return a larger tensor of zeros with ``values`` at its beginning (FREE is zero, too)."""
    padded = values.new_zeros(shape)
    padded[tuple(slice(length) for length in values.shape)] = values
    return padded


def _bound(architecture: Architecture, layer: int, read: int) -> float:
    """Return 1/√fan_in of a row that reads ``read`` columns."""
    return float((architecture.fan_in(layer) * read // architecture.columns(layer)) ** -0.5)


def _default_rows(architecture: Architecture, layer: int, rows: int, read: int, generator: torch.Generator,
                  dtype: torch.dtype) -> Rows:
    """Initialise rows as PyTorch does: weight and bias of ``nn.Linear`` and ``nn.Conv2d`` uniform within ±1/√fan_in; scale and
    variance of ``nn.BatchNorm`` 1, shift and mean 0. The rows have all columns, ``read`` of which are used."""
    bound = _bound(architecture, layer, read)
    weight = torch.empty(rows, *architecture.weight_shape(layer)[1:], dtype=dtype).uniform_(-bound, bound, generator=generator)
    names = vector_names(architecture, layer)
    if "bias" in names:
        return Rows(weight, {"bias": torch.empty(rows, dtype=dtype).uniform_(-bound, bound, generator=generator)})
    return Rows(weight, {name: torch.full((rows,), float(name in ("scale", "variance")), dtype=dtype) for name in names})


def _default_head(architecture: Architecture, read: int, generator: torch.Generator, dtype: torch.dtype) -> Head:
    """Initialise an output layer like rows."""
    bound = _bound(architecture, architecture.depth, read)
    weight = torch.empty(architecture.weight_shape(architecture.depth), dtype=dtype)
    weight.uniform_(-bound, bound, generator=generator)
    bias = torch.empty(architecture.classes, dtype=dtype).uniform_(-bound, bound, generator=generator)
    return Head(weight, bias if architecture.head_bias else None)
