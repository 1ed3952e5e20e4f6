"""What Prometheus asks for: requests by route, how long they took, and what the database holds."""

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
"""The route of what no route answers, and the method of what none understands: callers cannot make up labels."""


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self, pages: Callable[[], Pages], listeners: Callable[[], int]) -> None:
        """Metrics of a service.

        Args:
            pages: gives reads of its database, or raises a DatabaseError.
            listeners: counts its open streams.
        """
        self.registry = CollectorRegistry()
        self.requests = Counter("clnp_http_requests", "Requests that were answered.", ["method", "route", "status"],
                                registry=self.registry)
        self.seconds = Histogram("clnp_http_request_seconds", "Seconds until an answer was sent whole; streams are left out.",
                                 ["route"], registry=self.registry,
                                 buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
        Gauge("clnp_stream_listeners", "Event streams that are open.", registry=self.registry).set_function(listeners)
        self.registry.register(_Recorded(pages))


class _Recorded(Collector):
    """What the database holds at the moment of the question."""

    def __init__(self, pages: Callable[[], Pages]) -> None:
        self._pages = pages

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("clnp_database_up", "1 if the database could be read just now.")
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
        """Nothing is asked of the database before somebody wants to know."""
        return iter(())


class Metered:
    """Counts every request and its answer."""

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
