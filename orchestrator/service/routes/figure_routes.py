"""Routes of figures: Vega-Lite specifications with embedded data, cached by the version of their records."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from orchestrator.figures.registry import run_figure, stage_figure, trial_figure
from orchestrator.service.dependencies import BASE, Number, Reading, RunName, Task, service_of
from orchestrator.service.errors import NOT_MODIFIED, responses
from orchestrator.service.http_cache import tag, tagged
from orchestrator.service.routes.stage_routes import version_of_trial

if TYPE_CHECKING:
    from orchestrator.figures.chart import Chart

SPECIFICATION: dict[int | str, dict[str, object]] = {
    200: {"description": "a Vega-Lite specification", "content": {"application/json": {"schema": {"type": "object"}}}}}

router = APIRouter(prefix=BASE + "/runs/{run}", tags=["figures"],
                   responses={**responses(404, 422, 500, 503), **NOT_MODIFIED, **SPECIFICATION})


@router.get("/figures/{name}", summary="A figure of a run")
def of_run(pages: Reading, run: RunName, name: str, request: Request) -> Response:
    """`accuracy`: the accuracy matrix; `capacity`: neurons in use, layer by layer."""
    return _answered(request, tag("run figure", run, name, pages.version_of_commits(run)),
                     lambda: run_figure(pages, run, name))


@router.get("/stages/{task}/figures/{name}", summary="A figure of a task")
def of_stage(pages: Reading, run: RunName, task: Task, name: str, request: Request) -> Response:
    """`trials`: accuracy against sparsity, with the margin and the chosen trial; `search`: the candidates of a search."""
    return _answered(request, tag("stage figure", run, task, name, pages.version_of_stage(run, task)),
                     lambda: stage_figure(pages, run, task, name))


@router.get("/stages/{task}/trials/{number}/figures/{name}", summary="A figure of a trial")
def of_trial(pages: Reading, run: RunName, task: Task, number: Number, name: str, request: Request) -> Response:
    """`threshold-curve`: accuracy and free neurons by threshold; `learning`: its epochs."""
    trial = pages.trial(run, task, number)
    epochs = None if trial.state.has_ended else len(pages.trial_history(run, task, number))
    version = tag(version_of_trial(name, trial), epochs, trial.verdict, trial.thresholds, pages.version_of_stage(run, task)[1])
    return _answered(request, version, lambda: trial_figure(pages, run, task, number, name))


def _answered(request: Request, version: str, make: "Callable[[], Chart]") -> Response:
    response = Response(media_type="application/json")
    tagged(request, response, version)
    response.body = service_of(request).figures.get(version, make)
    response.headers["Content-Length"] = str(len(response.body))
    return response
