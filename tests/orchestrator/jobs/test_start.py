"""Drivers in the background: processes that go on by themselves."""

from pathlib import Path

import pytest

from clnp_core.errors import BusyError, RunFailedError
from db.states import RunState
from orchestrator import api
from tests.messages import naming, tells
from tests.orchestrator.cli.conftest import Recorded, recorded, written
from tests.orchestrator.laboratory import small

__all__ = ["recorded"]


def test_a_run_with_nothing_left_to_do(recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = recorded.folder / ".clnp"
    tiny = api.run("tiny", url=f"sqlite:///{there}/clnp.db", storage=str(there / "artifacts"))
    assert tiny.start() is tiny and tiny.state is RunState.COMPLETED
    (job,) = (tmp_path / ".clnp" / "jobs").iterdir()
    assert (job / "output").read_text().startswith("looking up tiny …\nrun tiny is complete: there is nothing left to do\n")


def test_a_driver_that_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with written(tmp_path) as run:
        run.let_go()
    demo = api.run("demo", url=f"sqlite:///{tmp_path}/.clnp/clnp.db", storage="s3://no bucket/weights")
    with pytest.raises(RunFailedError) as caught:
        demo.start()
    assert tells(caught.value, "demo", 2, "CLNP_STORAGE", "no bucket", "BUCKET/PREFIX", "clnp.run")


def test_one_that_is_driven_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with written(tmp_path), pytest.raises(BusyError, match=naming("demo")):
        api.run("demo", url=f"sqlite:///{tmp_path}/.clnp/clnp.db").start()


@pytest.mark.slow
def test_started_stopped_and_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a Ray of its own each time."""
    monkeypatch.chdir(tmp_path)
    run = api.start(small(training={"epochs": 30}))
    assert run.driver_lives and run.state is RunState.RUNNING
    for event in run.follow_events():
        if "sweeping: 2 trials planned" in event.message:
            run.stop()
    assert run.state is RunState.STOPPED
    assert [event.message for event in run.start().follow_events()][-1].startswith("released by process ")
    assert run.state is RunState.COMPLETED and len(run.verify()) == 2
