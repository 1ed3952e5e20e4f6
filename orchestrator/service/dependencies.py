"""What several routes share: the service, and parameters with their validation."""

import difflib
import pathlib
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi import params as kinds
from fastapi.dependencies.utils import get_flat_params
from fastapi.security import HTTPBearer

from clnp_core.errors import ConfigError, NotFoundError
from db.reads.pages import Pages
from orchestrator.jobs.ray_jobs import RayJobs
from orchestrator.jobs.start import Starter
from orchestrator.service.database import Database
from orchestrator.service.event_stream import Streams
from orchestrator.service.http_cache import FigureCache
from orchestrator.service.prometheus import Metrics
from orchestrator.service.settings import ServiceSettings

BASE = "/api/v1"

LARGEST = 2**31 - 1
"""The largest task, trial, limit or offset that a database column can hold."""

LONGEST_NAME = 200
"""Maximum length of a name or of a part of one."""

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""Control characters: databases cannot store NUL, and names contain none."""


bearer = HTTPBearer(auto_error=False, description="the token that the service was started with, `CLNP_TOKEN`")
"""For the OpenAPI document; :mod:`orchestrator.service.auth` checks the token before a body is read."""


@dataclass(slots=True)
class Service:
    """A service: its settings, its database, and objects with its lifetime."""

    settings: ServiceSettings
    database: Database
    figures: FigureCache = field(default_factory=FigureCache)
    starter: Starter = field(init=False)
    streams: Streams = field(init=False)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        dashboard = self.settings.ray_dashboard
        self.starter = Starter(self.settings.place, pathlib.Path.cwd() / ".clnp" / "jobs",
                               RayJobs(dashboard) if dashboard else None)
        self.streams = Streams(self.database)
        self.metrics = Metrics(lambda: self.database.pages, lambda: self.streams.listeners)


def service_of(request: Request) -> Service:
    """Return the service of a request."""
    running: Service = request.app.state.service
    return running


async def pages_of(request: Request) -> Pages:
    """Return reads of the service's current database."""
    return service_of(request).database.pages


async def _name(run: Annotated[str, Path(description="name of the run")]) -> str:
    if len(run) > LONGEST_NAME or not run.isprintable():
        raise NotFoundError("there is no run with this name", "/api/v1/runs lists them")
    return run


async def only_known_parameters(request: Request) -> None:
    """Refuse unknown query parameters: a misspelt filter would return everything.

    Raises:
        ConfigError: an unknown parameter, with a suggestion.
    """
    known = {field.alias for field in get_flat_params(request.scope["route"].dependant)
             if isinstance(field.field_info, kinds.Query)}
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            there = f"its parameters are {', '.join(sorted(known))}" if known else "it has none"
            raise ConfigError(f"{request.url.path} has no parameter {name[:LONGEST_NAME]!r}",
                              f"did you mean {near[0]}?" if near else there)


Reading = Annotated[Pages, Depends(pages_of)]
RunName = Annotated[str, Depends(_name)]
Task = Annotated[int, Path(ge=1, le=LARGEST, description="the task, from 1")]
Number = Annotated[int, Path(ge=0, le=LARGEST, description="the trial's index in the grid, from 0")]
Limit = Annotated[int, Query(ge=1, le=1000, description="maximum number of rows")]
Offset = Annotated[int, Query(ge=0, le=LARGEST, description="number of rows to skip")]
Word = Annotated[str | None, Query(max_length=LONGEST_NAME, pattern=PRINTABLE)]
