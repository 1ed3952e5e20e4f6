"""What requests name and how: the parameters that several routes share, checked before a route sees them."""

import difflib
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi import params as kinds
from fastapi.dependencies.utils import get_flat_params
from fastapi.security import HTTPBearer

from clnp_core.errors import ConfigError, NotFoundError
from db.reads.pages import Pages
from orchestrator.service.service_state import Service

BASE = "/api/v1"

LARGEST = 2**31 - 1
"""The largest task, trial, limit or offset that any database column holds."""

LONGEST_NAME = 200
"""Characters of a name or of a part of one."""

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No database stores a NUL, and no name holds another character of this kind."""


bearer = HTTPBearer(auto_error=False, description="the token that the service was started with, `CLNP_TOKEN`")
"""For the document; :mod:`orchestrator.service.auth` asks for it before a body is read."""


def service_of(request: Request) -> Service:
    """The service that a request has reached."""
    running: Service = request.app.state.service
    return running


async def pages_of(request: Request) -> Pages:
    """Reads of the service's database as it is now."""
    return service_of(request).database.pages


async def _name(run: Annotated[str, Path(description="name of the run")]) -> str:
    if len(run) > LONGEST_NAME or not run.isprintable():
        raise NotFoundError("there is no run of such a name", "/api/v1/runs lists them")
    return run


async def only_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: a misspelt filter would give everything.

    Raises:
        ConfigError: which one, and which was perhaps meant.
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
Limit = Annotated[int, Query(ge=1, le=1000, description="at most so many rows")]
Offset = Annotated[int, Query(ge=0, le=LARGEST, description="leave out so many rows first")]
Word = Annotated[str | None, Query(max_length=LONGEST_NAME, pattern=PRINTABLE)]
