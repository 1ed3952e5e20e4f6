"""The route of a run's event stream."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from orchestrator.service.dependencies import BASE, RunName, service_of
from orchestrator.service.errors import responses

router = APIRouter(prefix=BASE, tags=["runs"], responses=responses(404, 422, 500, 503))


@router.get("/runs/{run}/events/stream", summary="What happens to it, as it happens",
            response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}},
                             "description": "`event: event` has an EventRow as its data and its id as `id`; `event: progress` "
                                            "a RunSummary, first at once and then whenever it has changed; `event: epochs` a "
                                            "list of RunningTrials, those whose last epoch has changed"}})
async def stream(
        run: RunName, request: Request,
        after_id: Annotated[int | None, Query(ge=0, le=2**63 - 1,
                                              description="go on behind this event; without it, from now on")] = None,
        last_event_id: Annotated[str | None, Header(max_length=100,
                                                    description="the same, as a browser says it when it comes back")] = None,
) -> StreamingResponse:
    """Events of a run and how far it is, without an end. A comment every 15 s keeps the connection alive."""
    streams = service_of(request).streams
    await streams.look(run)  # a run that is not there is a 404, and not an empty stream
    position = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else after_id
    return StreamingResponse(streams.follow(run, position), media_type="text/event-stream",
                             headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
