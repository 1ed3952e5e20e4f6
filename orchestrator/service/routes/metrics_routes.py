"""The route of the metrics for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from orchestrator.service.dependencies import service_of
from orchestrator.service.errors import PLAIN_TEXT, responses

router = APIRouter(tags=["service"])


@router.get("/metrics", summary="Metrics, in the text format of Prometheus", response_class=Response,
            responses={**responses(500), **PLAIN_TEXT})
def metrics(request: Request) -> Response:
    """Requests, latencies and listeners of this service since its start; current runs and trials by state."""
    return Response(generate_latest(service_of(request).metrics.registry), media_type=CONTENT_TYPE_LATEST)
