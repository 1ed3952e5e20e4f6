"""Read a ``torch.nn.Sequential`` as a chain.

    chain = read_chain(nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(28800, 10)))

Only the structure is read: the layers, their widths and their order. Weights are initialised by the training. Whatever a chain
cannot express (branches, shared weights, other modules, unusual options, and what :mod:`clnp_core.module_changes` lists) is
refused with its name and position, because a network that differs from the one described would be worse than none.

The order of a layer is weights, BatchNorm, nonlinearity, pooling, dropout. The last Linear is the output, or the last Conv2d
followed by AdaptiveAvgPool2d(1) and Flatten; its number of classes and its bias are ignored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import jit, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils.parametrize import is_parametrized

from clnp_core.architecture import Activation, Layer, Pool, PoolKind, Window
from clnp_core.errors import ConfigError
from clnp_core.layers import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM
from clnp_core.module_changes import refuse_changes, refuse_modes, refuse_shared_memory
from clnp_core.networks import Chain

_ACTIVATIONS: Mapping[type[nn.Module], tuple[Activation, Mapping[str, Any]]] = {
    nn.ReLU: (Activation.RELU, {}),
    nn.LeakyReLU: (Activation.LEAKY_RELU, {"negative_slope": 0.01}),
    nn.Tanh: (Activation.TANH, {}),
    nn.Sigmoid: (Activation.SIGMOID, {}),
    nn.GELU: (Activation.GELU, {"approximate": "none"}),
    nn.ELU: (Activation.ELU, {"alpha": 1.0}),
    nn.SiLU: (Activation.SILU, {}),
}
"""The nonlinearities, and the required values of their options."""

_COMPUTES = ("forward", "__call__", "_call_impl", "_wrapped_call_impl", "__iter__", "__getattribute__", "__getattr__")
"""The methods that determine what a Sequential computes."""

_ORDER = "the order of a layer is weights, BatchNorm, nonlinearity, pooling, dropout"
_NORM, _ACTIVATION, _POOL, _DROPOUT = range(1, 5)

_HINTS: Mapping[type[nn.Module], str] = {
    nn.AdaptiveAvgPool2d: "before a Linear, use AvgPool2d with the side of the map as its kernel; it averages the output of a "
                          "last Conv2d only",
    nn.AdaptiveMaxPool2d: "use MaxPool2d with the side of the map as its kernel",
    nn.DataParallel: "return its .module: the run decides how training is distributed",
    nn.Dropout2d: "use Dropout, which drops each value on its own",
    nn.Softmax: "leave it out: the loss and the accuracies take the logits",
    nn.LogSoftmax: "leave it out: the loss and the accuracies take the logits",
}
_KNOWN = (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, *_ACTIVATIONS, nn.MaxPool2d, nn.AvgPool2d, nn.Dropout,
          nn.Flatten, nn.Identity)
_HINT = (f"a chain consists of {', '.join(kind.__name__ for kind in _KNOWN)} and Sequentials of these; networks with branches "
         "are not supported yet")


@dataclass(frozen=True, slots=True)
class _Item:
    """One module, and its position: ``2.0`` is the first child of the third."""

    place: str
    module: Any

    def __str__(self) -> str:
        return f"module {self.place} ({type(self.module).__name__})"

    def has_only(self, options: Mapping[str, Any]) -> None:
        """Refuse options with a value that a chain does not support."""
        for name, only in options.items():
            found = getattr(self.module, name)
            if found != only:
                raise ConfigError(f"{self} has {name}={found!r}", f"a chain supports only {name}={only!r}")

    def side(self, name: str) -> int:
        """Return a size that may be given per axis, and must be the same for both."""
        value = getattr(self.module, name)
        sides = {value} if isinstance(value, int) else set(value)
        if len(sides) > 1:
            raise ConfigError(f"{self} has {name}={tuple(value)}", "windows of a chain must be square, with equal sides")
        return int(sides.pop())

    def window(self) -> Window:
        """Return the kernel, stride and padding."""
        if self.module.padding == "valid":
            return Window(self.side("kernel_size"), self.side("stride"), 0)
        if self.module.padding == "same":
            kernel = self.side("kernel_size")
            if kernel % 2 == 0:
                raise ConfigError(f"{self} pads its two sides differently: padding='same' with an even kernel",
                                  "use an odd kernel, or write the padding as a number")
            return Window(kernel, 1, kernel // 2)
        return Window(self.side("kernel_size"), self.side("stride"), self.side("padding"))


@dataclass(slots=True)
class _Block:
    """A layer being read: its weights, and the modules after them so far, by their rank in the order."""

    weights: _Item
    parts: dict[int, _Item] = field(default_factory=dict)
    flat: bool = False

    @property
    def convolves(self) -> bool:
        return isinstance(self.weights.module, nn.Conv2d)

    @property
    def neurons(self) -> int:
        module = self.weights.module
        return int(module.out_channels if self.convolves else module.out_features)

    def add(self, rank: int, item: _Item) -> None:
        """Add a module of the layer, if it is in the right order."""
        last = max(self.parts, default=0)
        if rank <= last:
            raise ConfigError(f"{item} follows {self.parts[last]}", f"{_ORDER}, each at most once: put {item} before it, or "
                                                                    "leave one of the two out")
        if rank > _ACTIVATION and _ACTIVATION not in self.parts:
            raise ConfigError(f"{item} comes before the nonlinearity of {self.weights}",
                              f"{_ORDER}: swap the two (a maximum and a ReLU commute), or add the nonlinearity")
        self.parts[rank] = item

    def layer(self) -> Layer:
        """Return the hidden layer that has been read."""
        if _ACTIVATION not in self.parts:
            raise ConfigError(f"no nonlinearity follows {self.weights}, a hidden layer",
                              f"put one after it or its BatchNorm, for example ReLU: {_ORDER}")
        if _NORM not in self.parts and self.weights.module.bias is None:
            raise ConfigError(f"{self.weights} has no bias and no BatchNorm, and a hidden layer has one of the two",
                              "set bias=True, or put a BatchNorm after it")
        pool = self.parts.get(_POOL)
        dropout = float(self.parts[_DROPOUT].module.p) if _DROPOUT in self.parts else 0.0
        return Layer(self.neurons, self.weights.window() if self.convolves else None, _NORM in self.parts,
                     _ACTIVATIONS[type(self.parts[_ACTIVATION].module)][0], _pool(pool) if pool else None, dropout)


def read_chain(module: nn.Module) -> Chain:
    """Return the chain that a Sequential describes.

    Raises:
        ConfigError: it is not a Sequential, or contains something that a chain cannot express; with its name and position.
    """
    if not _is_sequential(module):
        raise ConfigError(f"a {type(module).__name__} is not a torch.nn.Sequential",
                          _hint(module, "return a Sequential, or describe the layers as a clnp_core.networks.Chain; networks "
                                        "with branches are not supported yet"))
    refuse_changes(module, "the Sequential")
    items = list(_flattened(module, ""))
    for item in items:
        if type(item.module) not in (*_KNOWN, nn.AdaptiveAvgPool2d):
            raise _unreadable(item)
        refuse_changes(item.module, str(item))
    _refuse_sharing(items)
    refuse_modes({str(item): item.module for item in items}, module.training)
    items = [item for item in items if type(item.module) is not nn.Identity]
    places = [index for index, item in enumerate(items) if _has_weights(item)]
    if len(places) < 2:
        raise ConfigError(f"the Sequential has {'no layer' if not places else 'only one layer'} with weights",
                          "it needs at least one hidden layer and an output: at least two Linear or Conv2d")
    before, hidden, (output, *after) = items[:places[0]], items[places[0]:places[-1]], items[places[-1]:]
    for item in before:
        if type(item.module) is not nn.Flatten:
            raise ConfigError(f"{item} comes before the first weights",
                              "only Flatten may be there; normalise the data when it is loaded (training.normalize)")
        _check_flatten(item)
    blocks = _blocks(hidden, flat=bool(before))
    _check_joint(blocks[-1].weights, blocks[-1].flat, _Block(output))
    return Chain(tuple(block.layer() for block in blocks), _output(output, after))


def _flattened(module: nn.Module, prefix: str) -> Iterator[_Item]:
    """Yield the modules of nested Sequentials, in the order of their computation."""
    for name, child in module._modules.items():  # named_children() omits a module that occurs twice
        if child is None:
            raise ConfigError(f"module {prefix}{name} is None, which computes nothing",
                              "leave it out, or put an Identity there")
        if _is_sequential(child):
            refuse_changes(child, str(_Item(prefix + name, child)))
            yield from _flattened(child, f"{prefix}{name}.")
        else:
            yield _Item(prefix + name, child)


def _is_sequential(module: nn.Module) -> bool:
    """Return whether it is a Sequential, or a subclass that computes like one."""
    return isinstance(module, nn.Sequential) and all(getattr(type(module), name) is getattr(nn.Sequential, name)
                                                     for name in _COMPUTES)


def _has_weights(item: _Item) -> bool:
    """Return whether it has weights; subclasses may compute something else and do not count."""
    return type(item.module) in (nn.Linear, nn.Conv2d)


def _refuse_sharing(items: list[_Item]) -> None:
    """Check that every position has its own weights. A nonlinearity has none and may occur repeatedly."""
    first: dict[int, _Item] = {}
    for item in items:
        same = first.setdefault(id(item.module), item)
        if same is not item and any(True for _ in item.module.parameters()):
            raise ConfigError(f"{item} is {same} again: the two share their weights", "use a separate module in each place")
    refuse_shared_memory({str(item): item.module for item in items})


def _blocks(items: list[_Item], flat: bool) -> list[_Block]:
    """Return the hidden layers: each begins with its weights and ends before the next weights."""
    blocks: list[_Block] = []
    for item in items:
        module, kind = item.module, type(item.module)
        if _has_weights(item):
            block = _Block(item)
            if blocks:
                _check_joint(blocks[-1].weights, blocks[-1].flat, block)
            elif flat and block.convolves:
                raise ConfigError(f"{item} follows a Flatten, and a convolution needs a map", "remove the Flatten")
            if block.convolves:
                item.has_only({"groups": 1, "dilation": (1, 1), "padding_mode": "zeros"})
            blocks.append(block)
        elif kind is nn.Flatten:
            _check_flatten(item)
            if _ACTIVATION not in blocks[-1].parts:
                raise ConfigError(f"{item} comes before the nonlinearity of {blocks[-1].weights}",
                                  "put Flatten right before the Linear that reads it")
            blocks[-1].flat = True
        else:
            blocks[-1].add(_rank(item, blocks[-1]), item)
            if kind is nn.Dropout and not 0 <= module.p < 1:
                raise ConfigError(f"{item} drops everything", "its p must be at least 0 and less than 1")
    return blocks


def _rank(item: _Item, block: _Block) -> int:
    """Return the item's rank in the order of a layer, after checking its options."""
    kind = type(item.module)
    if kind in (nn.BatchNorm1d, nn.BatchNorm2d):
        if (kind is nn.BatchNorm2d) != block.convolves or item.module.num_features != block.neurons:
            raise ConfigError(f"{item} for {item.module.num_features} features does not fit {block.weights}",
                              f"use BatchNorm{2 if block.convolves else 1}d({block.neurons})")
        item.has_only({"eps": BATCH_NORM_EPSILON, "momentum": BATCH_NORM_MOMENTUM, "affine": True, "track_running_stats": True})
        return _NORM
    if kind in _ACTIVATIONS:
        item.has_only(_ACTIVATIONS[kind][1])
        return _ACTIVATION
    if kind in (nn.MaxPool2d, nn.AvgPool2d):
        if not block.convolves or block.flat:
            raise ConfigError(f"{item} pools after the map was flattened", "pool before Flatten, after a convolution")
        return _POOL
    if kind is nn.Dropout:
        return _DROPOUT
    raise _unreadable(item)


