"""Graceful forgetting: how much validation accuracy pruning may cost, and which trial is chosen; points are exact decimals."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo, field_validator

from clnp_core.selection import Score, SelectionRule, ThresholdMode
from orchestrator.config.errors import show
from orchestrator.config.numbers import Integer, real
from orchestrator.config.sweep_section import Section

_PLAIN_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)


MOST_WEIGHT_POINTS = 10**9
"""Enough for one neuron of any network to outweigh all accuracy, so that the sparsest wins."""


def _exact_points(most: int) -> Callable[[Any], Decimal]:
    """Return a parser of exact decimals from 0 to ``most``. A float is read as its shortest decimal representation."""
    def read(given: object) -> Decimal:
        value = given if isinstance(given, Decimal) else real(given)
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise ValueError(f"must be a number, not {show(value)}")
        if isinstance(value, int) and not 0 <= value <= most:
            raise ValueError(f"must be between 0 and {most}, not {show(value)}")
        if isinstance(value, float | Decimal) and not 0 <= value <= most:
            raise ValueError(f"must be between 0 and {most}, not {value}")
        text = format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
        if not _PLAIN_DECIMAL.fullmatch(text):
            raise ValueError(f"must be a decimal number with at most 20 digits after the point, not {show(value)}")
        points = Decimal(text)
        if points > most:
            raise ValueError(f"must be between 0 and {most}, not {text}")
        return Decimal(points_text(points))
    return read


def points_text(points: Decimal) -> str:
    """Return the canonical text of points: ``0.05``, ``1``, never ``1.0`` or ``1E+1``. Equal points have equal texts."""
    text = format(points, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class SelectionSection(Section):
    """Graceful forgetting (paper §2.2): how much validation accuracy pruning may cost, and which trial is chosen."""

    margin_points: Annotated[Decimal, PlainValidator(_exact_points(100)), PlainSerializer(points_text, return_type=str)] = (
        Field(description="percentage points of validation accuracy that pruning may cost, 0 to 100"))
    threshold: ThresholdMode = Field(
        default=ThresholdMode.SHARED,
        description="shared prunes all layers at one threshold, per-layer raises each separately")
    score: Score = Field(
        default=Score.ACTIVITY,
        description="what of a neuron the threshold is compared with: mean activity, activity times outgoing weights, or the "
                    "first-order change of the loss")
    rule: SelectionRule = Field(
        default=SelectionRule.SPARSEST,
        description="sparsest chooses the sparsest network within the margin, trade-off weighs accuracy against free neurons")
    capacity_weight_points: Annotated[
        Decimal, PlainValidator(_exact_points(MOST_WEIGHT_POINTS)), PlainSerializer(points_text, return_type=str)
    ] | None = Field(
        default=None,
        description="cost of using a fair share of the free neurons, in percentage points, with the rule trade-off; null uses "
                    "margin_points")
    minimum_accuracy: Annotated[
        Decimal, PlainValidator(_exact_points(1)), PlainSerializer(points_text, return_type=str)] | None = Field(
        default=None,
        description="validation accuracy below which a task fails, a fraction from 0 to 1; null, the default, commits any")
    curve_points: Annotated[Integer, Field(ge=2, le=10_000)] = Field(
        default=100, description="points of the recorded threshold curve, a whole number from 2 to 10000")

    @field_validator("capacity_weight_points")
    @classmethod
    def _weight_of_a_trade_off(cls, weight: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if weight is not None and info.data.get("rule") is SelectionRule.SPARSEST:
            raise ValueError("cannot be used with the rule sparsest, which has no weight\n"
                             "remove it, or set selection.rule to trade-off")
        return weight

    @property
    def weight_points(self) -> Decimal | None:
        """Cost of a fair share of the free neurons, in percentage points; None for the rule sparsest."""
        if self.rule is SelectionRule.SPARSEST:
            return None
        return self.margin_points if self.capacity_weight_points is None else self.capacity_weight_points
