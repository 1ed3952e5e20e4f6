"""What the service answers with, beside the rows of :mod:`db.rows`: pages of them, summaries of a run, and what it is
itself."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from db.reads.pages import Page, RunStanding
from db.records import Owner
from db.rows import EventRow, Seed, StageRow
from db.states import RunState
from orchestrator.render.format import divides_the_network
from orchestrator.render.matrices import ForgettingClaim
from orchestrator.render.output import plain
from orchestrator.runs.eta import outlook
from workers.methods import recorded_method

Row = TypeVar("Row")


class PageOf(BaseModel, Generic[Row]):
    """Some rows of a list."""

    items: list[Row] = Field(description="the rows, in the order that was asked for")
    total: int = Field(description="rows of the whole list, with the same filters")
    limit: int = Field(description="at most so many rows were asked for")
    offset: int = Field(description="so many were left out first")

    @classmethod
    def of(cls, page: Page[Row], limit: int, offset: int) -> "PageOf[Row]":
        """A page as it was asked for. The rows are ours and are not looked at again."""
        return cls.model_construct(items=list(page.items), total=page.total, limit=limit, offset=offset)


@dataclass(frozen=True, slots=True)
class About:
    """What this service is. ``database`` holds no password; ``can_change`` says that it has a token, so that whoever holds that
    may launch, stop, cancel and resume; ``reading_needs_token``: and nobody else may read."""

    version: str
    schema_version: str
    database: str
    can_change: bool
    reading_needs_token: bool
    job_kinds: tuple[str, ...]
    time: datetime


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run without its long columns, and how far it is: see :class:`orchestrator.runs.eta.Outlook`. ``mean_test_accuracy``
    is over the tasks of the last commit, a fraction. ``divides_the_network`` says that tasks get neurons of their own: margin,
    thresholds, capacity and proofs of other methods mean nothing. ``learns_at_once`` says that one stage learns all tasks."""

    id: int
    name: str
    group: str | None
    state: RunState
    method: str
    divides_the_network: bool
    learns_at_once: bool
    benchmark: str
    tasks: int
    first_task: int
    tasks_committed: int
    seed: Seed
    margin_points: str
    config_digest: str
    code_version: str
    forked_from: str | None
    forked_after_task: int | None
    created_at: datetime
    owner: Owner | None
    driver_lives: bool
    heartbeat_at: datetime | None
    trials_total: int
    trials_ended: int
    trials_running: int
    fraction_done: float
    seconds_left: float | None
    step: str | None
    mean_test_accuracy: float | None

    @classmethod
    def of(cls, standing: RunStanding) -> "RunSummary":
        """The summary of a run as it stands."""
        return cls(**_summary(standing))


@dataclass(frozen=True, slots=True)
class RunDetail(RunSummary):
    """A whole run, its last event, what its proofs say about forgetting, and sentences about tasks that were learnt no better
    than by guessing."""

    config: dict[str, Any]
    package_versions: dict[str, Any]
    environment: dict[str, Any] | None
    last_event: EventRow | None
    forgetting: ForgettingClaim
    at_chance: list[str]

    @classmethod
    def whole(cls, standing: RunStanding, last_event: EventRow | None, forgetting: ForgettingClaim,
              at_chance: Sequence[str]) -> "RunDetail":
        """A run as it stands, with what its summary leaves out."""
        run = standing.run
        return cls(**_summary(standing), config=plain(run.config), package_versions=run.package_versions,
                   environment=run.environment, last_event=last_event, forgetting=forgetting,
                   at_chance=list(at_chance))


SUMMARISED = frozenset(field.name for field in dataclasses.fields(RunSummary))


def _summary(standing: RunStanding) -> dict[str, Any]:
    ahead, method = outlook(standing), recorded_method(standing.run.method)
    return {name: getattr(source, name) for source in (standing.run, ahead)
            for name in (field.name for field in dataclasses.fields(source)) if name in SUMMARISED} | {
                "mean_test_accuracy": standing.mean_test_accuracy,
                "divides_the_network": divides_the_network(standing.run.method),
                "learns_at_once": method is not None and method.learns_at_once}


@dataclass(frozen=True, slots=True)
class StageDetail(StageRow):
    """One task of a run, with all its trials counted."""

    trials_total: int = dataclasses.field()  # a property of the row, which JSON would leave out

    @classmethod
    def of(cls, stage: StageRow) -> "StageDetail":
        """A stage and the number of its trials."""
        return cls(**{field.name: getattr(stage, field.name) for field in dataclasses.fields(stage)},
                   trials_total=stage.trials_total)

    @classmethod
    def each(cls, stages: Sequence[StageRow]) -> "list[StageDetail]":
        """All of these."""
        return [cls.of(stage) for stage in stages]
