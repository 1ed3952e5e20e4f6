"""What methods other than CLNP need to know beside the rest of a config."""

from typing import Annotated

from pydantic import Field

from orchestrator.config.numbers import Count, Float
from orchestrator.config.sweep_section import Section

Held = Annotated[Float, Field(ge=0)]


class Baseline(Section):
    """Settings of the methods that CLNP is held against."""

    strength: Held | None = Field(
        default=None, description="λ of ewc or c of si: how strongly earlier tasks hold the weights, a number of at least 0")
    fisher_samples: Count = Field(
        default=1000, description="training samples over which ewc averages the Fisher information of a task")
    batch: tuple[Count, ...] | None = Field(
        default=None, description="of joint: samples of each task in a batch, one number per task; null: in proportion to the "
                                  "tasks' sizes, training.batch_size in all")
