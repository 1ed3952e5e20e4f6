"""The network that all tasks of a run share."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.networks import dense_chain
from orchestrator.configuration.sweep import Count, Section


def _derived_bias(data: Mapping[str, Any]) -> bool:
    return data.get("head") is HeadKind.MULTI


class Network(Section):
    """The fully connected network that all tasks share."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = Field(
        description="neurons of each hidden layer, a list of whole numbers of at least 1")
    activation: Activation = Field(default=Activation.RELU, description="the nonlinearity of every hidden layer")
    head: HeadKind = Field(
        default=HeadKind.SINGLE,
        description="multi gives every task its own output layer, single shares one with a mask per task")
    head_bias: Annotated[bool, Field(strict=True)] = Field(
        default_factory=_derived_bias, json_schema_extra={"default": "true for multi, else false"},
        description="true or false; null takes true for a multi-head and false for a single-head network")

    @field_validator("head_bias", mode="before")
    @classmethod
    def _null_is_derived(cls, value: Any, info: ValidationInfo) -> Any:
        return _derived_bias(info.data) if value is None else value

    @field_validator("head_bias")
    @classmethod
    def _single_has_none(cls, bias: bool, info: ValidationInfo) -> bool:
        if bias and info.data.get("head") is HeadKind.SINGLE:
            raise ValueError("must be false with a single head: all tasks would share the bias, and forget\n"
                             "remove it, or set network.head to multi")
        return bias

    @property
    def layers(self) -> int:
        """Hidden layers and the output: how many values a per-layer α has."""
        return len(self.hidden) + 1

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return self.hidden

    def architecture(self, input_shape: Sequence[int], classes: int) -> Architecture:
        """The network for samples of this shape and ``classes`` classes per task."""
        return dense_chain(self.hidden, self.activation).architecture(input_shape, classes, self.head, self.head_bias)
