"""One real run for all tests of the command line, and runs in every other state, written as their drivers would."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from clnp_core.values import TaskFacts
from db.engine import open_database
from db.liveness import this_owner
from db.records import Lease, NewRun, PlannedTrial, TrialFailure
from db.states import FailureKind
from db.store.store import Store
from orchestrator.cli.main import main
from orchestrator.config.config import Config
from tests.db.builders import epoch, success
from tests.messages import naming
from workers.methods import Method

ROOT = Path(__file__).resolve().parents[3]
TINY: dict[str, Any] = {
    "name": "tiny",
    "benchmark": {"name": "permuted-digits", "tasks": 2},
    "network": {"hidden": [24, 16]},
    "training": {"batch_size": 64, "epochs": 3},
    "sweep": {"alpha": [1e-4], "learning_rate": [0.003, 0.01]},
    "selection": {"margin_points": 2},
}


FIRST_STEP = re.compile(r"^(reading|looking up) .* …\n")
"""What `launch`, `fork` and `resume` say at once, whatever comes of it."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its output as one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> tuple[int, str, str]:
        """Its exit code, message and hint; nothing else may be on standard error but the first step of a command that drives
        a run, and nothing on standard output."""
        message, _, hint = FIRST_STEP.sub("", self.err).rstrip("\n").rpartition("\n")
        assert self.out == "" and message.startswith("error: ") and hint.startswith("hint: "), self
        return self.code, message.removeprefix("error: "), hint.removeprefix("hint: ")

    def refuses(self, code: int, *facts: object) -> bool:
        """Whether it ended with this exit code, and an error and a hint that contain these facts."""
        ended, message, hint = self.error
        return ended == code and re.search(naming(*facts), f"{message}\n{hint}") is not None


def environment() -> dict[str, str]:
    """The environment of a command in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLNP_", "RAY_", "COLUMNS"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A command in a process of its own, as from a shell in ``folder``."""
    command = [sys.executable, "-P", "-m", "orchestrator.cli", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment(), text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def run(folder: Path, *arguments: str) -> Outcome:
    """A command in a process of its own, to its end."""
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=600)
    return Outcome(process.returncode, out, err)


@dataclass(frozen=True)
class Recorded:
    """A folder with the database and weights of the run ``tiny``, and how its launch ended."""

    folder: Path
    launch: Outcome


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A real run of two tasks and two trials each, launched by the real command; once for all processes that test."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "recorded"
    ended = folder / "launch.json"
    with FileLock(f"{folder}.lock"):
        if not ended.exists():
            folder.mkdir()
            (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
            ended.write_text(json.dumps(asdict(run(folder, "launch", "tiny.yaml"))))
    return Recorded(folder, Outcome(**json.loads(ended.read_text())))


@pytest.fixture
def clnp(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command in this process; ``folder`` is where it is typed."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*arguments: str, folder: Path | None = None) -> Outcome:
        with monkeypatch.context() as here:
            here.setattr(sys, "path", list(sys.path))
            if folder is not None:
                here.chdir(folder)
            capsys.readouterr()
            code = main(arguments)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def on_tiny(recorded: Recorded, clnp: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Run a command in this process where the run ``tiny`` is recorded."""
    return lambda *arguments: clnp(*arguments, folder=recorded.folder)


@dataclass(frozen=True)
class Written:
    """A run whose database is written by hand, up to the state that a test is about."""

    store: Store
    lease: Lease

    def begin(self, trials: int = 3) -> None:
        """Task 1 is SWEEPING, its trials PENDING."""
        network = Config.parse(TINY).network.architecture((64,), 10)
        self.store.begin_sweep(
            self.lease, 1, TaskFacts(1079, 359, 359, (64,), 10, "split", "task", {"device": "cpu"}), network.to_json(), None,
            [PlannedTrial(number, f"key-{number}", (1e-4, 1e-4, 1e-6), 0.01, 7) for number in range(trials)])

    def finish(self, number: int) -> None:
        """A trial of task 1 has a result."""
        self.store.trial_started(self.lease, 1, number, f"ray-{number}", "host", "cpu")
        self.store.trial_epochs(self.lease, 1, number, [epoch(1)])
        self.store.trial_finished(self.lease, 1, number, success(number))

    def fail(self, number: int, kind: FailureKind, reason: str) -> None:
        """A trial of task 1 has failed."""
        self.store.trial_started(self.lease, 1, number, f"ray-{number}", "host", "cpu")
        self.store.trial_failed(self.lease, 1, number, TrialFailure(kind, reason))

    def let_go(self) -> None:
        """Nobody drives the run any more."""
        self.store.release_lease(self.lease)


@contextmanager
def written(folder: Path, name: str = "demo", tasks: int = 2, method: Method = Method.CLNP, seed: int = 0,
            **resources: Any) -> Iterator[Written]:
    """A fresh run in ``folder``, held by this process."""
    strength = {"baseline": {"strength": 1}} if method.is_held else {}
    config = Config.parse({**TINY, "name": name, "seed": seed, "method": method.value, **strength, "resources": resources})
    engine = open_database(f"sqlite:///{folder / '.clnp' / 'clnp.db'}", create=True)
    try:
        store = Store(engine)
        store.create_run(NewRun(name, config.resolved(), config.digest(), seed, "permuted-digits", tasks, "2", "0.1.0", {},
                                method.value, first_task=tasks if method is Method.JOINT else 1))
        yield Written(store, store.acquire_lease(name, this_owner(), 60.0))
    finally:
        engine.dispose()
