"""Long trainings on real Ray workers: whatever interrupts one, it continues from its checkpoint to the same bits."""

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.states import RunState, StageState, TrialState
from orchestrator import api
from orchestrator.config.config import Config
from tests.orchestrator.laboratory import Heard, Laboratory, beat_now, small
from workers.storage.checkpoints import Checkpoints

pytestmark = pytest.mark.usefixtures("ray_with_logical_gpus")

EPOCHS = 400
"""Of the one trial: a few seconds."""


def long(folder: Path, every_seconds: float | None = 0.05) -> Config:
    """One long trial on the benchmark that misbehaves when a file in ``folder`` tells it to."""
    benchmark = {"name": "tests.orchestrator.misbehaving:Tasks", "tasks": 1, "params": {"folder": str(folder)}}
    return small(benchmark=benchmark, network={"hidden": [8, 6]}, training={"epochs": EPOCHS},
                 sweep={"learning_rate": [0.01]}, resources={"checkpoint_every_seconds": every_seconds})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the benchmark, whose parameters are part of a trial's key: one for all runs, so that they train the same trial."""
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory, ray_with_logical_gpus: None) -> str:
    """The digest of the trial's network where nothing interrupts it and nothing is written on the way."""
    laboratory = Laboratory(tmp_path_factory.mktemp("undisturbed"), "ray")
    assert laboratory.launch(long(folder, every_seconds=None)).state is RunState.COMPLETED
    return str(laboratory.trials("small")[0].artifact_digest)


def continued_from(laboratory: Laboratory) -> int:
    """How many epochs were behind it, by the one event that tells of it."""
    events = laboratory.read(lambda reads: reads.events("small"))
    (text,) = [event.message for event in events if event.kind == "trial" and "continues" in event.message]
    found = re.fullmatch(r"task 1, trial 0 continues (from|in) epoch (\d+)", text)
    assert found is not None, text
    return int(found[2]) - (found[1] == "in")


def assert_it_went_on(laboratory: Laboratory, undisturbed: str) -> None:
    """Epochs before the checkpoint carry the seconds of the first attempt: they were told again, not trained again."""
    (trial,) = laboratory.trials("small")
    epoch = continued_from(laboratory)
    first, second = (laboratory.read(lambda reads, n=n: reads.trial_history("small", 1, 0, n)) for n in (1, 2))
    assert trial.artifact_digest == undisturbed and trial.attempts == 2
    assert [row.epoch for row in second] == list(range(1, EPOCHS + 1))
    told_twice = min(epoch, len(first))
    assert told_twice > 0 and epoch < EPOCHS
    assert [row.seconds for row in second[:told_twice]] == [row.seconds for row in first[:told_twice]]
    assert list(Checkpoints(laboratory.storage).stored()) == []


@pytest.mark.whole
def test_a_trial_whose_worker_was_killed(tmp_path: Path, folder: Path, undisturbed: str) -> None:
    laboratory = Laboratory(tmp_path, "ray")
    (folder / "die-after-a-checkpoint").write_text(laboratory.storage)
    heard = Heard(when=lambda step, detail: (folder / "reported").touch() if step == "epoch" else None)
    assert laboratory.launch(long(folder), heard).state is RunState.COMPLETED
    assert not (folder / "die-after-a-checkpoint").exists()
    assert_it_went_on(laboratory, undisturbed)
    assert heard.of("notice") == [f"  task 1, trial 0 continues from epoch {continued_from(laboratory)}"]


@pytest.mark.slow
def test_a_run_that_was_stopped_and_is_resumed(tmp_path: Path, folder: Path, undisturbed: str) -> None:
    laboratory = Laboratory(tmp_path, "ray")

    def stop(step: str, detail: Any) -> None:
        if step == "epoch" and list(Checkpoints(laboratory.storage).stored()):
            api.request_stop("small", url=laboratory.url)
            beat_now("small", laboratory)

    assert laboratory.launch(long(folder), Heard(when=stop)).state is RunState.STOPPED
    assert laboratory.resume("small").state is RunState.COMPLETED
    assert_it_went_on(laboratory, undisturbed)


TRAINS_LONG: dict[str, dict[str, dict[str, Any]]] = {
    "trial": {"training": {"epochs": 3000}, "sweep": {"learning_rate": [0.01]}},
    "pack": {"training": {"epochs": 1500}, "sweep": {"learning_rate": [0.01, 0.02]}, "resources": {"trials_per_pack": 2}},
    "fine-tuning": {"training": {"epochs": 2}, "sweep": {"learning_rate": [0.01]}, "fine_tuning": {"epochs": 3000}},
}
"""What is in the middle of a long training when the run is stopped, and its config."""

STOPS: dict[str, Callable[[Laboratory], None]] = {
    "Ctrl-C": lambda laboratory: os.kill(os.getpid(), signal.SIGINT),
    "SIGTERM": lambda laboratory: os.kill(os.getpid(), signal.SIGTERM),
    "clnp stop": lambda laboratory: api.request_stop("small", url=laboratory.url),
}


