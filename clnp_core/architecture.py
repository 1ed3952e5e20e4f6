"""A network as a chain of layers, described as data.

The description contains no weights. It contains how many neurons each hidden layer has, what each one reads, and how the output
is organised, which is all that freezing, pruning and capacity need. It can be converted to JSON, for artifacts and the
database.

A *neuron* is a unit of a dense layer or a channel of a convolution. Everything that belongs to one neuron of the layer below
is a *block of columns* of a weight: one column for a unit, one k × k window for a channel under a convolution, and
height × width columns for a channel under a dense layer, which reads the map flattened.

Every layer reads only the layer before it: :meth:`Architecture.columns` and :attr:`Architecture.columns_per_neuron` are the
only places that assume this. A network with branches would list there what a layer reads.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from clnp_core.errors import ConfigError


class Activation(StrEnum):
    """The nonlinearity after every hidden layer. The paper uses ReLU (§2.2) and expects others to work similarly."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    GELU = "gelu"
    ELU = "elu"
    SILU = "silu"


class HeadKind(StrEnum):
    """How the output serves several tasks (paper §2.1, "Output architecture")."""

    MULTI = "multi"
    """Every task has its own output layer over the neurons that are active after it, old and new."""

    SINGLE = "single"
    """One output layer; each task reads only the neurons of the last hidden layer that it activated itself."""

    SHARED = "shared"
    """One output layer that every task reads completely; for methods that do not divide the network, never for CLNP."""


DIVIDED_HEADS = (HeadKind.MULTI, HeadKind.SINGLE)
"""The kinds of the paper, which give each task an output that no later task changes."""


class PoolKind(StrEnum):
    """The value that pooling computes from a window."""

    MAX = "max"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Window:
    """The square window of a convolution, in positions of the map below; padded with zeros."""

    kernel: int
    stride: int = 1
    padding: int = 0

    def positions(self, side: int) -> int:
        """Return the number of positions of the window along a side of length ``side``; 0 or less if it does not fit."""
        return (side + 2 * self.padding - self.kernel) // self.stride + 1


@dataclass(frozen=True, slots=True)
class Pool:
    """Pooling after the nonlinearity: torch's ``MaxPool2d`` or ``AvgPool2d``, padding counted in an average."""

    kind: PoolKind
    window: Window


