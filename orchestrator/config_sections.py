"""The sections of a configuration, except the sweep: each says what it takes, in which unit, and what it refuses.

A field's description is the hint of every error at that key, so it names the unit and the range.
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, ValidationInfo, field_validator

from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.selection import ThresholdMode
from orchestrator.config_choices import Normalization, OnDepletion, OptimizerKind
from orchestrator.config_errors import nearest, show
from orchestrator.config_sweep import MAX_COUNT, Count, Section
from workers.spec import BUILT_IN_BENCHMARKS

_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_PLAIN_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
_MAX_JSON_INT = 2**63 - 1

Whole = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class Benchmark(Section):
    """The sequence of tasks."""

    name: str = Field(
        strict=True,
        description=f"one of {', '.join(BUILT_IN_BENCHMARKS)}, or module:callable for a benchmark of your own")
    tasks: Count = Field(description="tasks in the sequence, a whole number of at least 1")
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="arguments for a benchmark of your own: text, numbers, booleans, null, lists and sections of these")
    validation_fraction: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = Field(
        default=None,
        description="share of the training data held out for validation, between 0 and 1; null takes the benchmark's own")

    @field_validator("name")
    @classmethod
    def _known_or_importable(cls, name: str) -> str:
        if name in BUILT_IN_BENCHMARKS or _IMPORT_PATH.fullmatch(name):
            return name
        if ":" in name:
            raise ValueError(f"{show(name)} is no import path\nwrite module:callable, for example my_lab.tasks:make")
        raise ValueError(f"there is no benchmark {show(name)}\n{nearest(name, BUILT_IN_BENCHMARKS)}; "
                         "a benchmark of your own is written module:callable")

    @field_validator("tasks")
    @classmethod
    def _as_many_as_there_are(cls, tasks: int, info: ValidationInfo) -> int:
        known = BUILT_IN_BENCHMARKS.get(info.data.get("name", ""))
        limit = known.tasks if known else None
        if limit is not None and tasks > limit:
            raise ValueError(f"must be at most {limit} with {info.data['name']}, not {tasks}")
        return tasks

    @field_validator("params")
    @classmethod
    def _only_for_own(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if params and info.data.get("name") in BUILT_IN_BENCHMARKS:
            raise ValueError(f"has no meaning with {info.data['name']}, which takes no arguments\nremove it")
        if "seed" in params:
            raise ValueError("must not hold seed, which every benchmark is given\nset the top-level seed")
        return {key: _json_value(value, key) for key, value in params.items()}

    @field_validator("validation_fraction")
    @classmethod
    def _only_for_built_in(cls, fraction: float | None, info: ValidationInfo) -> float | None:
        name = info.data.get("name")
        if fraction is not None and name is not None and name not in BUILT_IN_BENCHMARKS:
            raise ValueError("has no meaning with a benchmark of your own, which splits its data itself\n"
                             "remove it, or pass it to your callable in benchmark.params")
        return fraction

    @property
    def is_built_in(self) -> bool:
        """Whether it comes along, or is imported from the user's own code."""
        return self.name in BUILT_IN_BENCHMARKS


def _json_value(value: Any, where: str, depth: int = 1) -> Any:
    """A copy of a value that JSON can hold, so that it can be recorded and sent to workers unchanged."""
    if depth > 20:
        raise ValueError(f"{where} is nested too deeply")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_JSON_INT:
            raise ValueError(f"{where} is beyond 64 bits")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, not {value}")
        return value
    if isinstance(value, list | tuple):
        return [_json_value(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{where} has the key {show(key)}, which is not text\nput it in quotes")
        return {key: _json_value(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    raise ValueError(f"{where} is a {type(value).__name__}, which JSON cannot hold")


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

    def architecture(self, inputs: int, classes: int) -> Architecture:
        """The network for a benchmark of ``inputs`` values per sample and ``classes`` classes per task."""
        return Architecture(inputs, self.hidden, classes, self.activation, self.head, self.head_bias)


def _derived_momentum(data: Mapping[str, Any]) -> float:
    return 0.9 if data.get("optimizer") is OptimizerKind.SGD else 0.0


class Training(Section):
    """How one trial trains."""

    optimizer: OptimizerKind = Field(
        default=OptimizerKind.ADAM, description="a fresh one for every task")
    momentum: Annotated[float, Field(strict=True, ge=0, lt=1)] = Field(
        default_factory=_derived_momentum, json_schema_extra={"default": "0.9 for sgd, else 0.0"},
        description="momentum of sgd, at least 0 and below 1; null takes the default")
    weight_decay: NotNegative = Field(default=0.0, description="L2 decay per step, a number of at least 0")
    batch_size: Count = Field(default=256, description="training samples per step, a whole number of at least 1")
    epochs: Count = Field(description="passes over the training data, a whole number of at least 1")
    milestones: tuple[Count, ...] = Field(
        default=(),
        description="epochs after which the learning rate is multiplied by gamma, a rising list below epochs")
    gamma: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
        default=0.1, description="factor on the learning rate at each milestone, above 0 and at most 1")
    early_stopping_patience: Count | None = Field(
        default=None,
        description="epochs without a better validation accuracy after which a trial ends, at least 1; null for never")
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
            raise ValueError(f"must rise from entry to entry, not {show(milestones)}")
        epochs = info.data.get("epochs")
        if milestones and epochs is not None and milestones[-1] >= epochs:
            raise ValueError(f"{milestones[-1]} would never take effect: training ends with epoch {epochs}\n"
                             "drop it, or raise training.epochs")
        return milestones


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


class Capacity(Section):
    """What happens when the network is full."""

    on_depletion: OnDepletion = Field(
        default=OnDepletion.STOP, description="stop ends the run, widen adds free neurons and goes on")
    widen_by: Count | None = Field(
        default=None, validate_default=True,
        description="neurons added to each depleted layer, a whole number of at least 1")

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

    cpus_per_trial: Annotated[float, Field(strict=True, gt=0, le=MAX_COUNT), AfterValidator(_as_ray_counts)] = Field(
        default=1.0, description="CPU cores per trial, a number above 0")
    gpus_per_trial: Annotated[float, Field(strict=True, ge=0, le=MAX_COUNT), AfterValidator(_as_ray_counts),
                              AfterValidator(_whole_above_one)] = Field(
        default=0.0, description="GPUs per trial, at least 0, whole above 1; a share such as 0.25 lets trials share one")
    max_concurrent_trials: Count | None = Field(
        default=None, description="trials at the same time, at least 1; null is as many as the machines hold")
    trial_time_limit_seconds: Positive | None = Field(
        default=None,
        description="seconds after which a trial is ended and counts as failed, above 0; null is no limit")
    sweep_time_limit_seconds: Positive | None = Field(
        default=None, description="seconds after which a task's sweep is ended, above 0; null is no limit")
    retries: Whole = Field(
        default=2,
        description="how often a trial is tried again after its machine was lost, a whole number of at least 0")
    threads_per_trial: Count = Field(
        default_factory=_derived_threads, json_schema_extra={"default": "cpus_per_trial rounded down, at least 1"},
        description="CPU threads of a trial's arithmetic, at least 1; null takes cpus_per_trial, rounded down")

    @field_validator("threads_per_trial", mode="before")
    @classmethod
    def _null_is_derived(cls, value: Any, info: ValidationInfo) -> Any:
        return _derived_threads(info.data) if value is None else value
