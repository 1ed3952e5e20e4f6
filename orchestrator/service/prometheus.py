"""Metrics for Prometheus: requests by route, latencies, and contents of the database."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clnp_core.errors import DatabaseError
from db.reads.pages import Pages
from db.states import RunState, TrialState

METHODS = frozenset({"GET", "HEAD", "POST"})
ELSEWHERE = "other"
"""Labels for unknown routes and methods, so that clients cannot create labels."""


class Metrics:
    """The metrics of one service, with a separate registry."""

    def __init__(self, pages: Callable[[], Pages], listeners: Callable[[], int]) -> None:
        """Create the metrics of a service.

        Args:
            pages: returns reads of its database, or raises a DatabaseError.
            listeners: returns the number of its open streams.
        """
        self.registry = CollectorRegistry()
        self.requests = Counter("clnp_http_requests", "Number of answered requests.", ["method", "route", "status"],
                                registry=self.registry)
        self.seconds = Histogram("clnp_http_request_seconds", "Seconds until a response was sent completely, without streams.",
                                 ["route"], registry=self.registry,
                                 buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
        Gauge("clnp_stream_listeners", "Number of open event streams.", registry=self.registry).set_function(listeners)
        self.registry.register(_Recorded(pages))


class _Recorded(Collector):
    """Metrics of the database, read on each scrape."""

    def __init__(self, pages: Callable[[], Pages]) -> None:
        self._pages = pages

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("clnp_database_up", "1 if the database can be read.")
        try:
            pages = self._pages()
            runs, trials = pages.runs_by_state(), pages.trials_by_state()
        except DatabaseError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        of_runs = GaugeMetricFamily("clnp_runs", "Runs in each state.", labels=["state"])
        for run_state in RunState:
            of_runs.add_metric([run_state.value], runs.get(run_state, 0))
        yield of_runs
        of_trials = GaugeMetricFamily("clnp_trials", "Trials in each state, over all runs.", labels=["state"])
        for trial_state in TrialState:
            of_trials.add_metric([trial_state.value], trials.get(trial_state, 0))
        yield of_trials

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return nothing, so that registration does not query the database."""
        return iter(())


class Metered:
    """Counts every request and its response."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", ELSEWHERE)
            method = scope["method"] if scope["method"] in METHODS else ELSEWHERE
            self._metrics.requests.labels(method, route, str(status)).inc()
            if not route.endswith("/stream"):
                self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
