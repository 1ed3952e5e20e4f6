"""A network described layer by layer: the entries of ``network.layers``."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from clnp_core.architecture import Activation, Layer, Pool, PoolKind, Window
from clnp_core.networks import Chain
from orchestrator.config.errors import show
from orchestrator.config.numbers import MAX_COUNT, Count, Integer, Share
from orchestrator.config.sweep_section import Section

Padding = Annotated[Integer, Field(ge=0, le=MAX_COUNT)]

_NO_CHAIN = ("networks with branches are not supported yet\n"
             "every layer must read the one before it")


class LayerKind(StrEnum):
    """The kind of a hidden layer."""

    CONV = "conv"
    DENSE = "dense"

    @property
    def convolves(self) -> bool:
        """Whether kernel, stride, padding and pool apply to it."""
        return self is LayerKind.CONV


_MAX_POOL, _AVERAGE_POOL, _NORM = "pool: {kind: max, kernel: 2}", "pool: {kind: average, kernel: 2}", "batch_norm: true"
_KINDS_THAT_ARE_KEYS = {
    "pool": _MAX_POOL, "maxpool": _MAX_POOL, "max_pool": _MAX_POOL, "avgpool": _AVERAGE_POOL, "avg_pool": _AVERAGE_POOL,
    "norm": _NORM, "batchnorm": _NORM, "batch_norm": _NORM, "dropout": "dropout: 0.5", "activation": "activation: relu",
    "relu": "activation: relu",
}
"""Kinds that are layers in other tools, but keys of the preceding layer here."""

_KINDS_OF_GRAPHS = ("residual", "add", "concat", "skip", "branch", "parallel")


class OutputSection(Section):
    """A convolutional output, averaged over its map."""

    kernel: Count = Field(description="side of the window, a whole number of at least 1")
    stride: Count = Field(default=1, description="steps of the window, a whole number of at least 1")
    padding: Padding = Field(default=0, description="zeros around the map, a whole number below kernel")

    @field_validator("padding")
    @classmethod
    def _below_kernel(cls, padding: int, info: ValidationInfo) -> int:
        return _sensible_padding(padding, info.data.get("kernel"))

    def window(self) -> Window:
        """Return the equivalent value of clnp_core."""
        return Window(self.kernel, self.stride, self.padding)


def _pool_stride(data: Mapping[str, Any]) -> Any:
    return data.get("kernel")


class PoolSection(Section):
    """Pooling of a convolution's map."""

    kind: PoolKind = Field(description="max or average")
    kernel: Count = Field(description="side of the window, a whole number of at least 1")
    stride: Count = Field(default_factory=_pool_stride, json_schema_extra={"default": "the kernel"},
                          description="steps of the window, a whole number of at least 1; null uses the kernel")
    padding: Padding = Field(default=0, description="padding around the map, at most half of the kernel")

    @field_validator("stride", mode="before")
    @classmethod
    def _null_is_derived(cls, stride: object, info: ValidationInfo) -> object:
        return _pool_stride(info.data) if stride is None and "kernel" in info.data else stride

    @field_validator("padding")
    @classmethod
    def _at_most_half(cls, padding: int, info: ValidationInfo) -> int:
        kernel = info.data.get("kernel")
        if kernel is not None and 2 * padding > kernel:
            raise ValueError(f"must be at most half of the kernel {kernel}, not {padding}")
        return padding

    def pool(self) -> Pool:
        """Return the equivalent value of clnp_core."""
        return Pool(self.kind, Window(self.kernel, self.stride, self.padding))


def _stride(data: Mapping[str, Any]) -> int | None:
    return 1 if data.get("kind") is LayerKind.CONV else None


def _padding(data: Mapping[str, Any]) -> int | None:
    return 0 if data.get("kind") is LayerKind.CONV else None


