"""Runs that go on from a commit of another one, on a real Ray: what they share, and what they leave alone."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clnp_core.errors import ConfigError, EnvironmentChangedError, StateError
from db.states import RunState
from orchestrator import api
from orchestrator.events.events import Progress
from tests.messages import naming, tells
from tests.orchestrator.laboratory import Heard, Laboratory, small


def fork(laboratory: Laboratory, run: str, after_task: int, *overrides: str, progress: Progress | None = None,
         **options: Any) -> api.Run:
    return laboratory.fork(run, after_task, overrides=overrides, progress=progress, **options)


def everything(laboratory: Laboratory, run: str) -> list[Any]:
    return [laboratory.read(lambda reads, name=name: getattr(reads, name)(run)) for name in (
        "run", "stages", "trials", "verdicts", "selections", "commits", "capacity", "accuracy_matrix", "events")]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A completed run "m1" of two tasks with a margin of one point."""
    laboratory = Laboratory(tmp_path_factory.mktemp("parent"))
    assert laboratory.launch(small(selection={"margin_points": 1}), name="m1").state is RunState.COMPLETED
    return laboratory


def test_another_margin_from_task_1_on(parent: Laboratory) -> None:
    before, heard = everything(parent, "m1"), Heard()
    run = fork(parent, "m1", 1, "selection.margin_points=9", progress=heard)
    assert (run.name, run.state, run.forked_from, run.forked_after_task, run.margin_points) == (
        "m1-fork", RunState.COMPLETED, "m1", 1, "9")
    assert everything(parent, "m1") == before
    assert heard.of("notice")[:2] == ["run m1-fork continues from task 1 of run m1",
                                      "  task 2: 2 trials reused from run m1, none retrained"]
    assert heard.of("finished") == [], "the margin is no part of a trial's key, and both stand on the same commit"
    assert [trial.reused_from for trial in parent.trials(run.name)] == [None, None, "m1/2/0", "m1/2/1"]
    assert parent.digests(run.name)[0] == parent.digests("m1")[0]
    assert [row.margin_points for row in parent.read(lambda reads: reads.selections("m1-fork"))] == ["1", "9"]
    assert len(api.verify(run.name, url=parent.url, storage=parent.storage)) == 2


def test_from_the_start_with_several_margins(parent: Laboratory) -> None:
    names = []
    for margin in (2, 4):
        heard = Heard()
        run = fork(parent, "m1", 0, f"selection.margin_points={margin}", "benchmark.tasks=1", progress=heard)
        assert run.state is RunState.COMPLETED and heard.of("finished") == []
        assert heard.of("notice")[0] == f"run {run.name} starts over with the config of run m1"
        assert [trial.reused_from for trial in parent.trials(run.name)] == ["m1/1/0", "m1/1/1"]
        names.append(run.name)
    assert names == ["m1-fork-2", "m1-fork-3"]


@pytest.mark.slow
def test_an_interrupted_fork_ends_like_another_one(parent: Laboratory) -> None:
    other = ("training.epochs=3", "sweep.reuse_trials=false")
    whole = fork(parent, "m1", 1, *other, name="whole")

    def stop(step: str, detail: Any) -> None:
        if step == "finished":
            api.request_stop("broken-off", url=parent.url)
            while any(request.answer is None for request in parent.read(lambda reads: reads.requests("broken-off"))):
                time.sleep(0.1)  # until the driver's next heartbeat

    one_by_one = "resources.max_concurrent_trials=1"
    broken = fork(parent, "m1", 1, *other, one_by_one, name="broken-off", progress=Heard(when=stop))
    assert (broken.state, broken.tasks_committed) == (RunState.STOPPED, 1)
    heard = Heard()
    assert parent.resume("broken-off", heard).state is RunState.COMPLETED
    assert heard.of("finished") == [1], "what was finished is not trained again"
    assert parent.digests("broken-off") == parent.digests(whole.name)
    assert parent.digests("broken-off")[0] == parent.digests("m1")[0]
    _lost_and_built_again(parent, "broken-off")


def _lost_and_built_again(parent: Laboratory, name: str) -> None:
    """What a fork took over was learnt under another config, which its rebuilding must know."""
    inherited = parent.digests(name)[0]
    chosen = parent.read(lambda reads: reads.selections(name, 1)[0].chosen)
    for digest in (inherited, next(trial.artifact_digest for trial in parent.trials(name, 1) if trial.number == chosen)):
        parent.artifact(digest).unlink()
    heard = Heard()
    assert parent.resume(name, heard).state is RunState.COMPLETED
    assert "task 1: its committed network is missing or damaged, rebuilding it" in heard.of("notice")
    assert parent.artifact(inherited).exists()


@pytest.mark.slow
def test_a_depleted_run_goes_on_with_wider_layers_or_a_larger_margin(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    full = small(network={"hidden": [12, 1]}, sweep={"learning_rate": [0.01]}, selection={"margin_points": 0},
                 training={"epochs": 4})
    assert laboratory.launch(full).state is RunState.DEPLETED
    wider = fork(laboratory, "small", 1, "capacity={on_depletion: widen, widen_by: 5}")
    assert wider.state is RunState.COMPLETED
    assert laboratory.digests(wider.name)[0] == laboratory.digests("small")[0]
    looser = fork(laboratory, "small", 0, "selection.margin_points=100")
    assert looser.state is RunState.COMPLETED, "with everything pruned, the neuron of task 1 is free for task 2"
    assert laboratory.trials(looser.name, 1)[0].reused_from == "small/1/0"
    assert laboratory.read(lambda reads: reads.run("small")).state is RunState.DEPLETED


class TestRefusals:
    def names(self, laboratory: Laboratory) -> list[str]:
        return [run.name for run in laboratory.read(lambda reads: reads.runs())]

    def test_another_environment_unless_it_is_accepted(self, parent: Laboratory, tmp_path: Path) -> None:
        parent = Laboratory(Path(shutil.copytree(parent.folder, tmp_path / "copy")))  # what follows changes a record of the run
        before = self.names(parent)
        engine = parent.engine()
        real = parent.read(lambda reads: reads.run("m1")).environment
        assert real is not None
        with engine.begin() as connection:
            connection.execute(text("UPDATE clnp_runs SET environment = '{\"device\": \"abacus\"}' WHERE name = 'm1'"))
        engine.dispose()
        with pytest.raises(EnvironmentChangedError) as caught:
            fork(parent, "m1", 1)
        assert tells(caught.value, "m1")
        assert f"device was abacus, is {real['device']}" in caught.value.message
        assert tells(caught.value, "--accept-environment")
        assert self.names(parent) == before, "nothing was recorded"
        run = fork(parent, "m1", 1, accept_environment=True)
        assert run.state is RunState.COMPLETED and run.environment == real
        changes = [event for event in parent.read(lambda reads: reads.events(run.name)) if event.kind == "environment"]
        assert [event.details["before"] for event in changes] == [{"device": "abacus"}]

    def test_what_would_make_the_past_untrue(self, parent: Laboratory) -> None:
        before = self.names(parent)
        with pytest.raises(ConfigError, match=naming("task 1", "m1")):
            fork(parent, "m1", 1, "seed=3")
        with pytest.raises(StateError) as caught:
            fork(parent, "m1", 2)
        assert tells(caught.value, 2, "task 2", "--set benchmark.tasks=3")
        with pytest.raises(StateError, match=naming("task 3", "m1")):
            fork(parent, "m1", 3, "benchmark.tasks=9")
        with pytest.raises(StateError, match=naming("m1")):
            fork(parent, "m1", 1, name="m1")
        assert self.names(parent) == before
