"""Small real runs: a config in a few lines, a database and a store of their own, and an ear for the driver's steps."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.engine import open_database
from db.reads.reads import Reads
from db.rows import TrialRow
from db.states import RunState
from orchestrator import api
from orchestrator.config.config import Config
from orchestrator.events.events import Progress
from workers.storage.artifacts import ArtifactStore

SMALL: dict[str, Any] = {
    "name": "small",
    "benchmark": {"name": "permuted-digits", "tasks": 2},
    "network": {"hidden": [32, 24]},
    "training": {"batch_size": 64, "epochs": 2},
    "sweep": {"alpha": [1e-4], "learning_rate": [0.01, 0.02]},
    "selection": {"margin_points": 2, "curve_points": 10},
    "resources": {"max_concurrent_trials": 1},  # a worker's start costs more than all trials together
}


def small(**sections: dict[str, Any]) -> Config:
    """The small run with some keys of some sections replaced; ``None`` removes a key."""
    values = {key: dict(value) if isinstance(value, dict) else value for key, value in SMALL.items()}
    for section, keys in sections.items():
        merged = {**values.get(section, {}), **keys}
        values[section] = {key: value for key, value in merged.items() if value is not None}
    return Config.parse(values)


@dataclass
class Heard(Progress):
    """Remembers the driver's steps, and may do something at one of them."""

    steps: list[tuple[str, Any]] = field(default_factory=list)
    when: Callable[[str, Any], None] = lambda step, detail: None

    def _hear(self, step: str, detail: Any = None) -> None:
        self.steps.append((step, detail))
        self.when(step, detail)

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        self._hear("step", (run, text, task))

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        self._hear("stage", (task, trials, finished))

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        self._hear("epoch", (number, epoch))

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        self._hear("finished", number)

    def trial_failed(self, number: int, reason: str) -> None:
        self._hear("failed", (number, reason))

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        self._hear("selecting", list(picked))

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: object, digest: str) -> None:
        self._hear("committed", task)

    def notice(self, text: str) -> None:
        self._hear("notice", text)

    def of(self, step: str) -> list[Any]:
        """Details of every step of one kind, in order."""
        return [detail for name, detail in self.steps if name == step]


@dataclass
class Laboratory:
    """A folder with a database and a store; launches and resumes there.

    Its runs compute in the process of the test, unless what is tested is Ray: results do not depend on the executor.
    """

    folder: Path
    executor: str = "inline"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/clnp.db"

    @property
    def storage(self) -> str:
        return str(self.folder / "artifacts")

    def launch(self, config: Config, progress: Progress | None = None, name: str | None = None) -> api.Run:
        return api.launch(config, name=name, progress=progress, url=self.url, storage=self.storage, executor=self.executor)

    def resume(self, run: str, progress: Progress | None = None, **flags: bool) -> api.Run:
        return api.resume(run, progress=progress, url=self.url, storage=self.storage, executor=self.executor, **flags)

    def fork(self, run: str, after_task: int, **options: Any) -> api.Run:
        return api.fork(run, after_task, url=self.url, storage=self.storage, executor=self.executor, **options)

    def engine(self) -> Engine:
        return open_database(self.url)

    def read(self, question: Callable[[Reads], Any]) -> Any:
        engine = self.engine()
        try:
            return question(Reads(engine))
        finally:
            engine.dispose()

    def digests(self, run: str) -> list[str]:
        return [commit.digest for commit in self.read(lambda reads: reads.commits(run))]

    def trials(self, run: str, task: int | None = None) -> list[TrialRow]:
        return self.read(lambda reads: reads.trials(run, task))

    def artifact(self, digest: str | None) -> Path:
        """Where an artifact lies."""
        return Path(ArtifactStore(self.storage).shown(str(digest)))

    def commit_one_task(self, config: Config) -> None:
        """Launch and stop behind the first commit."""
        def stop(step: str, detail: Any) -> None:
            if step == "committed":
                api.request_stop(config.name, url=self.url)
                beat_now(config.name, self)
        assert self.launch(config, Heard(when=stop)).state is RunState.STOPPED


def beat_now(run: str, laboratory: Laboratory) -> None:
    """Wait until the driver's heartbeat has seen the open request."""
    for _ in range(200):
        if all(request.answer for request in laboratory.read(lambda reads: reads.requests(run))):
            return
        time.sleep(0.1)
    raise AssertionError("the driver did not answer")
