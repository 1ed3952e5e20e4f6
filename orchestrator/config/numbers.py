"""Kinds of numbers that a configuration holds: whole ones, however they are written, and those that float32 holds."""

import math
import numbers
import struct
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

RECORDED = "recorded"
"""Under this name the validation's context says whether the config is a run's record, which was checked when it was made."""

MAX_COUNT = 2**31 - 1
"""The largest whole number of a config: what every database column can hold."""

_MOST_EXACT = 2.0**53
"""The largest float below which every whole number is a float of its own."""

_LARGEST, _SMALLEST = struct.unpack("<ff", bytes.fromhex("ffff7f7f") + bytes.fromhex("00008000"))
"""The largest finite number of float32, and its smallest positive one of full precision."""


def whole(value: object) -> object:
    """The same number as an ``int`` where it is whole and nothing is lost: ``2.0`` and ``1e1`` are whole numbers, and so are
    those of NumPy. Anything else as it is, for the validation to judge."""
    number = real(value)
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) <= _MOST_EXACT else number


def real(value: object) -> object:
    """A number of NumPy as one of Python. Anything else as it is, for the validation to judge."""
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _held_by_float32(value: float, info: ValidationInfo) -> float:
    """Networks compute in float32: a number that it takes for another one would not mean what is written."""
    if _is_recorded(info):
        return value
    if math.isfinite(value) and abs(value) > _LARGEST:
        raise PydanticCustomError("above_float32", "is above what float32 holds")
    if 0 < abs(value) < _SMALLEST:
        raise PydanticCustomError("below_float32", "is below what float32 holds")
    return value


def _below_one(value: float, info: ValidationInfo) -> float:
    """A share below 1 that is 1 in float32 would be all there is."""
    if struct.unpack("<f", struct.pack("<f", value))[0] == 1 and not _is_recorded(info):
        raise PydanticCustomError("one_in_float32", "is 1 in float32")
    return value


def _is_recorded(info: ValidationInfo) -> bool:
    return isinstance(info.context, Mapping) and bool(info.context.get(RECORDED))


Float = Annotated[float, BeforeValidator(real), Field(strict=True, allow_inf_nan=False), AfterValidator(_held_by_float32)]
"""Any number that float32 can tell from 0 and from infinity."""

Share = Annotated[Float, Field(lt=1), AfterValidator(_below_one)]
"""A number that is below 1 in float32, too; a lower bound is the key's own."""

Integer = Annotated[int, Field(strict=True), BeforeValidator(whole)]
"""Any whole number."""

Count = Annotated[Integer, Field(ge=1, le=MAX_COUNT)]
