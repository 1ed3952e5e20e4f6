"""The service put together: its routes, its guard, and what it holds while it lives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse

from db.url import resolve_url
from orchestrator.service import errors, prometheus, static
from orchestrator.service.auth import Guard
from orchestrator.service.database import Database
from orchestrator.service.dependencies import only_known_parameters
from orchestrator.service.routes import (
    figure_routes,
    job_routes,
    lifecycle_routes,
    metrics_routes,
    run_routes,
    stage_routes,
    stream_routes,
    what_if_routes,
)
from orchestrator.service.service_state import Service
from orchestrator.service.settings import ServiceSettings, checked
from workers.environment import package_versions

THREADS = 4
"""Routes that run at a time, each with a connection of its own. More would only wait for each other's Python."""

DESCRIPTION = ("Runs of clnp: what is recorded, what goes on, and how to start and stop them. Fields and units are those of "
               "the database (docs/schema.md); accuracies are fractions, times are UTC.")


def create_app(settings: ServiceSettings) -> FastAPI:
    """The service over one database.

    Args:
        settings: how it is set up; checked here.

    Raises:
        ConfigError: the settings would let strangers in, see :func:`orchestrator.service.settings.checked`.
        DatabaseError: the database cannot be opened. One that is missing is made where the service may launch runs.
    """
    settings = checked(settings)
    service = Service(settings, Database(resolve_url(settings.place.url), create=settings.token is not None))

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        try:
            yield
        finally:
            service.database.close()

    app = FastAPI(title="clnp", version=package_versions().get("clnp", "unknown"), description=DESCRIPTION, docs_url=None,
                  redoc_url=None, redirect_slashes=False, lifespan=living)
    app.state.service = service
    errors.install(app)
    for routes in (run_routes, stream_routes, stage_routes, figure_routes, what_if_routes, lifecycle_routes, job_routes):
        app.include_router(routes.router, dependencies=[Depends(only_known_parameters)], responses=errors.responses(422))

    @app.get("/healthz", response_class=PlainTextResponse, include_in_schema=True, tags=["service"], summary="Whether it lives")
    async def healthz() -> str:
        """Says "ok" as long as the service answers at all; it does not ask the database."""
        return "ok\n"

    app.include_router(metrics_routes.router)
    app.include_router(static.router)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(prometheus.Metered, metrics=service.metrics)
    return app
