"""Which sequence of tasks a run learns: built in, or the user's own by import path."""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from orchestrator.config.errors import nearest, show
from orchestrator.config.numbers import MAX_COUNT, Count, Integer, Share
from orchestrator.config.sweep_section import Section
from orchestrator.config.user_code import IMPORT_PATH, json_value
from workers.spec import BUILT_IN_BENCHMARKS, ClassOrder


class BenchmarkSection(Section):
    """The sequence of tasks."""

    name: str = Field(
        strict=True,
        description=f"one of {', '.join(BUILT_IN_BENCHMARKS)}, or module:callable for a benchmark of your own")
    tasks: Count = Field(description="tasks in the sequence, a whole number of at least 1")
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="arguments for a benchmark of your own: text, numbers, booleans, null, lists and sections of these")
    validation_fraction: Annotated[Share, Field(gt=0)] | None = Field(
        default=None,
        description="share of the training data held out for validation, between 0 and 1; null uses the benchmark's default")
    class_order: ClassOrder = Field(
        default=ClassOrder.INDEX,
        description="which classes the tasks of a split benchmark take: in the order of the data set, or permuted by the seed")
    samples_per_class: Annotated[Integer, Field(ge=2, le=MAX_COUNT)] | None = Field(
        default=None,
        description="training images of each class that a split benchmark uses, a whole number of at least 2; null for all")

    @field_validator("name")
    @classmethod
    def _known_or_importable(cls, name: str) -> str:
        if name in BUILT_IN_BENCHMARKS or IMPORT_PATH.fullmatch(name):
            return name
        if ":" in name:
            raise ValueError(f"{show(name)} is not an import path\nwrite module:callable, for example my_lab.tasks:make")
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
            raise ValueError(f"cannot be used with {info.data['name']}, which takes no arguments\nremove it")
        if "seed" in params:
            raise ValueError("must not hold seed, which every benchmark is given\nset the top-level seed")
        return {key: json_value(value, key) for key, value in params.items()}

    @field_validator("validation_fraction")
    @classmethod
    def _only_for_built_in(cls, fraction: float | None, info: ValidationInfo) -> float | None:
        name = info.data.get("name")
        if fraction is not None and name is not None and name not in BUILT_IN_BENCHMARKS:
            raise ValueError("cannot be used with a benchmark of your own, which splits its data itself\n"
                             "remove it, or pass it to your callable in benchmark.params")
        return fraction

    @field_validator("class_order")
    @classmethod
    def _classes_are_ordered(cls, order: ClassOrder, info: ValidationInfo) -> ClassOrder:
        if order.is_random:
            _only_where_classes_are_split(info, "takes its classes in an order of its own")
        return order

    @field_validator("samples_per_class")
    @classmethod
    def _samples_are_counted(cls, samples: int | None, info: ValidationInfo) -> int | None:
        if samples is not None:
            _only_where_classes_are_split(info, "chooses its samples itself")
        return samples

    @property
    def is_built_in(self) -> bool:
        """Whether the benchmark is built in, rather than imported from the user's code."""
        return self.name in BUILT_IN_BENCHMARKS


def _only_where_classes_are_split(info: ValidationInfo, own: str) -> None:
    """Refuse a key that only applies to benchmarks with separate classes per task; ``own`` says what user code does instead."""
    name = info.data.get("name")
    if name is None:
        return
    known = BUILT_IN_BENCHMARKS.get(name)
    if known is None:
        raise ValueError(f"cannot be used with a benchmark of your own, which {own}\n"
                         "remove it, or pass it to your callable in benchmark.params")
    if not known.splits_classes:
        split = " or ".join(other for other, facts in BUILT_IN_BENCHMARKS.items() if facts.splits_classes)
        raise ValueError(f"cannot be used with {name}, whose tasks all have the same images\n"
                         f"remove it, or set benchmark.name to {split}")
