"""Routes of the drivers that the service has started."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import PlainTextResponse

from db.url import without_secrets
from orchestrator.jobs.jobs import Job
from orchestrator.render.output import without_passwords
from orchestrator.service.dependencies import BASE, service_of
from orchestrator.service.errors import PLAIN_TEXT, responses

JobId = Annotated[str, Path(max_length=100, description="name of the job")]

router = APIRouter(prefix=BASE + "/jobs", tags=["jobs"], responses=responses(500))


@router.get("", summary="Drivers started by this service, latest first")
def jobs(request: Request) -> list[Job]:
    """Every driver that a service of this working folder has started, and whether it is running."""
    return service_of(request).starter.jobs()


@router.get("/{job}", summary="One driver", responses=responses(404, 422))
def job(job: JobId, request: Request) -> Job:
    """What was started, whether it is running, and its exit code once it has ended."""
    return service_of(request).starter.job(job)


@router.get("/{job}/output", summary="Output of a driver", response_class=Response,
            responses={**responses(404, 422, 503), **PLAIN_TEXT})
def output(job: JobId, request: Request) -> PlainTextResponse:
    """The end of a driver's output: progress and errors."""
    service = service_of(request)
    text = service.starter.output(job)
    return PlainTextResponse(without_passwords(without_secrets(text, service.database.address), ()))
