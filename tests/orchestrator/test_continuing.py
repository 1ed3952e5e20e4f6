"""Long trials on real Ray workers: whoever interrupts one, it goes on from its checkpoint to the same bits."""

import re
from pathlib import Path
from typing import Any

import pytest

from db.states import RunState
from orchestrator import api
from orchestrator.configuration.config import Config
from tests.orchestrator.runs import Heard, Laboratory, beat_now, small
from workers.checkpoints import Checkpoints

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
    laboratory = Laboratory(tmp_path_factory.mktemp("undisturbed"))
    assert laboratory.launch(long(folder, every_seconds=None)).state is RunState.COMPLETED
    return str(laboratory.trials("small")[0].artifact_digest)


def continued_from(laboratory: Laboratory) -> int:
    """The epoch in the one event that tells of it."""
    events = laboratory.read(lambda reads: reads.events("small"))
    (text,) = [event.message for event in events if event.kind == "trial" and "goes on" in event.message]
    found = re.fullmatch(r"task 1, trial 0 goes on from epoch (\d+)", text)
    assert found is not None, text
    return int(found[1])


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


def test_a_trial_whose_worker_was_killed(tmp_path: Path, folder: Path, undisturbed: str) -> None:
    laboratory = Laboratory(tmp_path)
    (folder / "die-after-a-checkpoint").write_text(laboratory.storage)
    heard = Heard(when=lambda step, detail: (folder / "reported").touch() if step == "epoch" else None)
    assert laboratory.launch(long(folder), heard).state is RunState.COMPLETED
    assert not (folder / "die-after-a-checkpoint").exists()
    assert_it_went_on(laboratory, undisturbed)
    assert heard.of("notice") == [f"  task 1, trial 0 goes on from epoch {continued_from(laboratory)}"]


@pytest.mark.slow
def test_a_run_that_was_stopped_and_is_resumed(tmp_path: Path, folder: Path, undisturbed: str) -> None:
    laboratory = Laboratory(tmp_path)

    def stop(step: str, detail: Any) -> None:
        if step == "epoch" and list(Checkpoints(laboratory.storage).stored()):
            api.request_stop("small", url=laboratory.url)
            beat_now("small", laboratory)

    assert laboratory.launch(long(folder), Heard(when=stop)).state is RunState.STOPPED
    assert laboratory.resume("small").state is RunState.COMPLETED
    assert_it_went_on(laboratory, undisturbed)
