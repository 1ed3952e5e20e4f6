"""How one trial trains."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from orchestrator.config.choices import Normalization, OptimizerKind, Precision
from orchestrator.config.numbers import Count, Float, Share
from orchestrator.config.sweep_section import Section

NotNegative = Annotated[Float, Field(ge=0)]


def _derived_momentum(data: Mapping[str, Any]) -> float:
    return 0.9 if data.get("optimizer") is OptimizerKind.SGD else 0.0


class Training(Section):
    """How one trial trains."""

    optimizer: OptimizerKind = Field(
        default=OptimizerKind.ADAM, description="a fresh one for every task")
    momentum: Annotated[Share, Field(ge=0)] = Field(
        default_factory=_derived_momentum, json_schema_extra={"default": "0.9 for sgd, else 0.0"},
        description="momentum of sgd, at least 0 and below 1; null takes the default")
    weight_decay: NotNegative = Field(default=0.0, description="L2 decay per step, a number of at least 0")
    batch_size: Count = Field(default=256, description="training samples per step, a whole number of at least 1")
    epochs: Count = Field(description="passes over the training data, a whole number of at least 1")
    milestones: tuple[Count, ...] = Field(
        default=(),
        description="epochs after which the learning rate is multiplied by gamma, a rising list below epochs")
    gamma: Annotated[Float, Field(gt=0, le=1)] = Field(
        default=0.1, description="factor on the learning rate at each milestone, above 0 and at most 1")
    early_stopping_patience: Count | None = Field(
        default=None,
        description="epochs without a better validation accuracy after which a trial ends, at least 1; null for never")
    precision: Precision = Field(
        default=Precision.FLOAT32,
        description="of a step's products: float32, or with weights and optimizer in float32 tf32 (on a GPU) or bfloat16")
    normalize: Normalization = Field(
        default=Normalization.UNIT,
        description="unit scales inputs to 0..1, standard to mean 0 and deviation 1 over the training data")

    @field_validator("momentum", mode="before")
    @classmethod
    def _null_is_derived(cls, value: Any, info: ValidationInfo) -> Any:
        return _derived_momentum(info.data) if value is None else value

    @field_validator("momentum")
    @classmethod
    def _only_sgd(cls, momentum: float, info: ValidationInfo) -> float:
        optimizer = info.data.get("optimizer")
        if momentum and optimizer is not None and not optimizer.has_momentum:
            raise ValueError(f"has no meaning with the optimizer {optimizer}\n"
                             "remove it, or set training.optimizer to sgd")
        return momentum

    @field_validator("milestones")
    @classmethod
    def _rising_below_epochs(cls, milestones: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in pairwise(milestones)):
            raise PydanticCustomError("rising", "must rise from entry to entry")
        epochs = info.data.get("epochs")
        if milestones and epochs is not None and milestones[-1] >= epochs:
            raise ValueError(f"{milestones[-1]} would never take effect: training ends with epoch {epochs}\n"
                             "drop it, or raise training.epochs")
        return milestones