@dataclass(frozen=True, slots=True)
class Layer:
    """One hidden layer, in the order of its computation: weights, BatchNorm, nonlinearity, pooling, dropout.

    Attributes:
        neurons: units, or channels of a convolution.
        convolution: its window; None for a dense layer.
        batch_norm: whether BatchNorm follows the weights; its shift then replaces the bias.
        activation: the nonlinearity.
        pool: pooling of a convolution's map, or None.
        dropout: share of the values passed on that are dropped in training, each independently.
    """

    neurons: int
    convolution: Window | None = None
    batch_norm: bool = False
    activation: Activation = Activation.RELU
    pool: Pool | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class Architecture:
    """A chain input → hidden layers → output.

    Attributes:
        input_shape: of one sample: (values,), or (channels, height, width) of an image. Inputs are always active.
        layers: the hidden layers, first to last: convolutions, then dense ones.
        classes: outputs of one head.
        head: multi-head or single-head.
        head_bias: whether a head has a bias. Refused for a single head, whose bias all tasks would share.
        output: the window of a convolutional output, whose map is averaged (paper, Table 3); None for a dense one.
        input_dropout: share of the input values that are dropped in training, each on its own.

    Raises:
        ConfigError: such a network is impossible.
    """

    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    classes: int
    head: HeadKind = HeadKind.SINGLE
    head_bias: bool = False
    output: Window | None = None
    input_dropout: float = 0.0

    def __post_init__(self) -> None:
        if not self.layers or min(self.hidden) < 1 or self.classes < 1 or min(self.input_shape, default=0) < 1:
            raise ConfigError(
                f"a network of input shape {list(self.input_shape)}, hidden widths {list(self.hidden)} and "
                f"{self.classes} classes is impossible",
                "inputs, classes and every width must be at least 1, with one hidden layer or more")
        if self.head is not HeadKind.MULTI and self.head_bias:
            raise ConfigError("a single head cannot have a bias: all tasks would share it and forget",
                              "set head_bias to false, or use a multi-head network")
        self._check_chain()

    def _check_chain(self) -> None:
        """Check that every convolution reads a map, and every window fits into it."""
        shape = self.input_shape
        if len(shape) not in (1, 3):
            raise ConfigError(f"the input shape {list(shape)} is neither values nor an image",
                              "a sample is [values] or [channels, height, width]")
        for number, layer in enumerate(self.layers, start=1):
            where = f"hidden layer {number}"
            if layer.convolution is None:
                if layer.pool is not None:
                    raise ConfigError(f"{where} has pooling, but is dense and has no map",
                                      "remove its pool, or make it a convolution")
                shape = (layer.neurons,)
                continue
            shape = _convolved(where, shape, layer.convolution, layer.neurons)
            if layer.pool is not None:
                if layer.pool.window.padding * 2 > layer.pool.window.kernel:
                    raise ConfigError(f"the pool of {where} is padded by more than half of its kernel",
                                      f"a kernel of {layer.pool.window.kernel} takes a padding of at most "
                                      f"{layer.pool.window.kernel // 2}")
                shape = _convolved(f"the pool of {where}", shape, layer.pool.window, layer.neurons)
        if self.output is not None:
            _convolved("the output", shape, self.output, self.classes)

    @cached_property
    def hidden(self) -> tuple[int, ...]:
        """Return the number of neurons of each hidden layer, first to last."""
        return tuple(layer.neurons for layer in self.layers)

    @property
    def depth(self) -> int:
        """Return the number of hidden layers."""
        return len(self.layers)

    @property
    def hidden_total(self) -> int:
        """Return the number of neurons over all hidden layers, the denominator of sparsity."""
        return sum(self.hidden)

    @property
    def inputs(self) -> int:
        """Return the number of values per sample."""
        return _product(self.input_shape)

    @property
    def has_batch_norm(self) -> bool:
        """Return whether any layer has BatchNorm."""
        return any(layer.batch_norm for layer in self.layers)

    @cached_property
    def maps(self) -> tuple[tuple[int, ...], ...]:
        """Return, per hidden layer, the sides (height, width) of its output after pooling; () for a dense layer."""
        sides, found = self.input_shape[1:], []
        for layer in self.layers:
            if layer.convolution is None:
                sides = ()
            else:
                sides = tuple(layer.convolution.positions(side) for side in sides)
                if layer.pool is not None:
                    sides = tuple(layer.pool.window.positions(side) for side in sides)
            found.append(sides)
        return tuple(found)

    @cached_property
    def columns_per_neuron(self) -> tuple[int, ...]:
        """Return, per hidden layer and last for the output, the columns of its weight that belong to one neuron below.

        1, or height × width if a dense layer reads a map. A column of a convolution is a k × k window. For the first layer,
        which reads inputs instead of neurons, columns per input channel or value.
        """
        below = (self.input_shape[1:], *self.maps)
        windows = (*(layer.convolution for layer in self.layers), self.output)
        return tuple(1 if window else _product(sides) for window, sides in zip(windows, below, strict=True))

    def columns(self, layer: int) -> int:
        """Return the number of columns of the weight of hidden layer ``layer`` (0-based; ``depth`` is the output)."""
        below = self.input_shape[0] if layer == 0 else self.hidden[layer - 1]
        return below * self.columns_per_neuron[layer]

    def window(self, layer: int) -> Window | None:
        """Return the convolution of hidden layer ``layer`` (0-based; ``depth`` is the output); None if it is dense."""
        return self.output if layer == self.depth else self.layers[layer].convolution

    def weight_shape(self, layer: int) -> tuple[int, ...]:
        """Return the shape of a weight (0-based; ``depth`` is the output): [rows, columns], and [k, k] of a convolution."""
        rows = self.classes if layer == self.depth else self.hidden[layer]
        window = self.window(layer)
        return (rows, self.columns(layer)) + ((window.kernel, window.kernel) if window else ())

    def fan_in(self, layer: int) -> int:
        """Return the number of values that a neuron of hidden layer ``layer`` (0-based; ``depth`` is the output) reads."""
        return _product(self.weight_shape(layer)[1:])

    def parameter_count(self) -> int:
        """Return the number of weights, biases, and BatchNorm scales and shifts of the dense network with one head."""
        hidden = sum(layer.neurons * (self.fan_in(index) + (2 if layer.batch_norm else 1))
                     for index, layer in enumerate(self.layers))
        return hidden + self.classes * (self.fan_in(self.depth) + int(self.head_bias))

    def with_hidden(self, widths: Sequence[int]) -> "Architecture":
        """Return the same network with other widths (see :func:`clnp_core.partition.widen`)."""
        layers = tuple(dataclasses.replace(layer, neurons=width)
                       for layer, width in zip(self.layers, widths, strict=True))
        return dataclasses.replace(self, layers=layers)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able description; :meth:`from_json` is its inverse. ``input_dropout`` is left out if it
        is 0, so that the descriptions of networks without it do not change."""
        dropping = {"input_dropout": self.input_dropout} if self.input_dropout else {}
        return {"input_shape": list(self.input_shape), "layers": [_layer_to_json(layer) for layer in self.layers],
                "classes": self.classes, "head": str(self.head), "head_bias": self.head_bias, **dropping,
                "output": {"kind": "dense"} if self.output is None else {"kind": "conv", **dataclasses.asdict(self.output)}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Architecture":
        """Return the network that :meth:`to_json` described."""
        return cls(tuple(data["input_shape"]), tuple(_layer_from_json(layer) for layer in data["layers"]), data["classes"],
                   HeadKind(data["head"]), data["head_bias"], _window_from_json(data["output"]), data.get("input_dropout", 0.0))


def _convolved(where: str, shape: tuple[int, ...], window: Window, channels: int) -> tuple[int, ...]:
    """Return the shape after a window has moved over a map [channels, height, width]."""
    if len(shape) != 3:
        raise ConfigError(f"{where} needs a map, but its input is flat",
                          "images come as [channels, height, width], and no convolution may follow a dense layer")
    possible = min(window.kernel, window.stride) >= 1 and window.padding >= 0
    sides = [window.positions(side) for side in shape[1:]] if possible else [0]
    if min(sides) < 1:
        raise ConfigError(f"{where}: a {window.kernel} × {window.kernel} window with stride {window.stride} and padding "
                          f"{window.padding} does not fit into a map of {shape[1]} × {shape[2]}",
                          "use a smaller kernel, more padding, or less pooling before it")
    return (channels, *sides)


def _layer_to_json(layer: Layer) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": "dense" if layer.convolution is None else "conv", "neurons": layer.neurons}
    if layer.convolution is not None:
        data |= dataclasses.asdict(layer.convolution)
    pool = None if layer.pool is None else {"kind": str(layer.pool.kind), **dataclasses.asdict(layer.pool.window)}
    return data | {"batch_norm": layer.batch_norm, "activation": str(layer.activation), "pool": pool, "dropout": layer.dropout}


def _layer_from_json(data: dict[str, Any]) -> Layer:
    pool = None
    if data["pool"] is not None:
        found = data["pool"]
        pool = Pool(PoolKind(found["kind"]), Window(found["kernel"], found["stride"], found["padding"]))
    return Layer(data["neurons"], _window_from_json(data), data["batch_norm"], Activation(data["activation"]), pool,
                 data["dropout"])


def _window_from_json(data: dict[str, Any]) -> Window | None:
    return None if data["kind"] == "dense" else Window(data["kernel"], data["stride"], data["padding"])


def _product(values: Sequence[int]) -> int:
    product = 1
    for value in values:
        product *= value
    return product
