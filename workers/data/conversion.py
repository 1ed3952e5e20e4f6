"""Convert the arrays of a task to the plain tensors that trainings read, without loss, or refuse them.

Torch and NumPy have many kinds of arrays. Those whose values a plain tensor can represent exactly are converted: other layouts,
devices, strides and byte orders, names, subclasses that hold their own values, and types whose values float32 (for inputs) or
int64 (for labels) can represent. Everything that requires a decision (rounding, a mask, a gradient, missing values) is refused,
with what to do.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from clnp_core.errors import DataError

_EXACT_INPUTS = frozenset((
    torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16,
    torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz))
"""Types whose values float32 can represent."""

_EXACT_LABELS = frozenset((
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.bool))
"""Types whose values int64 can represent."""


def plain_inputs(where: str, inputs: object) -> Tensor:
    """Return the inputs of a split: float32, contiguous, on the CPU.

    Args:
        where: the name of the split in an error.
        inputs: what the task returned.

    Raises:
        DataError: it is not an array, or cannot be converted without loss.
    """
    return _plain(where, "inputs", inputs, torch.float32, _EXACT_INPUTS)


def plain_labels(where: str, labels: object) -> Tensor:
    """Return the labels of a split: int64, contiguous, on the CPU. Arguments and errors as in :func:`plain_inputs`."""
    return _plain(where, "labels", labels, torch.int64, _EXACT_LABELS)


def strided(where: str, what: str, given: "Tensor | np.ndarray[Any, Any]") -> Tensor:
    """Return the same values as a strided tensor on the CPU, with the same type.

    Args:
        where: the name of their container in an error.
        what: their name.
        given: a tensor or an array.

    Raises:
        DataError: they cannot be converted without loss.
    """
    return _of_numpy(where, what, given) if isinstance(given, np.ndarray) else _of_torch(where, what, given)


def whole_number(value: Any) -> int | None:
    """Return an integer of Python, NumPy or torch as an int; None for anything else, including booleans."""
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
        raise DataError(f"{where}: {what} are {tensor.dtype} {list(tensor.shape)}, and {wanted} cannot hold all their values",
                        f"convert them yourself: {_conversion(tensor, wanted)}")
    return tensor.to(wanted).contiguous(memory_format=torch.contiguous_format)


def _conversion(tensor: Tensor, wanted: torch.dtype) -> str:
    """Return the calls that convert a tensor of another type to the wanted type."""
    if tensor.is_complex() and wanted == torch.float32:
        return "torch.view_as_real(inputs).flatten(1).float() keeps both parts"
    if tensor.is_quantized:
        return ".dequantize() returns the numbers that the tensor represents"
    call, name = (".float()", "float32") if wanted == torch.float32 else (".long()", "int64")
    return f"{call} of a tensor, .astype(numpy.{name}) of an array"


def _of_numpy(where: str, what: str, array: "np.ndarray[Any, Any]") -> Tensor:
    """Return the same values; copied if torch cannot read the memory of the array, or if it is read-only."""
    if isinstance(array, np.ma.MaskedArray):
        raise DataError(f"{where}: {what} are a MaskedArray", "replace the masked values: array.filled(value)")
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
                        "give numbers that torch supports: inputs in float32, labels in int64") from None


def _of_torch(where: str, what: str, tensor: Tensor) -> Tensor:
    """Return the same values as a strided tensor on the CPU, without names, gradient or subclass."""
    with torch._C.DisableTorchFunctionSubclass():
        if tensor.requires_grad:
            raise DataError(f"{where}: {what} require a gradient", "call .detach() on them: data is not trained")
        if tensor.is_nested:
            raise DataError(f"{where}: {what} are a nested tensor", "give all samples one shape: torch.nested.to_padded_tensor")
        if type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__:
            raise DataError(f"{where}: {what} are a {type(tensor).__name__}, a subclass with more than its own values",
                            "return a plain torch.Tensor")
        if tensor.device.type == "meta":
            raise DataError(f"{where}: {what} are on the device meta, which holds no values", "create them on the CPU")
        try:
            return _strided(tensor)
        except (RuntimeError, NotImplementedError, MemoryError, TypeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{where}: {what} ({tensor.dtype}, {tensor.layout}, {tensor.device}) cannot be converted: {reason}",
                            "return a plain torch.Tensor on the CPU") from None


def _strided(tensor: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():
        tensor = tensor.detach()  # a plain tensor even for subclasses, whose functions are disabled
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        tensor = tensor.cpu()
        if any(getattr(tensor, "names", ())):
            tensor = getattr(tensor, "rename")(None)  # noqa: B009 - not all versions of torch have named tensors
        tensor = tensor.resolve_conj().resolve_neg()
        last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
        needed = (tensor.storage_offset() + last + 1) * tensor.element_size()
        if tensor.numel() and tensor.untyped_storage().nbytes() < needed:
            raise RuntimeError("its memory has been freed")
        return tensor.clone() if tensor.is_inference() else tensor
