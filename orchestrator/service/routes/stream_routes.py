"""The route of a run's event stream."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from orchestrator.service.dependencies import BASE, RunName, service_of
from orchestrator.service.errors import responses

router = APIRouter(prefix=BASE, tags=["runs"], responses=responses(404, 422, 500, 503))


@router.get("/runs/{run}/events/stream", summary="Live events",
            response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}},
                             "description": "`event: event` has an EventRow as its data and its id as `id`; `event: progress` "
                                            "a RunSummary, at once and then whenever it changes; `event: epochs` a "
                                            "list of the RunningTrials whose last epoch has changed"}})
async def stream(
        run: RunName, request: Request,
        after_id: Annotated[int | None, Query(ge=0, le=2**63 - 1,
                                              description="only events after this id; default: new events")] = None,
        last_event_id: Annotated[str | None, Header(max_length=100,
                                                    description="the same, as browsers send it on reconnection")] = None,
) -> StreamingResponse:
    """Events and progress of a run, without end. A comment every 15 s keeps the connection alive."""
    streams = service_of(request).streams
    await streams.look(run)  # a missing run is a 404, not an empty stream
    position = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else after_id
    return StreamingResponse(streams.follow(run, position), media_type="text/event-stream",
                             headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
