"""The computation of one layer, step by step: weights, normalisation, nonlinearity, pooling; and of an output.

The same functions are used for training, for the canonical evaluation and for screening candidates, with dense layers and
convolutions.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from clnp_core.architecture import Activation, Layer, Pool, PoolKind, Window

BATCH_NORM_EPSILON = 1e-5
"""Added to the variance under the root, as in torch."""

BATCH_NORM_MOMENTUM = 0.1
"""The weight of a batch in the running statistics, as in torch."""


def laid_out(values: Tensor) -> Tensor:
    """Return the same values with the channels of maps last in memory, which makes convolutions on a CPU about twice as fast.

    Layers keep the memory layout of their input. The bits of a result depend on it.
    """
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def weigh(window: Window | None, values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the weighted sums of a layer's neurons.

    Args:
        window: of a convolution; None for a dense layer, which flattens a map.
        values: float [batch, columns], or [batch, channels, height, width].
        weight: float [rows, columns], or [rows, channels, k, k].
        bias: float [rows], or None.

    Returns:
        float [batch, rows], or [batch, rows, height, width]. Without rows or columns, which torch does not support: the bias.
    """
    if window is None:
        return functional.linear(values.flatten(1), weight, bias)
    if weight.numel():
        if torch.is_autocast_enabled(values.device.type):  # a convolution batched by torch.func ignores autocast
            cast = torch.get_autocast_dtype(values.device.type)
            values, weight, bias = values.to(cast), weight.to(cast), None if bias is None else bias.to(cast)
        return functional.conv2d(values, weight, bias, window.stride, window.padding)
    sums = values.new_zeros(len(values), len(weight), *(window.positions(side) for side in values.shape[2:]))
    return sums if bias is None else sums + per_neuron(bias, sums)


def per_neuron(vector: Tensor, values: Tensor) -> Tensor:
    """Reshape a vector [neurons] to broadcast over ``values`` [batch, neurons] or [batch, neurons, height, width]."""
    return vector.reshape(1, -1, *(1,) * (values.ndim - 2))


def normalise(values: Tensor, vectors: Mapping[str, Tensor]) -> Tensor:
    """Apply BatchNorm with running statistics; return values without BatchNorm unchanged.

    Args:
        values: float [batch, neurons] or [batch, neurons, height, width].
        vectors: of the neurons, as in :class:`clnp_core.network.Rows`.
    """
    if "scale" not in vectors or not values.numel():
        return values
    mean, variance, scale, shift = (vectors[name] for name in ("mean", "variance", "scale", "shift"))
    return functional.batch_norm(values.to(mean.dtype), mean, variance, scale, shift, training=False, eps=BATCH_NORM_EPSILON)


def respond(layer: Layer, values: Tensor, weight: Tensor, vectors: Mapping[str, Tensor]) -> Tensor:
    """Return the activations of a layer in evaluation mode, before pooling: weights, running statistics, nonlinearity.

    Args:
        layer: the layer.
        values: the output of the layer below.
        weight: all or some rows of the layer.
        vectors: of the same neurons.
    """
    sums = weigh(layer.convolution, values, weight, vectors.get("bias"))
    return activate(normalise(sums, vectors), layer.activation)


def activate(values: Tensor, activation: Activation) -> Tensor:
    """Apply the nonlinearity elementwise."""
    return _FUNCTIONS[activation](values)


def pooled(pool: Pool | None, values: Tensor) -> Tensor:
    """Return the output of a layer: its activations, pooled if it has pooling: [batch, neurons, height, width]."""
    if pool is None:
        return values
    window = pool.window
    if not values.numel():
        return values.new_empty(*values.shape[:2], *(window.positions(side) for side in values.shape[2:]))
    if pool.kind is PoolKind.MAX:
        return functional.max_pool2d(values, window.kernel, window.stride, window.padding)
    return functional.avg_pool2d(values, window.kernel, window.stride, window.padding)


def output(window: Window | None, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the logits [batch, classes] of a head: dense, or a convolution averaged over its map (paper, Table 3)."""
    sums = weigh(window, values, weight, bias)
    return sums if window is None else sums.mean(dim=(2, 3))


_FUNCTIONS = {
    Activation.RELU: torch.relu,
    Activation.LEAKY_RELU: functional.leaky_relu,
    Activation.TANH: torch.tanh,
    Activation.SIGMOID: torch.sigmoid,
    Activation.GELU: functional.gelu,
    Activation.ELU: functional.elu,
    Activation.SILU: functional.silu,
}
