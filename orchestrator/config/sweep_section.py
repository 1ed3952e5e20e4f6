"""Which trials a stage has: α per layer and learning rate, as a grid or as ranges.

α is the strength of the L1 penalty (paper §2.2): one value for all layers, or a list with one per hidden layer and one for
the output.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    field_validator,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from orchestrator.config.choices import SamplerKind, SweepProtocol
from orchestrator.config.errors import LIST, NUMBER, RANGE
from orchestrator.config.numbers import Count, Float
from orchestrator.config.recorded_keys import ALWAYS_RECORDED


class Section(BaseModel):
    """An immutable group of keys that refuses unknown keys. A dump has the keys that ``recorded_keys`` asks for."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        dumped: dict[str, object] = dump(self)
        always = ALWAYS_RECORDED.get(type(self).__name__, frozenset())
        return {key: value for key, value in dumped.items() if key in always or not self._is_default(key)}

    def _is_default(self, key: str) -> bool:
        field, value = type(self).model_fields[key], getattr(self, key)
        return not field.is_required() and bool(
            value == field.get_default(call_default_factory=True, validated_data=dict(self)))


class GridPoint(NamedTuple):
    """One trial's hyperparameters: α for every hidden layer and the output, and the learning rate."""

    alpha: tuple[float, ...]
    learning_rate: float


def layers_of(info: ValidationInfo) -> int | None:
    """Return the number of hidden layers plus the output, from the validation context; None if the network is invalid."""
    layers = info.context.get("layers") if isinstance(info.context, Mapping) else None
    return layers if isinstance(layers, int) else None


def _plus_zero(value: float) -> float:
    """Turn -0.0 into 0.0, so that both have the same digest."""
    return value + 0.0


