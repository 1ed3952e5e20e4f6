"""What stays of a task's trained networks once it is committed."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from orchestrator.config.errors import show
from orchestrator.config.numbers import MAX_COUNT, whole
from orchestrator.config.sweep_section import Section

ALL, NONE = "all", "none"


def _kept(value: Any) -> int | Literal["all"]:
    """``all``, or how many; ``none`` is 0."""
    if value == ALL:
        return "all"
    if value == NONE:
        return 0
    given, value = value, whole(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    raise ValueError(f"must be all, none or a whole number of at least 0, not {show(given)}")


class Storage(Section):
    """What stays of a task's trained networks once it is committed. The chosen one always does."""

    keep_trials: Annotated[int | Literal["all"], PlainValidator(_kept)] = Field(
        default=10,
        description="trained networks kept of every committed task besides the chosen one: all, none, or so many of the best")
