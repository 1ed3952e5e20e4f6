"""Response schemas besides the rows of :mod:`db.rows`: pages of rows, summaries of runs, and information about the
service."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from db.reads.pages import Page, RunSnapshot
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
    """A page of rows of a list."""

    items: list[Row] = Field(description="the rows, in the requested order")
    total: int = Field(description="number of rows of the whole list, with the same filters")
    limit: int = Field(description="requested maximum number of rows")
    offset: int = Field(description="number of skipped rows")

    @classmethod
    def of(cls, page: Page[Row], limit: int, offset: int) -> "PageOf[Row]":
        """Return a page. The rows are not validated again."""
        return cls.model_construct(items=list(page.items), total=page.total, limit=limit, offset=offset)


@dataclass(frozen=True, slots=True)
class About:
    """About this service. ``database`` is without its password; ``can_change``: it has a token, whose holders can launch, stop,
    cancel and resume; ``reading_needs_token``: reading requires the token, too."""

    version: str
    schema_version: str
    database: str
    can_change: bool
    reading_needs_token: bool
    job_kinds: tuple[str, ...]
    time: datetime


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run without its long columns, with its progress: see :class:`orchestrator.runs.eta.Outlook`. ``mean_test_accuracy``
    is over the tasks of the last commit, a fraction. ``divides_the_network``: tasks get separate neurons; otherwise margin,
    thresholds, capacity and proofs do not apply. ``learns_at_once``: one stage learns all tasks."""

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
    def of(cls, snapshot: RunSnapshot) -> "RunSummary":
        """Return the summary of the current state of a run."""
        return cls(**_summary(snapshot))


@dataclass(frozen=True, slots=True)
class RunDetail(RunSummary):
    """A whole run, its last event, the result of its proofs of zero forgetting, and sentences about tasks at chance level."""

    config: dict[str, Any]
    package_versions: dict[str, Any]
    environment: dict[str, Any] | None
    last_event: EventRow | None
    forgetting: ForgettingClaim
    at_chance: list[str]

    @classmethod
    def whole(cls, snapshot: RunSnapshot, last_event: EventRow | None, forgetting: ForgettingClaim,
              at_chance: Sequence[str]) -> "RunDetail":
        """Return the current state of a run, with everything that its summary omits."""
        run = snapshot.run
        return cls(**_summary(snapshot), config=plain(run.config), package_versions=run.package_versions,
                   environment=run.environment, last_event=last_event, forgetting=forgetting,
                   at_chance=list(at_chance))


SUMMARISED = frozenset(field.name for field in dataclasses.fields(RunSummary))


def _summary(snapshot: RunSnapshot) -> dict[str, Any]:
    ahead, method = outlook(snapshot), recorded_method(snapshot.run.method)
    return {name: getattr(source, name) for source in (snapshot.run, ahead)
            for name in (field.name for field in dataclasses.fields(source)) if name in SUMMARISED} | {
                "mean_test_accuracy": snapshot.mean_test_accuracy,
                "divides_the_network": divides_the_network(snapshot.run.method),
                "learns_at_once": method is not None and method.learns_at_once}


@dataclass(frozen=True, slots=True)
class StageDetail(StageRow):
    """One task of a run, with the number of its trials."""

    trials_total: int = dataclasses.field()  # a property of the row, which JSON would omit

    @classmethod
    def of(cls, stage: StageRow) -> "StageDetail":
        """Return a stage with the number of its trials."""
        return cls(**{field.name: getattr(stage, field.name) for field in dataclasses.fields(stage)},
                   trials_total=stage.trials_total)

    @classmethod
    def each(cls, stages: Sequence[StageRow]) -> "list[StageDetail]":
        """Return all of them."""
        return [cls.of(stage) for stage in stages]
