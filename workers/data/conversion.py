"""What a task hands over, as the plain tensors that trainings read: converted without loss, or refused.

Torch and NumPy have many kinds of arrays. Those whose values a plain tensor holds exactly are converted: other layouts,
devices, strides and orders of bytes, names, subclasses that hold their own values, and types that float32 (of inputs) or int64
(of labels) contains. What takes a decision (rounding, a mask, a gradient, missing values) is refused, with what to do.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from clnp_core.errors import DataError

_EXACT_INPUTS = frozenset((
    torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16,
    torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz))
"""Types of which float32 holds every value."""

_EXACT_LABELS = frozenset((
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.bool))
"""Types of which int64 holds every value."""


def plain_inputs(where: str, inputs: object) -> Tensor:
    """The inputs of a split: float32, contiguous, on the CPU.

    Args:
        where: what to call the split in an error.
        inputs: what the task has given.

    Raises:
        DataError: it is no array, or cannot be converted without loss.
    """
    return _plain(where, "inputs", inputs, torch.float32, _EXACT_INPUTS)


def plain_labels(where: str, labels: object) -> Tensor:
    """The labels of a split: int64, contiguous, on the CPU. Arguments and errors are those of :func:`plain_inputs`."""
    return _plain(where, "labels", labels, torch.int64, _EXACT_LABELS)


def strided(where: str, what: str, given: "Tensor | np.ndarray[Any, Any]") -> Tensor:
    """The same values as a strided tensor on the CPU, of whatever type they are.

    Args:
        where: what to call what holds them in an error.
        what: what to call them.
        given: a tensor or an array.

    Raises:
        DataError: they cannot be converted without loss.
    """
    return _of_numpy(where, what, given) if isinstance(given, np.ndarray) else _of_torch(where, what, given)


def whole_number(value: Any) -> int | None:
    """A whole number of Python, NumPy or torch as an int; None for anything else, booleans included."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, Tensor) and value.dtype == torch.bool):
        return None
    try:
        return int(value.__index__())
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None


def _plain(where: str, what: str, given: object, wanted: torch.dtype, exact: frozenset[torch.dtype]) -> Tensor:
    if not isinstance(given, np.ndarray | Tensor):
        raise DataError(f"{where}: {what} are a {type(given).__name__}",
                        "a split is a clnp.Samples of two tensors, or of two arrays of NumPy")
    tensor = strided(where, what, given)
    if tensor.dtype not in exact:
        raise DataError(f"{where}: {what} are {tensor.dtype} {list(tensor.shape)}, and {wanted} does not hold all their values",
                        f"convert them yourself: {_conversion(tensor, wanted)}")
    return tensor.to(wanted).contiguous(memory_format=torch.contiguous_format)


def _conversion(tensor: Tensor, wanted: torch.dtype) -> str:
    """The calls that turn a tensor of another type into one of the type that is wanted."""
    if tensor.is_complex() and wanted == torch.float32:
        return "torch.view_as_real(inputs).flatten(1).float() keeps both parts"
    if tensor.is_quantized:
        return ".dequantize() returns the numbers that the tensor stands for"
    call, name = (".float()", "float32") if wanted == torch.float32 else (".long()", "int64")
    return f"{call} of a tensor, .astype(numpy.{name}) of an array"


def _of_numpy(where: str, what: str, array: "np.ndarray[Any, Any]") -> Tensor:
    """The same values; copied where torch cannot read the memory of the array, or nothing may write to it."""
    if isinstance(array, np.ma.MaskedArray):
        raise DataError(f"{where}: {what} are a MaskedArray", "fill what is masked: array.filled(value)")
    array = np.asarray(array)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    steps = array.strides if array.itemsize else ()
    if not array.flags.writeable or any(step < 0 or step % array.itemsize for step in steps):
        array = array.copy()
    try:
        return torch.from_numpy(array)
    except TypeError:
        raise DataError(f"{where}: {what} are an array of {array.dtype}",
                        "give numbers that torch knows: inputs in float32, labels in int64") from None


def _of_torch(where: str, what: str, tensor: Tensor) -> Tensor:
    """The same values as a strided tensor on the CPU, without names, gradient or subclass."""
    with torch._C.DisableTorchFunctionSubclass():
        if tensor.requires_grad:
            raise DataError(f"{where}: {what} require a gradient", "call .detach() on them: data is not trained")
        if tensor.is_nested:
            raise DataError(f"{where}: {what} are a nested tensor", "give all samples one shape: torch.nested.to_padded_tensor")
        if type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__:
            raise DataError(f"{where}: {what} are a {type(tensor).__name__}, a subclass that is more than its own values",
                            "return a plain torch.Tensor")
        if tensor.device.type == "meta":
            raise DataError(f"{where}: {what} are on the device meta, which holds no values", "make them on the CPU")
        try:
            return _strided(tensor)
        except (RuntimeError, NotImplementedError, MemoryError, TypeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{where}: {what} ({tensor.dtype}, {tensor.layout}, {tensor.device}) cannot be converted: {reason}",
                            "return a plain torch.Tensor on the CPU") from None


def _strided(tensor: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():
        tensor = tensor.detach()  # of a subclass, too, a plain tensor: its functions are disabled
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        tensor = tensor.cpu()
        if any(getattr(tensor, "names", ())):
            tensor = getattr(tensor, "rename")(None)  # noqa: B009 - named tensors come and go with torch's versions
        tensor = tensor.resolve_conj().resolve_neg()
        last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
        needed = (tensor.storage_offset() + last + 1) * tensor.element_size()
        if tensor.numel() and tensor.untyped_storage().nbytes() < needed:
            raise RuntimeError("its memory has been freed")
        return tensor.clone() if tensor.is_inference() else tensor
