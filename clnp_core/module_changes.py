"""Refuse changes to a torch module that a chain cannot express, with the module's name.

A module of a known type computes what its type suggests only if the object was not changed by hooks, replaced methods,
parametrizations, tied or frozen parameters, other dtypes and layouts, or additional parameters and buffers. Changes that do not
affect what is computed or learnt are accepted: the values of the weights, the device, the memory format, compiled calls, and
hooks that only save and load.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.nn.utils.parametrize import is_parametrized

from clnp_core.errors import ConfigError

_PLAIN = "return the module as torch creates it"

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

_PARAMETERS: Mapping[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("weight", "bias"), nn.Conv2d: ("weight", "bias"), nn.BatchNorm1d: ("weight", "bias"),
    nn.BatchNorm2d: ("weight", "bias")}
_BUFFERS: Mapping[type[nn.Module], tuple[str, ...]] = {
    kind: ("running_mean", "running_var", "num_batches_tracked") for kind in (nn.BatchNorm1d, nn.BatchNorm2d)}


def refuse_changes(module: nn.Module, name: str) -> None:
    """Refuse a module that was changed.

    Args:
        module: of a type that a chain supports, or a Sequential.
        name: its name for the message.

    Raises:
        ConfigError: it was changed; names the change.
    """
    if is_parametrized(module):
        raise ConfigError(f"{name} has a parametrization", "remove it with torch.nn.utils.parametrize.remove_parametrizations")
    if any(getattr(modules, f"_global{kind}") for kind in _HOOKS):
        raise ConfigError(f"{name} is affected by hooks that are registered for all modules of torch",
                          "call remove() on the handles that register_module_forward_hook and similar functions returned")
    if any(getattr(module, kind) for kind in _HOOKS):
        raise ConfigError(f"{name} has hooks, which change what it computes or learns",
                          "return the plain module: prune.remove, remove_weight_norm and remove_spectral_norm undo the hooks "
                          "of torch.nn.utils")
    for attribute, value in vars(module).items():
        if callable(value) and callable(getattr(type(module), attribute, None)):
            raise ConfigError(f"{name} has a replaced {attribute}", _PLAIN)
    _refuse_what_is_not_its_own(module, name)
    for kept, tensor in _tensors(module):
        _refuse_odd_tensor(module, kept, tensor, f"{name} has a {kept}")


def refuse_modes(modules: Mapping[str, nn.Module], training: bool) -> None:
    """Refuse a Dropout or a BatchNorm in another mode than the whole network, with its name."""
    for name, module in modules.items():
        if module.training is not training and isinstance(module, nn.Dropout | nn.BatchNorm1d | nn.BatchNorm2d):
            mode = "training" if module.training else "evaluation"
            raise ConfigError(f"{name} is in {mode} mode, but the whole network is not",
                              "do not change the mode of single modules: a run trains and evaluates all layers together")


def refuse_shared_memory(modules: Mapping[str, nn.Module]) -> None:
    """Refuse tensors that share memory, such as tied weights; ``modules`` by their names."""
    spans = [(name, kept, *_span(tensor)) for name, module in modules.items() for kept, tensor in _tensors(module)
             if tensor.numel()]
    for (first, its, place, start, end), (second, other, place_2, start_2, end_2) in combinations(spans, 2):
        if place == place_2 and start < end_2 and start_2 < end:
            raise ConfigError(f"{second} shares the memory of its {other} with the {its} of {first}",
                              "use a separate tensor for every position: a run initialises and trains them separately")


def _refuse_what_is_not_its_own(module: nn.Module, name: str) -> None:
    """Refuse additional parameters, buffers and modules, and missing ones."""
    kind = type(module)
    expected, buffers = _PARAMETERS.get(kind, ()), _BUFFERS.get(kind, ())
    held: list[tuple[str, Mapping[str, object], tuple[str, ...]]] = [
        ("parameter", module._parameters, expected), ("buffer", module._buffers, buffers)]
    if not isinstance(module, nn.Sequential):
        held.append(("module", module._modules, ()))
    for what, found, known in held:
        extra = next((key for key, value in found.items() if value is not None and key not in known), None)
        if extra is not None:
            raise ConfigError(f"{name} has a {what} {extra!r}, which a {kind.__name__} does not have", _PLAIN)
    gone = [key for key in expected if key not in module._parameters] + [key for key in buffers if key not in module._buffers]
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        gone += [key for key in expected if module.affine and module._parameters.get(key) is None]
        gone += [key for key in buffers if module.track_running_stats and module._buffers.get(key) is None]
    elif "weight" in expected and module._parameters.get("weight") is None:
        gone.append("weight")
    if gone:
        raise ConfigError(f"{name} has no {'buffer' if gone[0] in buffers else 'parameter'} {gone[0]!r}", _PLAIN)


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and running statistics with their names."""
    for kept, tensor in (*module._parameters.items(), *module._buffers.items()):
        if tensor is not None and kept != "num_batches_tracked":
            yield kept, tensor


def _refuse_odd_tensor(module: nn.Module, kept: str, tensor: Tensor, what: str) -> None:
    learns = kept in module._parameters
    if type(tensor) is not (nn.Parameter if learns else Tensor):
        raise ConfigError(f"{what} that is a {type(tensor).__name__}", _PLAIN)
    if tensor.dtype != torch.float32:
        raise ConfigError(f"{what} in {tensor.dtype}", "return it in float32, in which weights are stored; training.precision "
                                                       "sets the precision of a step's products")
    if tensor.layout != torch.strided:
        raise ConfigError(f"{what} with the layout {tensor.layout}", _PLAIN)
    shape = _shape(module, kept)
    if shape is not None and tuple(tensor.shape) != shape:
        raise ConfigError(f"{what} of shape {list(tensor.shape)}, but its options give {list(shape)}", _PLAIN)
    if any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True)):
        raise ConfigError(f"{what} whose values share memory with each other", "allocate separate memory for every weight")
    if learns and not tensor.requires_grad:
        raise ConfigError(f"{what} with requires_grad=False",
                          "leave requires_grad on: a run trains everything that no earlier task has frozen")
    if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
        raise ConfigError(f"{what} with hooks, which change what it learns", "return the plain module")


def _shape(module: nn.Module, kept: str) -> tuple[int, ...] | None:
    """Return the shape of a tensor according to the options of its module; None for options that are refused elsewhere."""
    if isinstance(module, nn.Linear):
        return (module.out_features, module.in_features) if kept == "weight" else (module.out_features,)
    if isinstance(module, nn.Conv2d):
        if kept == "bias":
            return (module.out_channels,)
        size: object = module.kernel_size
        kernel = (size, size) if isinstance(size, int) else module.kernel_size
        return (module.out_channels, module.in_channels, *kernel) if module.groups == 1 else None
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return (module.num_features,)
    return None


def _span(tensor: Tensor) -> tuple[object, int, int]:
    """Return the location of a tensor: its memory, first byte and last byte. Empty tensors are located in their storage."""
    storage, size = tensor.untyped_storage(), tensor.element_size()
    start = int(tensor.storage_offset()) * size
    steps = sum((length - 1) * int(stride) for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    end = start + size * (1 + steps)
    address = storage.data_ptr()
    place = (str(tensor.device), 0) if address else (str(tensor.device), storage._cdata)
    return place, address + start, address + end
