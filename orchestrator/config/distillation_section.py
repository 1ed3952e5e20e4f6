"""What fine-tuning learns from teachers in place of the labels (docs/distillation.md)."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from orchestrator.config.numbers import Count, Float, Share
from orchestrator.config.sweep_section import Section

DEFAULT_COPIES = 3


class Distillation(Section):
    """Fine-tuning on the logits of teachers, for clean and for mixed inputs."""

    temperature: Annotated[Float, Field(gt=0)] = Field(
        default=2.0, description="T, by which the logits of teacher and student are divided, a number above 0")
    cross_entropy: Annotated[Share, Field(ge=0)] = Field(
        default=0.0, description="share of the cross-entropy with the labels in the loss, at least 0 and below 1")
    mixing: Annotated[Float, Field(ge=0, le=1)] = Field(
        default=0.5,
        description="largest λ of a mixed input (1 - λ)·x₁ + λ·x₂, from 0 to 1; 0 mixes nothing")
    copies: Count = Field(
        default=DEFAULT_COPIES,
        description="mixed copies of the training set beside the clean one, a whole number of at least 1")

    @field_validator("copies")
    @classmethod
    def _only_where_inputs_are_mixed(cls, copies: int, info: ValidationInfo) -> int:
        if copies != DEFAULT_COPIES and info.data.get("mixing") == 0:
            raise ValueError("cannot be used with mixing 0, which mixes nothing\nremove it, or set mixing above 0")
        return copies
