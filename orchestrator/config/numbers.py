"""Number types of the configuration: whole numbers in any notation, and numbers that float32 can represent."""

import math
import numbers
import struct
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

RECORDED = "recorded"
"""Key of the validation context: whether the config is the record of a run, which was validated when it was made."""

MAX_COUNT = 2**31 - 1
"""The largest whole number of a config: what an integer column of any supported database can hold."""

_MOST_EXACT = 2.0**53
"""The largest float up to which every whole number is exactly representable."""

_LARGEST, _SMALLEST = struct.unpack("<ff", bytes.fromhex("ffff7f7f") + bytes.fromhex("00008000"))
"""The largest finite number of float32, and its smallest positive one of full precision."""


def whole(value: object) -> object:
    """Convert whole numbers such as ``2.0``, ``1e1`` and NumPy integers to ``int`` if that is exact. Other values are returned
    unchanged, for the validation to reject."""
    number = real(value)
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) <= _MOST_EXACT else number


def real(value: object) -> object:
    """Convert a NumPy number to a Python number. Other values are returned unchanged, for the validation to reject."""
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _held_by_float32(value: float, info: ValidationInfo) -> float:
    """Refuse a number that becomes zero, subnormal or infinite in float32, in which networks compute."""
    if _is_recorded(info):
        return value
    if math.isfinite(value) and abs(value) > _LARGEST:
        raise PydanticCustomError("above_float32", "is above the range of float32")
    if 0 < abs(value) < _SMALLEST:
        raise PydanticCustomError("below_float32", "is below the range of float32")
    return value


def _below_one(value: float, info: ValidationInfo) -> float:
    """Refuse a share below 1 that rounds to 1 in float32."""
    if struct.unpack("<f", struct.pack("<f", value))[0] == 1 and not _is_recorded(info):
        raise PydanticCustomError("one_in_float32", "is 1 in float32")
    return value


def _is_recorded(info: ValidationInfo) -> bool:
    return isinstance(info.context, Mapping) and bool(info.context.get(RECORDED))


Float = Annotated[float, BeforeValidator(real), Field(strict=True, allow_inf_nan=False), AfterValidator(_held_by_float32)]
"""Any finite number in the range of float32."""

Share = Annotated[Float, Field(lt=1), AfterValidator(_below_one)]
"""A number that is below 1 in float32, too; a lower bound is the key's own."""

Integer = Annotated[int, Field(strict=True), BeforeValidator(whole)]
"""Any whole number."""

Count = Annotated[Integer, Field(ge=1, le=MAX_COUNT)]
