"""What a trial may use and for how long, and the batch of every evaluation."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from orchestrator.config.errors import show
from orchestrator.config.numbers import MAX_COUNT, Count, Float, Integer
from orchestrator.config.sweep_section import Section

Whole = Annotated[Integer, Field(ge=0, le=MAX_COUNT)]
Positive = Annotated[Float, Field(gt=0)]


class Evaluation(Section):
    """The canonical evaluation, whose bits depend on its batch size."""

    batch_size: Count = Field(default=1000, description="samples per evaluation batch, a whole number of at least 1")


def _derived_threads(data: Mapping[str, Any]) -> int:
    return max(1, int(data.get("cpus_per_trial", 1.0)))


def _as_ray_counts(quantity: float) -> float:
    """Ray counts devices in steps of 0.0001."""
    if round(quantity, 4) != quantity:
        raise ValueError(f"must have at most 4 decimals, not {show(quantity)}\nuse {show(max(round(quantity, 4), 0.0001))}")
    return quantity


def _whole_above_one(quantity: float) -> float:
    if quantity > 1 and not quantity.is_integer():
        raise ValueError(f"must be a whole number above 1, not {show(quantity)}\n"
                         f"use {math.floor(quantity)} or {math.ceil(quantity)}; below 1, any share will do")
    return quantity


class Resources(Section):
    """What a trial may use, and for how long."""

    cpus_per_trial: Annotated[Float, Field(gt=0, le=MAX_COUNT), AfterValidator(_as_ray_counts)] = Field(
        default=1.0, description="CPU cores per trial, a number above 0")
    gpus_per_trial: Annotated[Float, Field(ge=0, le=MAX_COUNT), AfterValidator(_as_ray_counts),
                              AfterValidator(_whole_above_one)] = Field(
        default=0.0, description="GPUs per trial, at least 0, whole above 1; a share such as 0.25 lets trials share one")
    trials_per_pack: Count = Field(
        default=1,
        description="trials of a grid that one GPU trains as one batched computation, at least 1; what a trial may use is then "
                    "what a pack may use")
    max_concurrent_trials: Count | None = Field(
        default=None, description="trials or packs at the same time, at least 1; null is as many as the machines hold")
    trial_time_limit_seconds: Positive | None = Field(
        default=None,
        description="seconds after which a trial or a pack is ended and counts as failed, above 0; null is no limit")
    sweep_time_limit_seconds: Positive | None = Field(
        default=None, description="seconds after which a task's sweep is ended, above 0; null is no limit")
    checkpoint_every_seconds: Positive | None = Field(
        default=300.0, description="seconds of training between two checkpoints of a trial, above 0; null is no checkpoints")
    stop_time_limit_seconds: Annotated[Float, Field(ge=0)] = Field(
        default=20.0,
        description="seconds that a run which is asked to stop waits for running trainings to write a checkpoint, at least 0")
    job_time_limit_seconds: Positive | None = Field(
        default=None,
        description="seconds after which a job between trials ends the stage as failed, above 0; null is no limit")
    retries: Whole = Field(
        default=2,
        description="how often a trial is tried again after its machine was lost, a whole number of at least 0")
    database_patience_seconds: Annotated[Float, Field(ge=0)] = Field(
        default=600.0,
        description="seconds that a driver waits for a database that is away before it ends, at least 0")
    threads_per_trial: Count = Field(
        default_factory=_derived_threads, json_schema_extra={"default": "cpus_per_trial rounded down, at least 1"},
        description="CPU threads of a trial's arithmetic, at least 1; null takes cpus_per_trial, rounded down")

    @field_validator("threads_per_trial", mode="before")
    @classmethod
    def _null_is_derived(cls, value: Any, info: ValidationInfo) -> Any:
        return _derived_threads(info.data) if value is None else value