def trains_long(what: str, folder: Path, method: str = "clnp", **resources: Any) -> Config:
    """A run of one task that writes no checkpoint of its own accord."""
    sections = {name: dict(keys) for name, keys in TRAINS_LONG[what].items()}
    sections["resources"] = {**sections.get("resources", {}), "stop_time_limit_seconds": 120.0, **resources}
    benchmark = {"name": "tests.orchestrator.misbehaving:Tasks", "tasks": 1, "params": {"folder": str(folder)}}
    config = small(benchmark=benchmark, network={"hidden": [8, 6]}, **sections)
    baseline = {"strength": 1.0} if method == "si" else {}
    return config if method == "clnp" else Config.parse({**config.resolved(), "method": method, "baseline": baseline})


def stopped_in_the_middle(laboratory: Laboratory, config: Config, stop: Callable[[Laboratory], None]) -> None:
    """Launch, and stop when the long training is under way."""
    heard = Heard()
    ended = threading.Event()

    def stop_when_it_trains() -> None:
        while not ended.wait(0.05):
            if heard.of("notice") or (heard.of("epoch") and config.fine_tuning is None):
                stop(laboratory)
                return
            stages = laboratory.read(lambda reads: reads.stages("small")) if heard.of("stage") else ()
            if any(stage.state is StageState.COMMITTING for stage in stages) and not ended.wait(3):
                stop(laboratory)
                return

    thread = threading.Thread(target=stop_when_it_trains)
    thread.start()
    try:
        assert laboratory.launch(config, heard).state is RunState.STOPPED
    finally:
        ended.set()
        thread.join()


def epochs_told(laboratory: Laboratory, sentence: str) -> list[int]:
    """The epochs in the events that match."""
    events = laboratory.read(lambda reads: reads.events("small"))
    return [int(found[1]) for event in events if (found := re.search(sentence, event.message))]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, folder: Path,
             ray_with_logical_gpus: None) -> Callable[[str, Config], list[str]]:
    """The commit digests of an undisturbed run, which is made when they are first asked for."""
    digests: dict[str, list[str]] = {}

    def of(what: str, config: Config) -> list[str]:
        if what not in digests:
            laboratory = Laboratory(tmp_path_factory.mktemp("expected"), "ray")
            assert laboratory.launch(config).state is RunState.COMPLETED
            digests[what] = laboratory.digests("small")
        return digests[what]

    return of


def assert_it_continues(laboratory: Laboratory, expected: list[str]) -> None:
    """The resume begins where the stop has left it, behind the first epoch, and the commit is an undisturbed run's."""
    left = epochs_told(laboratory, r" is stopped (?:in|after) epoch (\d+), and leaves a checkpoint$")
    assert len(left) == 1 and left[0] > 1
    assert laboratory.resume("small").state is RunState.COMPLETED
    assert epochs_told(laboratory, r"continues (?:in|from) epoch (\d+)$") == left
    assert laboratory.digests("small") == expected
    assert list(Checkpoints(laboratory.storage).stored()) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", list(STOPS))
@pytest.mark.parametrize("what", list(TRAINS_LONG))
def test_a_stop_leaves_a_checkpoint_that_a_resume_continues_from(what: str, how: str, tmp_path: Path, folder: Path,
                                                                 expected: Callable[[str, Config], list[str]]) -> None:
    laboratory, config = Laboratory(tmp_path, "ray"), trains_long(what, folder)
    stopped_in_the_middle(laboratory, config, STOPS[how])
    assert_it_continues(laboratory, expected(what, config))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["si", "joint"])
def test_a_stop_of_a_baseline(method: str, tmp_path: Path, folder: Path, expected: Callable[[str, Config], list[str]]) -> None:
    laboratory, config = Laboratory(tmp_path, "ray"), trains_long("trial", folder, method)
    stopped_in_the_middle(laboratory, config, STOPS["clnp stop"])
    assert_it_continues(laboratory, expected(method, config))


@pytest.mark.slow
def test_a_stop_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    """A trial that hangs while its task is loaded writes no checkpoint, and ends all the same."""
    laboratory, misbehaviour = Laboratory(tmp_path / "laboratory", "ray"), tmp_path / "benchmark"
    for folder in (laboratory.folder, misbehaviour):
        folder.mkdir()
    (misbehaviour / "hang").touch()
    ended = threading.Event()

    def stop_when_it_hangs() -> None:
        while not ended.wait(0.05):
            if (misbehaviour / "loaded").exists():
                STOPS["clnp stop"](laboratory)
                return

    thread = threading.Thread(target=stop_when_it_hangs)
    thread.start()
    try:
        run = laboratory.launch(trains_long("trial", misbehaviour, stop_time_limit_seconds=0.5))
    finally:
        ended.set()
        thread.join()
    assert run.state is RunState.STOPPED
    assert [trial.state for trial in laboratory.trials("small")] == [TrialState.PENDING]
