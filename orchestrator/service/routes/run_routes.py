"""Routes of runs."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, Security

from clnp_core.values import LayerCapacity
from db.reads.pages import RunFilter
from db.rows import AccuracyRow, CommitRow, EventRow, RequestRow
from db.schema.types import REVISIONS
from db.states import RunState
from orchestrator.jobs.jobs import JobKind
from orchestrator.render.matrices import chance_sentences, forgetting_claim
from orchestrator.service.auth import check_token
from orchestrator.service.dependencies import (
    BASE,
    LONGEST_NAME,
    PRINTABLE,
    Limit,
    Offset,
    Reading,
    RunName,
    Word,
    bearer,
    service_of,
)
from orchestrator.service.errors import NOT_MODIFIED, responses
from orchestrator.service.http_cache import tag, tagged
from orchestrator.service.schemas import About, PageOf, RunDetail, RunSummary
from workers.environment import code_version

router = APIRouter(prefix=BASE, tags=["runs"], responses=responses(500, 503))
OF_A_RUN = responses(404, 422)


@router.get("", summary="About this service")
@router.get("/", include_in_schema=False)
def about(request: Request) -> About:
    """Its version, the schema and URL of its database, and whether it has a token."""
    service = service_of(request)
    settings = service.settings
    kinds = [JobKind.PROCESS, *([JobKind.RAY_JOB] if settings.ray_dashboard else [])]
    return About(code_version(), REVISIONS[-1], service.database.shown, settings.token is not None, settings.closed,
                 tuple(sorted((kind.value for kind in kinds), key=lambda kind: kind != settings.jobs.value)), datetime.now(UTC))


@router.get("/token", status_code=204, summary="Check the token", dependencies=[Security(bearer)],
            responses=responses(401, 403))
async def token(request: Request) -> None:
    """Empty, if the request has the service's token."""
    check_token(service_of(request).settings, request.headers.get("authorization"))


async def _filter(state: Annotated[RunState | None, Query(description="only runs in this state")] = None,
            method: Word = None, benchmark: Word = None, group: Word = None,
            name: Annotated[str | None, Query(max_length=LONGEST_NAME, pattern=PRINTABLE,
                                              description="only runs whose name contains this, ignoring case")] = None
            ) -> RunFilter:
    return RunFilter(state, method, benchmark, group, name)


@router.get("/runs", summary="Runs, newest first", responses=responses(422))
def runs(pages: Reading, wanted: Annotated[RunFilter, Depends(_filter)], limit: Limit = 100,
         offset: Offset = 0) -> PageOf[RunSummary]:
    """A page of the runs that match every filter, with their progress."""
    page = pages.snapshots(wanted, limit, offset)
    return PageOf[RunSummary].model_construct(items=list(map(RunSummary.of, page.items)), total=page.total, limit=limit,
                                              offset=offset)


@router.get("/runs/{run}", summary="One run", responses=OF_A_RUN)
def run(pages: Reading, run: RunName) -> RunDetail:
    """The record of a run, its progress, and the result of its proofs of zero forgetting."""
    snapshot = pages.snapshot(run)
    return RunDetail.whole(snapshot, pages.last_event(run), forgetting_claim(pages.commits(run)),
                           chance_sentences(pages.accuracy_matrix(run), pages.stages(run)))


@router.get("/runs/{run}/commits", summary="Commits, by task", responses={**OF_A_RUN, **NOT_MODIFIED})
def commits(pages: Reading, run: RunName, request: Request, response: Response) -> list[CommitRow]:
    """The published network of every committed task."""
    found = pages.commits(run)
    tagged(request, response, tag("commits", run, [(commit.digest, commit.created_at) for commit in found]))
    return found


@router.get("/runs/{run}/capacity", summary="Neurons after each commit, by task and layer",
            responses={**OF_A_RUN, **NOT_MODIFIED})
def capacity(pages: Reading, run: RunName, request: Request, response: Response) -> list[LayerCapacity]:
    """Used, new, reused and free neurons of every hidden layer."""
    tagged(request, response, tag("capacity", run, pages.version_of_commits(run)))
    return pages.capacity(run)


@router.get("/runs/{run}/accuracy", summary="Test accuracies, by commit and task", responses={**OF_A_RUN, **NOT_MODIFIED})
def accuracy(pages: Reading, run: RunName, request: Request, response: Response) -> list[AccuracyRow]:
    """Every commit on the test sets of all tasks up to its own."""
    tagged(request, response, tag("accuracy", run, pages.version_of_commits(run)))
    return pages.accuracy_matrix(run)


@router.get("/runs/{run}/requests", summary="Requests to its drivers, oldest first", responses=OF_A_RUN)
def requests(pages: Reading, run: RunName) -> list[RequestRow]:
    """Stops and cancellations, with their outcomes."""
    return pages.requests(run)


@router.get("/runs/{run}/events", summary="Events, oldest first", responses=OF_A_RUN)
def events(pages: Reading, run: RunName,
           after_id: Annotated[int, Query(ge=0, le=2**63 - 1, description="only events after this id")] = 0,
           limit: Limit = 100) -> list[EventRow]:
    """Events after a given one; repeat with the id of the last one for further events."""
    return pages.events(run, after_id, limit)