def _one_per_layer(values: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
    layers = layers_of(info)
    if layers is not None and len(values) != layers:
        raise ValueError(
            f"has {len(values)} value{'' if len(values) == 1 else 's'} for {layers} layers\n"
            f"give one value for each of the {layers - 1} hidden layers and one for the output, or one number for all")
    return values


def _one_per_hidden_layer(values: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
    layers = layers_of(info)
    if layers is not None and len(values) != layers - 1:
        raise ValueError(f"has {len(values)} value{'' if len(values) == 1 else 's'} for {layers - 1} hidden layer"
                         f"{'' if layers == 2 else 's'}\ngive one value for each hidden layer, or one number for all")
    return values


def list_or_number(value: object) -> str:
    """Return the tag of a value that is one number or a list of them."""
    return LIST if isinstance(value, list | tuple) else NUMBER


def _list_or_range(value: object) -> str:
    return RANGE if isinstance(value, dict | LogRange) else LIST


Strength = Annotated[Float, Field(ge=0), AfterValidator(_plus_zero)]
Rate = Annotated[Float, Field(gt=0)]
PerLayer = Annotated[tuple[Strength, ...], Field(min_length=1), AfterValidator(_one_per_layer)]
Alpha = Annotated[Annotated[PerLayer, Tag(LIST)] | Annotated[Strength, Tag(NUMBER)], Discriminator(list_or_number)]
PerHiddenLayer = Annotated[tuple[Count, ...], Field(min_length=1), AfterValidator(_one_per_hidden_layer)]
NeuronBound = Annotated[Annotated[PerHiddenLayer, Tag(LIST)] | Annotated[Count, Tag(NUMBER)], Discriminator(list_or_number)]


class LogRange(Section):
    """An interval from which a sampler draws log-uniformly."""

    low: Rate = Field(description="the lower end, a number above 0")
    high: Rate = Field(description="the upper end, a number above low")

    @field_validator("high")
    @classmethod
    def _above_low(cls, high: float, info: ValidationInfo) -> float:
        if "low" in info.data and high <= info.data["low"]:
            raise PydanticCustomError("above_low", "must be above low")
        return high


Alphas = Annotated[tuple[Alpha, ...], Field(min_length=1)]
Rates = Annotated[tuple[Rate, ...], Field(min_length=1)]


class LaterTasks(Section):
    """Fixed values for the tasks after the swept ones."""

    alpha: Alpha = Field(
        description="one number of at least 0, or a list with one per hidden layer and one for the output")
    learning_rate: Rate = Field(description="a number above 0")


class Sweep(Section):
    """The trials of a stage."""

    sampler: SamplerKind = Field(
        default=SamplerKind.GRID,
        description="grid tries every combination, tpe and nsga2 draw samples and learn from results")
    protocol: SweepProtocol = Field(
        default=SweepProtocol.PER_TASK,
        description="per-task sweeps every task, first-task only the first, first-k the first first_tasks")
    first_tasks: Count | None = Field(
        default=None, validate_default=True,
        description="number of tasks swept with protocol first-k, a whole number of at least 1")
    alpha: Annotated[Alphas, Tag(LIST)] | Annotated[LogRange, Tag(RANGE)] = Field(
        discriminator=Discriminator(_list_or_range),
        description="L1 strengths of at least 0: for a grid a list of numbers or per-layer lists, "
                    "for a sampler {low, high}")
    learning_rate: Annotated[Rates, Tag(LIST)] | Annotated[LogRange, Tag(RANGE)] = Field(
        discriminator=Discriminator(_list_or_range),
        description="learning rates above 0: for a grid a list of numbers, for a sampler {low, high}")
    samples: Count | None = Field(
        default=None, validate_default=True,
        description="trials that tpe or nsga2 draws for a task, a whole number of at least 1")
    later_tasks: LaterTasks | None = Field(
        default=None,
        description="fixed alpha and learning_rate for the tasks that are not swept, with protocol first-task or first-k")
    reuse_trials: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="true reuses recorded results of the same trials from other runs of the database")

    @field_validator("first_tasks")
    @classmethod
    def _counted_for_first_k(cls, first_tasks: int | None, info: ValidationInfo) -> int | None:
        protocol = info.data.get("protocol")
        if protocol is None:
            return first_tasks
        if protocol.counts_swept_tasks and first_tasks is None:
            raise ValueError(f"is missing, and the protocol {protocol} needs it")
        if not protocol.counts_swept_tasks and first_tasks is not None:
            raise ValueError(f"cannot be used with the protocol {protocol}\nremove it, or set sweep.protocol to first-k")
        return first_tasks

    @field_validator("alpha", "learning_rate")
    @classmethod
    def _fits_sampler(cls, value: tuple[Any, ...] | LogRange, info: ValidationInfo) -> tuple[Any, ...] | LogRange:
        sampler = info.data.get("sampler")
        if sampler is None:
            return value
        if sampler.is_grid and isinstance(value, LogRange):
            raise ValueError("must be a list with the sampler grid\n"
                             f"list the values, for example [{value.low}, {value.high}]")
        if not sampler.is_grid and not isinstance(value, LogRange):
            raise ValueError(f"must be a range with the sampler {sampler}\nfor example {{low: 1e-6, high: 1e-3}}")
        return value

    @field_validator("alpha")
    @classmethod
    def _distinct_alphas(cls, value: tuple[Any, ...] | LogRange, info: ValidationInfo) -> tuple[Any, ...] | LogRange:
        layers = layers_of(info)
        if isinstance(value, tuple) and layers is not None:
            refuse_repeats([per_layer(entry, layers) for entry in value])
        return value

    @field_validator("learning_rate")
    @classmethod
    def _distinct_rates(cls, value: tuple[float, ...] | LogRange) -> tuple[float, ...] | LogRange:
        if isinstance(value, tuple):
            refuse_repeats(value)
        return value

    @field_validator("samples")
    @classmethod
    def _samples_for_samplers(cls, samples: int | None, info: ValidationInfo) -> int | None:
        sampler = info.data.get("sampler")
        if sampler is None:
            return samples
        if sampler.is_grid and samples is not None:
            raise ValueError("cannot be used with the sampler grid, which tries every combination\n"
                             "remove it, or set sweep.sampler to tpe or nsga2")
        if not sampler.is_grid and samples is None:
            raise ValueError(f"is missing, and the sampler {sampler} needs it")
        return samples

    @field_validator("later_tasks")
    @classmethod
    def _later_after_first(cls, later: LaterTasks | None, info: ValidationInfo) -> LaterTasks | None:
        protocol = info.data.get("protocol")
        if later is not None and protocol is not None and protocol.sweeps_every_task:
            raise ValueError(f"cannot be used with the protocol {protocol}, which sweeps every task\n"
                             "remove it, or set sweep.protocol to first-task or first-k")
        return later

    @property
    def last_swept_task(self) -> int | None:
        """The last swept task; None if every task is swept."""
        if self.protocol.sweeps_every_task:
            return None
        return self.first_tasks if self.protocol.counts_swept_tasks else 1


def per_layer(alpha: float | Sequence[float], layers: int) -> tuple[float, ...]:
    """Return one α per layer; a single number applies to all of them."""
    return tuple(alpha) if isinstance(alpha, Sequence) else (alpha,) * layers


def refuse_repeats(values: Sequence[Any]) -> None:
    """Refuse two trials with the same values."""
    first: dict[Any, int] = {}
    repeats = [f"[{position}] repeats [{first[value]}]" for position, value in enumerate(values)
               if first.setdefault(value, position) != position]
    if repeats:
        raise ValueError(f"{', '.join(repeats)}\nkeep every combination once; positions count from 0")
