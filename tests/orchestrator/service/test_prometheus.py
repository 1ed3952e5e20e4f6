"""What Prometheus reads."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


def _samples(client: httpx.Client) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics").text
    return {(sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def test_requests_are_counted_by_route_and_not_by_what_was_asked_for(service: httpx.Client) -> None:
    before = _samples(service)
    for _ in range(3):
        service.get("/api/v1/runs/tiny/stages/1")
    service.get("/api/v1/runs/some-other/stages/77")
    service.request("BREW", "/api/v1/runs")
    after = _samples(service)
    route = "/api/v1/runs/{run}/stages/{task}"
    found = ("clnp_http_requests_total", "GET", route, "200")
    assert after[found] - before.get(found, 0) == 3
    assert after["clnp_http_requests_total", "GET", route, "404"] >= 1
    assert ("clnp_http_requests_total", "other", "/api/v1/runs", "403") in after or any(
        key[:2] == ("clnp_http_requests_total", "other") for key in after)
    assert after["clnp_http_request_seconds_count", route] - before.get(("clnp_http_request_seconds_count", route), 0) == 4
    assert not any("some-other" in part for key in after for part in key)


def test_runs_and_trials_are_counted_by_state(service: httpx.Client) -> None:
    found = _samples(service)
    assert found["clnp_database_up",] == 1
    assert found["clnp_runs", "completed"] == 1 and found["clnp_runs", "failed"] == 0
    assert found["clnp_trials", "finished"] == 4 and found["clnp_trials", "running"] == 0
    assert found["clnp_stream_listeners",] >= 0
