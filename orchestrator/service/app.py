"""The service: its routes, its access control, and its state."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse

from db.url import resolve_url
from orchestrator.service import errors, prometheus, static
from orchestrator.service.auth import Guard
from orchestrator.service.database import Database
from orchestrator.service.dependencies import Service, only_known_parameters
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
from orchestrator.service.settings import ServiceSettings, checked
from workers.environment import package_versions

THREADS = 4
"""Number of concurrent routes, each with its own connection. More would only wait for the interpreter lock."""

DESCRIPTION = ("Runs of clnp: their records, their progress, and how to start and stop them. Fields and units are those of "
               "the database (docs/schema.md); accuracies are fractions, times are UTC.")


def create_app(settings: ServiceSettings) -> FastAPI:
    """Return the service of one database.

    Args:
        settings: its settings, validated here.

    Raises:
        ConfigError: the settings are invalid or insecure, see :func:`orchestrator.service.settings.checked`.
        DatabaseError: the database cannot be opened. A missing one is created if the service may launch runs.
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

    @app.get("/healthz", response_class=PlainTextResponse, include_in_schema=True, tags=["service"], summary="Health check")
    async def healthz() -> str:
        """Returns "ok" as long as the service answers; it does not query the database."""
        return "ok\n"

    app.include_router(metrics_routes.router)
    app.include_router(static.router)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(prometheus.Metered, metrics=service.metrics)
    return app