class LayerSection(Section):
    """One hidden layer, in the order of what it does: weights, BatchNorm, nonlinearity, pooling, dropout."""

    refused_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(("reads", "from", "input", "inputs", "skip"), _NO_CHAIN)
    """Keys of networks with branches, with the message for each."""

    kind: LayerKind = Field(description="conv or dense")
    neurons: Count = Field(description="channels of a convolution or units of a dense layer, a whole number of at least 1")
    kernel: Count | None = Field(
        default=None, validate_default=True,
        description="side of a convolution's window, a whole number of at least 1; for conv only")
    stride: Count | None = Field(
        default_factory=_stride, json_schema_extra={"default": "1 for conv, else null"},
        description="steps of a convolution's window, a whole number of at least 1; for conv only")
    padding: Padding | None = Field(
        default_factory=_padding, json_schema_extra={"default": "0 for conv, else null"},
        description="zeros around the map that a convolution reads, a whole number below kernel; for conv only")
    batch_norm: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="true or false; whether BatchNorm follows the weights")
    activation: Activation | None = Field(
        default=None, description="the nonlinearity of this layer; null uses network.activation")
    pool: PoolSection | None = Field(
        default=None, description="pooling of a convolution's map: {kind, kernel, stride, padding}; for conv only")
    dropout: Annotated[Share, Field(ge=0)] = Field(
        default=0.0, description="share of the outputs dropped during training, at least 0 and below 1")

    @field_validator("kind", mode="before")
    @classmethod
    def _is_a_layer(cls, kind: object) -> object:
        if isinstance(kind, str) and kind in _KINDS_OF_GRAPHS:
            raise ValueError(f"{show(kind)}: {_NO_CHAIN}")
        if isinstance(kind, str) and kind in _KINDS_THAT_ARE_KEYS:
            raise ValueError(f"{show(kind)} is not a layer of its own\n"
                             f"write {_KINDS_THAT_ARE_KEYS[kind]} in the layer before it")
        if kind in ("flatten", "linear"):
            raise ValueError(f"{show(kind)} is not a kind of layer\nuse dense, which flattens a map itself")
        return kind

    @field_validator("stride", "padding", mode="before")
    @classmethod
    def _null_is_derived(cls, value: object, info: ValidationInfo) -> object:
        if value is not None or "kind" not in info.data:
            return value
        return _stride(info.data) if info.field_name == "stride" else _padding(info.data)

    @field_validator("kernel", "stride", "padding", "pool")
    @classmethod
    def _for_convolutions(cls, value: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind")
        if kind is LayerKind.DENSE and value is not None:
            raise ValueError("cannot be used in a dense layer, which has no map\nremove it, or set kind to conv")
        if kind is LayerKind.CONV and value is None and info.field_name == "kernel":
            raise ValueError("is missing, and a convolution needs it")
        if info.field_name == "padding" and isinstance(value, int):
            _sensible_padding(value, info.data.get("kernel"))
        return value

    @field_validator("dropout")
    @classmethod
    def _no_negative_zero(cls, dropout: float) -> float:
        return math.fabs(dropout)

    def layer(self, activation: Activation) -> Layer:
        """Return the equivalent value of clnp_core, with ``activation`` if the layer names none."""
        convolution = None
        if self.kernel is not None and self.stride is not None and self.padding is not None:
            convolution = Window(self.kernel, self.stride, self.padding)
        return Layer(self.neurons, convolution, self.batch_norm, self.activation or activation,
                     self.pool.pool() if self.pool else None, self.dropout)


def _sensible_padding(padding: int, kernel: int | None) -> int:
    """Refuse a window that could lie entirely in the padding."""
    if kernel is not None and padding >= kernel:
        raise ValueError(f"must be below the kernel {kernel}, not {padding}")
    return padding


def misplaced(layers: tuple[LayerSection, ...]) -> int | None:
    """Return the index of the first convolution that follows a dense layer, whose output has no map; None if there is none."""
    dense = [index for index, layer in enumerate(layers) if not layer.kind.convolves]
    return next((index for index, layer in enumerate(layers) if layer.kind.convolves and dense and dense[0] < index), None)


def written_out(chain: Chain) -> dict[str, object]:
    """Return a chain as values of ``network.layers`` and ``network.output``."""
    return {"layers": [_layer(layer) for layer in chain.layers], "output": _window(chain.output) or None}


def _layer(layer: Layer) -> dict[str, object]:
    kind = LayerKind.DENSE if layer.convolution is None else LayerKind.CONV
    pool = None if layer.pool is None else {"kind": layer.pool.kind, **_window(layer.pool.window)}
    return {"kind": kind, "neurons": layer.neurons, **_window(layer.convolution), "batch_norm": layer.batch_norm,
            "activation": layer.activation, "pool": pool, "dropout": layer.dropout}


def _window(window: Window | None) -> dict[str, int]:
    return {} if window is None else {"kernel": window.kernel, "stride": window.stride, "padding": window.padding}
