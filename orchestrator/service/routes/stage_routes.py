"""Routes of the tasks of a run and their trials."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from clnp_core.errors import NotFoundError
from clnp_core.selection import Verdict
from db.reads.pages import TrialOrder
from db.rows import EpochRow, SelectionRow, ThresholdRow, TrialRow, VerdictRow
from db.states import TrialState
from orchestrator.runs.trial_logs import output_of_trial
from orchestrator.service.dependencies import BASE, Limit, Number, Offset, Reading, RunName, Task, service_of
from orchestrator.service.errors import NOT_MODIFIED, PLAIN_TEXT, responses
from orchestrator.service.http_cache import tag, tagged
from orchestrator.service.schemas import PageOf, StageDetail

router = APIRouter(prefix=BASE + "/runs/{run}/stages", tags=["tasks and trials"], responses=responses(404, 422, 500, 503))


@router.get("", summary="Tasks of a run, in order")
def stages(pages: Reading, run: RunName) -> list[StageDetail]:
    """Every task with its state, its data, its network and a count of its trials."""
    return StageDetail.each(pages.stages(run))


@router.get("/{task}", summary="One task")
def stage(pages: Reading, run: RunName, task: Task) -> StageDetail:
    """One task with its state, its data, its network and a count of its trials."""
    return StageDetail.of(pages.stage(run, task))


@router.get("/{task}/trials", summary="Trials of a task")
def trials(pages: Reading, run: RunName, task: Task,
           state: Annotated[TrialState | None, Query(description="only trials in this state")] = None,
           verdict: Annotated[Verdict | None, Query(description="only trials with this verdict")] = None,
           sort: Annotated[TrialOrder, Query(description="sort key; with a leading dash in descending order")] =
           TrialOrder.NUMBER,
           limit: Limit = 100, offset: Offset = 0) -> PageOf[TrialRow]:
    """A page of a task's trials. Trials without a value of the sort key are last in both directions."""
    return PageOf[TrialRow].of(pages.trial_page(run, task, limit, offset, state, verdict, sort), limit, offset)


@router.get("/{task}/trials/{number}", summary="One trial")
def trial(pages: Reading, run: RunName, task: Task, number: Number) -> TrialRow:
    """A trial with its result and its verdict."""
    return pages.trial(run, task, number)


@router.get("/{task}/trials/{number}/epochs", summary="Its epochs", responses=NOT_MODIFIED)
def epochs(pages: Reading, run: RunName, task: Task, number: Number, request: Request, response: Response) -> list[EpochRow]:
    """All epochs of the last attempt that recorded any."""
    found = pages.trial(run, task, number)
    if found.state.has_ended:
        tagged(request, response, version_of_trial("epochs", found))
    return pages.trial_history(run, task, number)


@router.get("/{task}/trials/{number}/curve", summary="Its threshold curve", responses=NOT_MODIFIED)
def curve(pages: Reading, run: RunName, task: Task, number: Number, request: Request, response: Response) -> list[ThresholdRow]:
    """Accuracy and free neurons after pruning at each threshold; empty for an unfinished trial."""
    found = pages.trial(run, task, number)
    if found.state.has_ended:
        tagged(request, response, version_of_trial("curve", found))
    return pages.threshold_curve(run, task, number)


@router.get("/{task}/trials/{number}/output", summary="Output of a trial", response_class=Response, responses=PLAIN_TEXT)
def output(pages: Reading, run: RunName, task: Task, number: Number, request: Request) -> PlainTextResponse:
    """The kept output of a trial's training."""
    return PlainTextResponse(output_of_trial(pages, service_of(request).settings.place.storage, run, task, number))


@router.get("/{task}/selection", summary="The chosen trial, and the reason")
def selection(pages: Reading, run: RunName, task: Task) -> SelectionRow:
    """The chosen trial of a task, its thresholds, and its competitors."""
    found = pages.selections(run, task)
    if not found:
        raise NotFoundError(f"task {task} of run {run!r} has no selection yet",
                            f"/api/v1/runs/{run}/stages/{task} has its state")
    return found[0]


@router.get("/{task}/verdicts", summary="Verdicts of the selection")
def verdicts(pages: Reading, run: RunName, task: Task, limit: Limit = 100, offset: Offset = 0) -> PageOf[VerdictRow]:
    """A page of the verdicts, by trial number."""
    return PageOf[VerdictRow].of(pages.verdict_page(run, task, limit, offset), limit, offset)


def version_of_trial(what: str, trial: TrialRow) -> str:
    """Return the ETag of data of an ended attempt of a trial."""
    return tag(what, trial.run, trial.task, trial.number, trial.key, trial.attempts, trial.state.value, trial.finished_at,
               trial.reused_from)
