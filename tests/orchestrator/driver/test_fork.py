"""What may differ in a run that goes on from a commit of another one."""

from typing import Any

import pytest

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.driver.fork import forked_config
from tests.messages import naming, tells
from tests.orchestrator.laboratory import SMALL, small


def forked(after_task: int, *overrides: str, source: Config | None = None) -> Config:
    return forked_config((source or small()).resolved(), "m1", after_task, overrides, "m1-fork")


def test_only_what_is_overridden_differs() -> None:
    before, after = small().resolved(), forked(1, "selection.margin_points=4").resolved()
    changed = {(section, key) for section in ("benchmark", "network", "training", "sweep", "selection", "capacity", "resources")
               for key in before[section] if before[section][key] != after[section][key]}
    assert changed == {("selection", "margin_points"), ("sweep", "reuse_trials")}
    assert (after["name"], after["selection"]["margin_points"], after["sweep"]["reuse_trials"]) == ("m1-fork", "4", True)
    assert small().resolved() == before, "what is recorded of the other run is left alone"


def test_recorded_trials_are_reused_unless_the_command_says_otherwise() -> None:
    assert forked(0).sweep.reuse_trials and forked(1).sweep.reuse_trials
    assert not forked(1, "sweep.reuse_trials=false").sweep.reuse_trials


@pytest.mark.parametrize(("override", "key"), [
    ("seed=1", "seed"), ("network.hidden=[32, 25]", "network.hidden"), ("network.activation=tanh", "network.activation"),
    ("benchmark.name=permuted-mnist", "benchmark.name"), ("benchmark.validation_fraction=0.3", "benchmark.validation_fraction"),
    ("training.normalize=standard", "training.normalize"), ("evaluation.batch_size=10", "evaluation.batch_size"),
    ("resources.threads_per_trial=2", "resources.threads_per_trial")])
def test_the_past_stays_as_it_was(override: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        forked(1, override)
    assert tells(caught.value, "task 1", "m1", key, "clnp fork m1 --task 0 --set …")
    forked(0, override)


@pytest.mark.parametrize("overrides", [("method=scratch",), ("method=ewc", "baseline.strength=2"), ("method=joint",)])
def test_commits_are_not_relabelled_as_those_of_another_method(overrides: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        forked(1, *overrides)
    assert tells(caught.value, "task 1", "m1", "method")
    assert forked(0, *overrides).method == overrides[0].removeprefix("method=")


def test_what_held_the_weights_of_one_method_is_not_taken_over_by_another() -> None:
    ewc = Config.parse({**SMALL, "method": "ewc", "baseline": {"strength": 2}})
    assert forked(0, "method=clnp", source=ewc).method == "clnp"
    with pytest.raises(ConfigError, match=naming("strength", "si")):
        forked(0, "method=si", source=ewc)
    with pytest.raises(ConfigError, match=naming("task 1", "m1", "baseline.strength")):
        forked(1, "baseline.strength=3", source=ewc)


def test_a_run_that_learns_all_tasks_at_once_is_started_over() -> None:
    joint = Config.parse({**SMALL, "method": "joint"})
    assert forked(0, source=joint).method == "joint"
    with pytest.raises(ConfigError) as caught:
        forked(2, source=joint)
    assert tells(caught.value, "m1", "task 2", "clnp fork m1 --task 0 --set …")


def test_every_key_that_would_change_the_past_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        forked(3, "seed=1", "selection.margin_points=4", "network.head=multi")
    assert tells(caught.value, 1, 3, "m1", "network.head", "seed")


@pytest.mark.parametrize("override", [
    "benchmark.tasks=9", "seed=0", "network.hidden=[32, 24]", "training.epochs=7", "resources.cpus_per_trial=2",
    "sweep.learning_rate=[0.5]", "capacity={on_depletion: widen, widen_by: 5}", "selection.threshold=per-layer"])
def test_the_future_may_differ(override: str) -> None:
    config = forked(1, override)
    assert config.resources.threads_per_trial == 1, "bits depend on it, so it stays what was recorded"


def test_defaults_that_follow_from_an_overridden_key_follow_it() -> None:
    assert forked(1, "training.optimizer=sgd").training.momentum == 0.9
    assert forked(1, "training.optimizer=sgd", "training.momentum=0.5").training.momentum == 0.5
    by_sgd = small(training={"optimizer": "sgd", "momentum": 0.5})
    assert forked(1, "training.epochs=3", source=by_sgd).training.momentum == 0.5
    assert forked(1, "training.optimizer=adam", source=by_sgd).training.momentum == 0.0
    assert forked(0, "network.head=multi").network.head_bias
    assert forked(0, "resources.cpus_per_trial=2").resources.threads_per_trial == 2


@pytest.mark.parametrize(("overrides", "said"), [
    (["training.epoch=5"], ("--set", "training.epoch", "training.epochs")),
    (["selection=3"], ("--set", "selection")),
    (["margin"], ("--set", "margin", "key=value"))])
def test_a_wrong_override_is_told_as_at_a_launch(overrides: list[str], said: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        forked(1, *overrides)
    assert tells(caught.value, *said)


def test_a_record_of_an_older_version_lacks_the_keys_that_came_later() -> None:
    recorded: dict[str, Any] = small().resolved()
    for section, key in (("network", "activation"), ("sweep", "reuse_trials"), ("capacity", "widen_below")):
        del recorded[section][key]
    assert forked_config(recorded, "m1", 1, ["selection.margin_points=4"], "m1-fork").network.activation == "relu"
