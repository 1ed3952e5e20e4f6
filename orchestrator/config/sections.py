"""The smaller sections of a config: training, resources, capacity, fine-tuning, baselines, storage, seeds."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from orchestrator.config.choices import FineTuningSchedule, Normalization, OnDepletion, OptimizerKind, Precision
from orchestrator.config.distillation_sections import Distillation, SearchReference, SearchSection
from orchestrator.config.errors import show
from orchestrator.config.numbers import MAX_COUNT, Count, Float, Integer, Share, whole
from orchestrator.config.sweep_section import Alpha, NeuronBound, Rate, Section
from orchestrator.runs.run_names import MAX_NAME
from workers.spec import Schedule

Whole = Annotated[Integer, Field(ge=0, le=MAX_COUNT)]
Positive = Annotated[Float, Field(gt=0)]


class EvaluationSection(Section):
    """The canonical evaluation, whose exact results depend on its batch size."""

    batch_size: Count = Field(default=1000, description="samples per evaluation batch, a whole number of at least 1")


def _derived_threads(data: Mapping[str, Any]) -> int:
    return max(1, int(data.get("cpus_per_trial", 1.0)))


def _as_ray_counts(quantity: float) -> float:
    """Refuse more than four decimals: Ray counts devices in steps of 0.0001."""
    if round(quantity, 4) != quantity:
        raise ValueError(f"must have at most 4 decimals, not {show(quantity)}\nuse {show(max(round(quantity, 4), 0.0001))}")
    return quantity


def _whole_above_one(quantity: float) -> float:
    if quantity > 1 and not quantity.is_integer():
        raise ValueError(f"must be a whole number above 1, not {show(quantity)}\n"
                         f"use {math.floor(quantity)} or {math.ceil(quantity)}; below 1, any share is allowed")
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
        description="trials of a grid that one GPU trains as one batched computation, at least 1; the limits of a trial then "
                    "apply to a pack")
    max_concurrent_trials: Count | None = Field(
        default=None, description="trials or packs at the same time, at least 1; null is as many as fit on the machines")
    trial_time_limit_seconds: Positive | None = Field(
        default=None,
        description="seconds after which a trial or pack is stopped and counts as failed, above 0; null is no limit")
    sweep_time_limit_seconds: Positive | None = Field(
        default=None, description="seconds after which a task's sweep is stopped, above 0; null is no limit")
    checkpoint_every_seconds: Positive | None = Field(
        default=300.0, description="seconds of training between two checkpoints of a trial, above 0; null disables checkpoints")
    stop_time_limit_seconds: Annotated[Float, Field(ge=0)] = Field(
        default=20.0,
        description="seconds that a stopping run waits for running trials to write a checkpoint, at least 0")
    job_time_limit_seconds: Positive | None = Field(
        default=None,
        description="seconds after which a job between trials is stopped and the stage fails, above 0; null is no limit")
    retries: Whole = Field(
        default=2,
        description="how often a trial is retried after its machine was lost, a whole number of at least 0")
    database_patience_seconds: Annotated[Float, Field(ge=0)] = Field(
        default=600.0,
        description="seconds that a driver waits for an unreachable database before it ends, at least 0")
    threads_per_trial: Count = Field(
        default_factory=_derived_threads, json_schema_extra={"default": "cpus_per_trial rounded down, at least 1"},
        description="CPU threads of a trial, at least 1; null uses cpus_per_trial, rounded down")

    @field_validator("threads_per_trial", mode="before")
    @classmethod
    def _null_is_derived(cls, value: object, info: ValidationInfo) -> object:
        return _derived_threads(info.data) if value is None else value


NotNegative = Annotated[Float, Field(ge=0)]


def _derived_momentum(data: Mapping[str, Any]) -> float:
    return 0.9 if data.get("optimizer") is OptimizerKind.SGD else 0.0


DEFAULT_GAMMA = 0.1


class Training(Section):
    """How one trial trains."""

    optimizer: OptimizerKind = Field(
        default=OptimizerKind.ADAM, description="the optimizer, created anew for every task")
    momentum: Annotated[Share, Field(ge=0)] = Field(
        default_factory=_derived_momentum, json_schema_extra={"default": "0.9 for sgd, else 0.0"},
        description="momentum of sgd, at least 0 and below 1; null uses the default")
    weight_decay: NotNegative = Field(default=0.0, description="L2 decay per step, a number of at least 0")
    batch_size: Count = Field(default=256, description="training samples per step, a whole number of at least 1")
    epochs: Count = Field(description="passes over the training data, a whole number of at least 1")
    schedule: Schedule = Field(
        default=Schedule.MILESTONES,
        description="of the learning rate: milestones multiplies it by gamma after some epochs, cosine brings it to 0 over "
                    "all, constant keeps it")
    milestones: tuple[Count, ...] = Field(
        default=(),
        description="epochs after which the learning rate is multiplied by gamma, a rising list below epochs")
    gamma: Annotated[Float, Field(gt=0, le=1)] = Field(
        default=DEFAULT_GAMMA, description="factor on the learning rate at each milestone, above 0 and at most 1")
    early_stopping_patience: Count | None = Field(
        default=None,
        description="epochs without a better validation accuracy after which a trial ends, at least 1; null for never")
    precision: Precision = Field(
        default=Precision.FLOAT32,
        description="of matrix products: float32, or tf32 (on a GPU) or bfloat16 with weights and optimizer in float32")
    free_window: NeuronBound | None = Field(
        default=None,
        description="free neurons that a task trains on at most, one number of at least 1 for every hidden layer, or a list "
                    "with one for each; null trains all of them")
    normalize: Normalization = Field(
        default=Normalization.UNIT,
        description="unit scales inputs to 0..1, standard to mean 0 and standard deviation 1 over the training data")

    @field_validator("momentum", mode="before")
    @classmethod
    def _null_is_derived(cls, value: object, info: ValidationInfo) -> object:
        return _derived_momentum(info.data) if value is None else value

    @field_validator("momentum")
    @classmethod
    def _only_sgd(cls, momentum: float, info: ValidationInfo) -> float:
        optimizer = info.data.get("optimizer")
        if momentum and optimizer is not None and not optimizer.has_momentum:
            raise ValueError(f"cannot be used with the optimizer {optimizer}\n"
                             "remove it, or set training.optimizer to sgd")
        return momentum

    @field_validator("milestones", "gamma")
    @classmethod
    def _only_with_milestones(cls, value: tuple[int, ...] | float, info: ValidationInfo) -> tuple[int, ...] | float:
        schedule = info.data.get("schedule")
        if schedule is not None and not schedule.has_milestones and value not in ((), DEFAULT_GAMMA):
            raise ValueError(f"has no meaning with training.schedule {schedule}\n"
                             "remove it, or set training.schedule to milestones")
        return value

    @field_validator("milestones")
    @classmethod
    def _rising_below_epochs(cls, milestones: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in pairwise(milestones)):
            raise PydanticCustomError("rising", "must rise from entry to entry")
        epochs = info.data.get("epochs")
        if milestones and epochs is not None and milestones[-1] >= epochs:
            raise ValueError(f"{milestones[-1]} has no effect: training ends with epoch {epochs}\n"
                             "drop it, or raise training.epochs")
        return milestones


class CapacitySection(Section):
    """What happens when the network is full."""

    on_depletion: OnDepletion = Field(
        default=OnDepletion.STOP, description="stop ends the run, widen adds free neurons and continues")
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
            raise ValueError("cannot be used with capacity.on_depletion stop\nremove it, or set on_depletion to widen")
        return neurons

    @field_validator("widen_below")
    @classmethod
    def _bounds_widening(cls, share: float, info: ValidationInfo) -> float:
        action = info.data.get("on_depletion")
        if share and action is not None and not action.widens:
            raise ValueError("cannot be used with capacity.on_depletion stop\nremove it, or set on_depletion to widen")
        return share + 0.0  # -0.0 is 0.0, and must digest like it


class FineTuning(Section):
    """Training of the pruned network after the selection, optionally in several rounds of pruning and training."""

    rounds: Count = Field(
        default=1,
        description="rounds of fine-tuning, a whole number of at least 1; each round after the first prunes again first")
    epochs: Count = Field(default=20, description="passes over the training data in each round, a whole number of at least 1")
    learning_rate: Rate = Field(default=1e-4, description="the learning rate of fine-tuning, a number above 0")
    schedule: FineTuningSchedule = Field(
        default=FineTuningSchedule.CONSTANT,
        description="of the learning rate: constant keeps it, cosine brings it to 0 over the epochs of each round")
    alpha: Alpha = Field(
        default=5e-5,
        description="L1 strength of fine-tuning, one number of at least 0, or a list with one per hidden layer and one for the "
                    "output")
    distillation: Distillation | None = Field(
        default=None, description="learning from the logits of teachers; null, the default, learns from the labels")
    search: SearchSection | None = Field(
        default=None,
        description="for the sparsest network within the margin after fine-tuning; null, the default, commits what θ* leaves")

    @field_validator("search")
    @classmethod
    def _goes_down_instead_of_rounds(cls, search: SearchSection | None, info: ValidationInfo) -> SearchSection | None:
        if search is None:
            return None
        if info.data.get("rounds", 1) != 1:
            raise ValueError("cannot be used with more than one round, because its cuts take the place of rounds\n"
                             "remove fine_tuning.rounds, or fine_tuning.search")
        if (search.reference is SearchReference.TEACHERS and "distillation" in info.data
                and info.data["distillation"] is None):
            raise ValueError("reference teachers cannot be used without fine_tuning.distillation, which has the teachers\n"
                             "add it, or set reference to trials")
        return search


Held = Annotated[Float, Field(ge=0)]


class Baseline(Section):
    """Settings of the baselines."""

    strength: Held | None = Field(
        default=None, description="λ of ewc or c of si: strength of the penalty that protects earlier tasks, at least 0")
    fisher_samples: Count = Field(
        default=1000, description="training samples over which ewc averages the Fisher information of a task")
    batch: tuple[Count, ...] | None = Field(
        default=None, description="for joint: samples of each task in a batch, one number per task; null: in proportion to the "
                                  "tasks' sizes, training.batch_size in all")


ALL, NONE = "all", "none"


def _kept(value: object) -> int | Literal["all"]:
    """Parse ``all``, ``none`` (0) or a count."""
    if value == ALL:
        return "all"
    if value == NONE:
        return 0
    given, value = value, whole(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    raise ValueError(f"must be all, none or a whole number of at least 0, not {show(given)}")


class Storage(Section):
    """Which trained networks of a committed task are kept. The chosen one always is."""

    keep_trials: Annotated[int | Literal["all"], PlainValidator(_kept)] = Field(
        default=10,
        description="trained networks kept of every committed task besides the chosen one: all, none, or a number of the best")


SEED_GIVEN = "seed given"
"""Key of the validation context: whether the config also has the key ``seed``."""


DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def _of_text(value: object) -> object:
    """Convert seeds given as text, as in our JSON output, so that such a config can be launched again."""
    return int(value) if isinstance(value, str) and DECIMAL.fullmatch(value) else value


Seed = Annotated[Integer, Field(ge=0, le=2**63 - 1), BeforeValidator(_of_text)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]


def run_ending(seed: int) -> str:
    """Return the suffix of a run's name in a group."""
    return f"-seed-{seed}"


def check_seeds(seeds: Sequence[int], info: ValidationInfo) -> None:
    """Refuse duplicate seeds, seeds together with the key ``seed``, and seeds that make a run's name too long.

    Raises:
        ValueError: what is wrong, and how to fix it.
    """
    if isinstance(info.context, Mapping) and info.context.get(SEED_GIVEN):
        raise ValueError("cannot be used together with seed\nremove one of the two: "
        "seed is for a single run, seeds for a group of runs")
    twice = next((seed for seed in seeds if seeds.count(seed) > 1), None)
    if twice is not None:
        raise ValueError(f"holds {twice} twice\ngive every seed once: each is a run of its own")
    name = info.data.get("name", "")
    longest = max((f"{name}{run_ending(seed)}" for seed in seeds), key=len)
    if len(longest) > MAX_NAME:
        raise ValueError(f"leads to run names of {len(longest)} characters, and at most {MAX_NAME} are allowed\n"
                         f"choose a name of at most {MAX_NAME - len(longest) + len(name)}")
