"""State that the routes of one service share."""

from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.jobs.ray_jobs import RayJobs
from orchestrator.jobs.start import Starter
from orchestrator.service.database import Database
from orchestrator.service.event_stream import Streams
from orchestrator.service.figure_cache import FigureCache
from orchestrator.service.prometheus import Metrics
from orchestrator.service.settings import ServiceSettings


@dataclass(slots=True)
class Service:
    """A service: its settings, its database, and objects with its lifetime."""

    settings: ServiceSettings
    database: Database
    figures: FigureCache = field(default_factory=FigureCache)
    starter: Starter = field(init=False)
    streams: Streams = field(init=False)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        dashboard = self.settings.ray_dashboard
        self.starter = Starter(self.settings.place, Path.cwd() / ".clnp" / "jobs", RayJobs(dashboard) if dashboard else None)
        self.streams = Streams(self.database)
        self.metrics = Metrics(lambda: self.database.pages, lambda: self.streams.listeners)
