"""Graceful forgetting: how much validation accuracy pruning may cost, as an exact decimal."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator

from clnp_core.selection import ThresholdMode
from orchestrator.configuration.errors import show
from orchestrator.configuration.sweep import Section

_PLAIN_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)


def _exact_points(value: Any) -> Decimal:
    """An exact decimal. A float means the digits that it was written with: its shortest decimal form."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"must be a number, not {show(value)}")
    if isinstance(value, int) and not 0 <= value <= 100:
        raise ValueError(f"must be between 0 and 100, not {show(value)}")
    if isinstance(value, float | Decimal) and not 0 <= value <= 100:
        raise ValueError(f"must be between 0 and 100, not {value}")
    text = format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise ValueError(f"must be a decimal number with at most 20 digits after the point, not {show(value)}")
    points = Decimal(text)
    if points > 100:
        raise ValueError(f"must be between 0 and 100, not {text}")
    return Decimal(points_text(points))


def points_text(points: Decimal) -> str:
    """The canonical text of a margin: ``0.05``, ``1``, never ``1.0`` or ``1E+1``. Equal margins have equal texts."""
    text = format(points, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Selection(Section):
    """Graceful forgetting (paper §2.2): how much validation accuracy pruning may cost, and where."""

    margin_points: Annotated[Decimal, PlainValidator(_exact_points), PlainSerializer(points_text, return_type=str)] = (
        Field(description="percentage points of validation accuracy that pruning may cost, 0 to 100"))
    threshold: ThresholdMode = Field(
        default=ThresholdMode.SHARED,
        description="shared prunes all layers at one threshold, per-layer raises each on its own")
    curve_points: Annotated[int, Field(strict=True, ge=2, le=10_000)] = Field(
        default=100, description="points of the recorded threshold curve, a whole number from 2 to 10000")
