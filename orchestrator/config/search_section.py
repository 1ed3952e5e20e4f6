"""The search for the sparsest network that is within the margin after fine-tuning (docs/distillation.md)."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from clnp_core.selection import Score
from orchestrator.config.errors import show
from orchestrator.config.numbers import MAX_COUNT, Count, Float, Integer
from orchestrator.config.sweep_section import Section

Epochs = Annotated[Integer, Field(ge=0, le=MAX_COUNT)]


class SearchReference(StrEnum):
    """What the margin of a search is counted from."""

    TEACHERS = "teachers"
    TRIALS = "trials"


def _whole_from_one_on(step: float) -> float:
    if step >= 1 and not step.is_integer():
        raise ValueError(f"must be a whole number from 1 on, not {show(step)}\n"
                         f"use {int(step)} neurons, or a share below 1 of those that are left")
    return step


class SearchSection(Section):
    """Gradual cuts, each fine-tuned, down to the sparsest network within the margin."""

    reference: SearchReference | None = Field(
        default=None,
        description="what the margin is counted from: teachers, the best of them and of the trials, or trials; null takes "
                    "teachers where there are any")
    score: Score = Field(
        default=Score.TAYLOR,
        description="what neurons are ranked by for a cut, over all layers: activity, outgoing or taylor")
    step: Annotated[Float, Field(gt=0, le=MAX_COUNT), AfterValidator(_whole_from_one_on)] = Field(
        default=0.07,
        description="neurons that a cut removes, a whole number of at least 1, or below 1 the share of those that are left")
    epochs_per_cut: Count = Field(
        default=6, description="passes over the training data after each cut, a whole number of at least 1")
    extra_epochs: Epochs = Field(
        default=6,
        description="further passes of a candidate that misses the margin, a whole number of at least 0; 0 for none")
    patience: Epochs = Field(
        default=3, description="cuts that are tried beyond a miss, a whole number of at least 0")
    final_epochs: Epochs = Field(
        default=0, description="further passes of the chosen candidate, a whole number of at least 0; 0 for none")
