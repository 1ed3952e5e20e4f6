"""Routes of what other margins would have chosen, from the records only."""

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.service.dependencies import BASE, LARGEST, Reading, RunName
from orchestrator.service.errors import responses
from orchestrator.what_if.what_if import MarginPoint, WhatIf, ask, margin_curve, margin_points, thinned

MOST_POINTS = 200
"""Maximum number of points per task of a curve, more than a figure can resolve."""

router = APIRouter(prefix=BASE + "/runs/{run}/what-if", tags=["what if"], responses=responses(404, 409, 422, 500, 503))
OneTask = Annotated[int | None, Query(ge=1, le=LARGEST, description="only this task, with a verdict for every trial")]
Margins = Annotated[list[str], Query(min_length=1, max_length=20, description="margin in percentage points; may be repeated")]


@router.get("", summary="What another margin would have chosen")
def what_if(pages: Reading, run: RunName, margin: Margins, task: OneTask = None) -> WhatIf:
    """For every selected task, on its recorded base. No weights are read and nothing is trained; `exact` tells whether the
    selection would give exactly this result."""
    return ask(pages, run, [margin_points(text) for text in margin], task)


@router.get("/curve", summary="Accuracy against free capacity over all margins")
def curve(pages: Reading, run: RunName, task: OneTask = None) -> list[MarginPoint]:
    """A point wherever the choice changes, at most about 200 per task."""
    return list(thinned(margin_curve(pages, run, task), MOST_POINTS))