def _pool(item: _Item) -> Pool:
    if type(item.module) is nn.MaxPool2d:
        item.has_only({"ceil_mode": False, "return_indices": False})
        if item.side("dilation") != 1:
            raise ConfigError(f"{item} has dilation={item.module.dilation}", "a chain supports only dilation=1")
        return Pool(PoolKind.MAX, item.window())
    item.has_only({"ceil_mode": False, "count_include_pad": True, "divisor_override": None})
    return Pool(PoolKind.AVERAGE, item.window())


def _check_joint(below: _Item, flat: bool, block: _Block) -> None:
    """Check that the input of a layer fits the output of the one before it."""
    from_map, item = isinstance(below.module, nn.Conv2d), block.weights
    passed = int(below.module.out_channels if from_map else below.module.out_features)
    if block.convolves:
        if not from_map or flat:
            raise ConfigError(f"{item} follows {'a Flatten' if flat else below}, and a convolution needs a map",
                              "put convolutions before Flatten and Linear")
        fits = item.module.in_channels == passed
    elif from_map and not flat:
        raise ConfigError(f"{item} follows {below} without a Flatten", "put a Flatten between the two")
    else:
        # The sides of a flattened map are unknown here, but every channel must have a whole number of positions.
        fits = item.module.in_features % passed == 0 if from_map else item.module.in_features == passed
    if not fits:
        reads = item.module.in_channels if block.convolves else item.module.in_features
        raise ConfigError(f"{item} reads {reads:,} values, but {below} outputs {passed:,}{' channels' if from_map else ''}",
                          "make the two equal")


