"""Whole runs of the methods that CLNP is held against: the same config, trials, database and reports."""

from collections.abc import Iterator
from typing import Any

import pytest

from clnp_core.errors import ConfigError, StateError
from clnp_core.selection import Verdict
from db.states import RunState
from orchestrator import api
from orchestrator.configuration.config import Config
from tests.orchestrator.runs import SMALL, Heard, Laboratory
from workers.methods import Method


def config(method: Method, **baseline: Any) -> Config:
    return Config.parse({**SMALL, "name": method.value, "method": method.value, "baseline": baseline})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, ray_with_logical_gpus: None) -> Iterator[Laboratory]:
    yield Laboratory(tmp_path_factory.mktemp("methods"))


@pytest.mark.parametrize(("method", "baseline"), [
    pytest.param(Method.SEQUENTIAL, {}, marks=pytest.mark.slow), (Method.EWC, {"strength": 50.0, "fisher_samples": 50}),
    pytest.param(Method.SCRATCH, {}, marks=pytest.mark.slow), (Method.JOINT, {})])
def test_a_run_of_every_method(lab: Laboratory, method: Method, baseline: dict[str, Any]) -> None:
    heard = Heard()
    run = lab.launch(config(method, **baseline), heard)
    assert run.state is RunState.COMPLETED
    assert lab.read(lambda reads: reads.run(run.name)).method == method.value
    matrix = {(cell.after_task, cell.on_task) for cell in lab.read(lambda reads: reads.accuracy_matrix(run.name))}
    assert matrix == ({(2, 1), (2, 2)} if method is Method.JOINT else {(1, 1), (2, 1), (2, 2)})
    trials = lab.read(lambda reads: reads.trials(run.name))
    assert {trial.alpha for trial in trials} == {(0.0, 0.0, 0.0)}
    best = max(trial.val_correct or 0 for trial in trials if trial.task == 2)
    chosen = next(trial for trial in trials if trial.task == 2 and trial.verdict is Verdict.CHOSEN)
    assert chosen.val_correct == best
    assert heard.of("committed") == ([2] if method is Method.JOINT else [1, 2])
    again = api.resume(run.name, url=lab.url, storage=lab.storage)
    assert again.state is RunState.COMPLETED
    with pytest.raises(StateError, match="promises nothing about forgetting"):
        api.verify(run.name, url=lab.url, storage=lab.storage)
    with pytest.raises(StateError, match="prunes nothing, so no margin plays a part"):
        api.run(run.name, url=lab.url, storage=lab.storage).what_if(1)
    with pytest.raises(StateError, match="no network of their own to take out"):
        api.run(run.name, url=lab.url, storage=lab.storage).export(2)


@pytest.mark.parametrize(("values", "expected"), [
    ({"method": "ewc"}, "baseline: strength is missing, and method ewc holds the weights by it"),
    ({"method": "sequential", "baseline": {"strength": 1}}, "strength has no meaning with method sequential"),
    ({"baseline": {"strength": 1}}, "strength has no meaning with method clnp"),
    ({"method": "scratch", "fine_tuning": {}}, "has no meaning with method scratch, which prunes nothing"),
    ({"method": "si", "baseline": {"batch": [1, 1], "strength": 1}}, "batch has no meaning with method si"),
    ({"method": "joint", "baseline": {"batch": [1]}}, "batch has 1 numbers for 2 tasks"),
    ({"method": "joint", "training": {"batch_size": 1, "epochs": 2}}, "baseline: is without batch, and a batch of 1 samples"),
    ({"method": "joint", "network": {"hidden": [32, 1]}}, "network: has 1 neurons in its last hidden layer, which method"),
    ({"method": "joint", "resources": {"trials_per_pack": 2}}, "trials_per_pack has no meaning with method joint"),
    ({"method": "ewcc"}, "did you mean ewc?"),
])
def test_what_does_not_fit_a_method(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.parse({**SMALL, **values})
    assert expected in str(refused.value)


def test_a_config_of_clnp_is_recorded_as_before_there_were_others() -> None:
    resolved = Config.parse(SMALL).resolved()
    assert not {"method", "baseline"} & resolved.keys()
    assert Config.from_resolved(resolved).method is Method.CLNP
    other = config(Method.EWC, strength=2)
    assert Config.from_resolved(other.resolved()) == other
