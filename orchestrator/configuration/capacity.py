"""What happens when the network is full."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from orchestrator.config.choices import OnDepletion
from orchestrator.config.numbers import Count, Share
from orchestrator.config.sweep_section import Section


class Capacity(Section):
    """What happens when the network is full."""

    on_depletion: OnDepletion = Field(
        default=OnDepletion.STOP, description="stop ends the run, widen adds free neurons and goes on")
    widen_by: Count | None = Field(
        default=None, validate_default=True,
        description="neurons added to each depleted layer, a whole number of at least 1")
    widen_below: Annotated[Share, Field(ge=0)] = Field(
        default=0.0,
        description="share of free neurons below which a layer counts as depleted, at least 0 and below 1; 0: none is left")

    @field_validator("widen_by")
    @classmethod
    def _with_widen(cls, neurons: int | None, info: ValidationInfo) -> int | None:
        action = info.data.get("on_depletion")
        if action is None:
            return neurons
        if action.widens and neurons is None:
            raise ValueError("is missing, and capacity.on_depletion widen needs it")
        if not action.widens and neurons is not None:
            raise ValueError("has no meaning with capacity.on_depletion stop\nremove it, or set on_depletion to widen")
        return neurons

    @field_validator("widen_below")
    @classmethod
    def _bounds_widening(cls, share: float, info: ValidationInfo) -> float:
        action = info.data.get("on_depletion")
        if share and action is not None and not action.widens:
            raise ValueError("has no meaning with capacity.on_depletion stop\nremove it, or set on_depletion to widen")
        return share + 0.0  # -0.0 is 0.0, and must digest like it
