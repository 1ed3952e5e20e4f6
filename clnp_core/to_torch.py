"""Convert one task of a network to a plain ``torch.nn.Sequential`` in evaluation mode, which does not need this project.

    small = plain_module(extract(network, task), task)

This also works for the whole network, which then also computes what the task does not need.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from clnp_core.architecture import Activation, HeadKind, Pool, PoolKind, Window
from clnp_core.heads import neurons_read_by
from clnp_core.layers import BATCH_NORM_EPSILON
from clnp_core.network import Network, Rows, column_mask

MODULES: Mapping[Activation, type[nn.Module]] = {
    Activation.RELU: nn.ReLU,
    Activation.LEAKY_RELU: nn.LeakyReLU,
    Activation.TANH: nn.Tanh,
    Activation.SIGMOID: nn.Sigmoid,
    Activation.GELU: nn.GELU,
    Activation.ELU: nn.ELU,
    Activation.SILU: nn.SiLU,
}
"""The module of every nonlinearity, with torch's defaults."""


class Scaled(nn.Module):
    """``(values − shift) / scale``, the first step of a module that takes unnormalised values."""

    shift: Tensor
    scale: Tensor

    def __init__(self, shift: Sequence[float], scale: Sequence[float]) -> None:
        """Create it with one number for all values, or one for each channel of images."""
        super().__init__()
        shape = () if len(shift) == 1 else (len(shift), 1, 1)
        self.register_buffer("shift", torch.tensor(shift, dtype=torch.float32).reshape(shape))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32).reshape(shape))

    def forward(self, values: Tensor) -> Tensor:
        """Scale float32 [batch, values] or [batch, channels, height, width]; the shape stays the same."""
        return (values - self.shift) / self.scale


def plain_module(network: Network, task: int, first: Sequence[nn.Module] = ()) -> nn.Sequential:
    """Return modules of torch that compute the canonical evaluation of ``task``, up to rounding.

    There is no dropout, and there are no masks: a single head has zeros for the neurons that the task does not read, and free
    neurons have no effect, because the commit proved their outgoing weights to be zero.

    Args:
        network: committed, whole or reduced by :func:`clnp_core.compact.extract`.
        task: counted from 1.
        first: modules that come before the first layer.

    Returns:
        A module in evaluation mode without gradients that shares no memory with the network, from float32
        [batch, *input shape] to float32 [batch, classes]. Layers are named by kind and number, counted from 1.
    """
    architecture = network.architecture
    steps = OrderedDict((f"first_{number}", module) for number, module in enumerate(first, start=1))
    is_map = len(architecture.input_shape) > 1
    for index, (layer, rows) in enumerate(zip(architecture.layers, network.hidden, strict=True)):
        number = index + 1
        if is_map and layer.convolution is None:
            steps["flatten"] = nn.Flatten()
            is_map = False
        steps[f"{'conv' if is_map else 'dense'}_{number}"] = _weights(layer.convolution, rows.weight, rows.vectors.get("bias"))
        if layer.batch_norm:
            steps[f"norm_{number}"] = _norm(rows, is_map)
        steps[f"{layer.activation}_{number}"] = MODULES[layer.activation]()
        if layer.pool is not None:
            steps[f"{layer.pool.kind}_pool_{number}"] = _pool(layer.pool)
    if is_map and architecture.output is None:
        steps["flatten"] = nn.Flatten()
    steps["output"] = _weights(architecture.output, _head_weight(network, task), network.head(task).bias)
    if architecture.output is not None:
        steps["average"], steps["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(steps).eval().requires_grad_(False)


def _head_weight(network: Network, task: int) -> Tensor:
    """Return the weight of the task's head; columns of a single head that the task does not read are zero."""
    weight = network.head(task).weight
    if network.architecture.head is HeadKind.MULTI:
        return weight
    unread = ~neurons_read_by(network.architecture, network.activated_by[-1], task)
    weight = weight.clone()
    weight[:, column_mask(network.architecture, network.architecture.depth, unread)] = 0.0
    return weight


def _weights(window: Window | None, weight: Tensor, bias: Tensor | None) -> nn.Module:
    rows, columns = weight.shape[:2]
    module = nn.Linear(columns, rows, bias is not None, device="meta") if window is None else nn.Conv2d(
        columns, rows, window.kernel, window.stride, window.padding, bias=bias is not None, device="meta")
    return _holding(module, {"weight": weight} | ({} if bias is None else {"bias": bias}))


def _norm(rows: Rows, is_map: bool) -> nn.Module:
    kind = nn.BatchNorm2d if is_map else nn.BatchNorm1d
    found = rows.vectors
    return _holding(kind(len(rows.weight), eps=BATCH_NORM_EPSILON, device="meta"), {
        "weight": found["scale"], "bias": found["shift"], "running_mean": found["mean"], "running_var": found["variance"],
        "num_batches_tracked": torch.tensor(0)})


def _pool(pool: Pool) -> nn.Module:
    kind = nn.MaxPool2d if pool.kind is PoolKind.MAX else nn.AvgPool2d
    return kind(pool.window.kernel, pool.window.stride, pool.window.padding)


def _holding(module: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Return a module created without values, with copies of these tensors; torch's generator is not used."""
    module.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, assign=True)
    return module