def _check_flatten(item: _Item) -> None:
    item.has_only({"start_dim": 1, "end_dim": -1})


def _output(output: _Item, after: list[_Item]) -> Window | None:
    """Return the window of a convolutional output; None for a dense one. The run determines classes and bias."""
    if type(output.module) is nn.Linear:
        for item in after:
            if type(item.module) is not nn.Flatten:
                raise ConfigError(f"{item} follows {output}, which is the last layer with weights and therefore the output",
                                  "remove it: the loss takes the logits")
        return None
    output.has_only({"groups": 1, "dilation": (1, 1), "padding_mode": "zeros"})
    averaged = [type(item.module) for item in after] == [nn.AdaptiveAvgPool2d, nn.Flatten]
    if not averaged or after[0].module.output_size not in (1, (1, 1)):
        raise ConfigError(f"{output} is the last layer with weights and therefore the output, but its map is not averaged",
                          "end with Conv2d, AdaptiveAvgPool2d(1), Flatten(); or with Flatten(), Linear")
    _check_flatten(after[1])
    return output.window()


def _unreadable(item: _Item) -> ConfigError:
    return ConfigError(f"{item} cannot be a layer of a chain", _hint(item.module, _HINT))


def _hint(module: nn.Module, otherwise: str) -> str:
    """Return what to do about a module of another type."""
    kind = type(module)
    if kind in _HINTS:
        return _HINTS[kind]
    if is_parametrized(module):
        return "remove its parametrization with torch.nn.utils.parametrize.remove_parametrizations"
    if isinstance(module, LazyModuleMixin):
        return "run a sample through the network before returning it, or give the sizes: a lazy module has no sizes yet"
    if isinstance(module, jit.ScriptModule) or kind.__name__ == "OptimizedModule":
        return "return the module before it was compiled: the run decides how to compute"
    if kind.__module__.startswith(("torch.ao.", "torch.nn.quantized", "torch.nn.qat", "torch.nn.intrinsic", "torchao.")):
        return "return the module before it was quantised: weights are stored in float32"
    return otherwise
