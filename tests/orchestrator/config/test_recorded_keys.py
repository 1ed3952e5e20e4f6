"""A config that does not use a key which came after version 0.1 has the record and the digest that it had then."""

from typing import Any

import pytest

from orchestrator.config import sections
from orchestrator.config.config import Config
from orchestrator.config.recorded_keys import ALWAYS_RECORDED
from orchestrator.config.sweep_section import Section

SPLIT = {"name": "split-digits", "tasks": 5}
CONVOLUTION: dict[str, Any] = {
    "kind": "conv", "neurons": 4, "kernel": 3, "padding": 1, "pool": {"kind": "max", "kernel": 2}}
DENSE: dict[str, Any] = {"kind": "dense", "neurons": 12, "batch_norm": True, "dropout": 0.5}


@pytest.mark.parametrize(("changes", "digest"), [
    ({}, "59da841df15fe1e18db5f6a16466c57f779ad1dcc58aad51dfd328fbb3681bec"),
    ({"seeds": [0, 1]}, "e136fc98bb8ec12ec3a32591e06e6ec6ab633958257324f0e9d48c388f6aa7d8"),
    ({"benchmark": SPLIT, "network": {"layers": [CONVOLUTION, DENSE], "head": "multi"}},
     "536dfe0c1df184188818a448f83a9d9c8fb4382dc370eebb47913c34b04b8671"),
    ({"benchmark": SPLIT, "network": {"layers": [CONVOLUTION], "output": {"kernel": 3, "padding": 1}, "head": "multi"}},
     "6fbb33ee7e5d999dd5d727208bfd6e75ca2da3b1c17b7923a3ddb8ae35f1a44b"),
    ({"sweep": {"sampler": "tpe", "samples": 8, "alpha": {"low": 1e-6, "high": 1e-3},
                "learning_rate": {"low": 1e-3, "high": 0.1}}},
     "a8cdacb746d286f6203047b5113dbd93e1c258849cb62d2ae7e9f64b9ad0fea4"),
    ({"sweep": {"alpha": [1e-5, 1e-4], "learning_rate": [0.1, 0.01], "protocol": "first-task",
                "later_tasks": {"alpha": 0, "learning_rate": 0.1}}},
     "0cd369020726a830f15080c246e2b26879a7884797b975950c2c2cca25f92ef1"),
    ({"capacity": {"on_depletion": "widen", "widen_by": 4}, "fine_tuning": {"epochs": 3},
      "selection": {"margin_points": "0.5", "threshold": "per-layer", "rule": "trade-off"},
      "resources": {"cpus_per_trial": 2, "trials_per_pack": 4}, "storage": {"keep_trials": "none"}},
     "6d78736717826289bcae791b5f27f0622474ace4e5fbe5252dbf7ddce495701d"),
    ({"method": "ewc", "baseline": {"strength": 100}}, "84a71b47b2ac915a0a10a2cb4a39ce959606fd9622094d1859dcb3130d202150"),
    ({"method": "joint"}, "77c3f79e61346c95e8f3ea3499ca7b3bd05e995ffc92aa7b3d837027682f983d"),
], ids=["least", "seeds", "layers", "convolutional output", "ranges", "later tasks", "widening", "ewc", "joint"])
def test_digests_of_version_0_1(values: dict[str, Any], changes: dict[str, Any], digest: str) -> None:
    assert Config.parse(values | {"name": "fixed"} | changes).digest() == digest


class Training(sections.Training):
    """That section in a later version."""

    later: int = 3
    also: tuple[int, ...] = ()


def test_a_later_key_is_recorded_only_where_it_is_not_its_default() -> None:
    before = sections.Training(epochs=5).model_dump(mode="json")
    assert Training(epochs=5).model_dump(mode="json") == Training(epochs=5, later=3).model_dump(mode="json") == before
    assert Training(epochs=5, later=4).model_dump(mode="json") == before | {"later": 4}
    assert "later" not in before and {"momentum", "gamma"} <= set(before), "defaults of version 0.1 are recorded"


def test_a_later_section_is_recorded_only_where_it_is_used() -> None:
    class Later(Section):
        factor: float = 2.0

    class Storage(sections.Storage):
        later: Later = Later()

    assert Storage().model_dump() == {"keep_trials": 10}
    assert Storage(later=Later(factor=3)).model_dump() == {"keep_trials": 10, "later": {"factor": 3.0}}


@pytest.mark.parametrize(("section", "key", "value"), [
    ("resources", "stop_time_limit_seconds", 7.5), ("selection", "minimum_accuracy", "0.5")])
def test_what_is_recorded_is_read_again(values: dict[str, Any], section: str, key: str, value: Any) -> None:
    default, other = Config.parse(values), Config.parse(values | {section: {**values.get(section, {}), key: value}})
    assert key not in default.resolved()[section] and other.resolved()[section][key] == value
    assert other.digest() != default.digest()
    for config in (default, other):
        assert Config.from_resolved(config.resolved()) == config


def test_every_key_of_version_0_1_is_known() -> None:
    """By the names of the classes, which therefore stay, and are each given once."""
    classes = [each for each in _below(Section) if each.__module__.startswith("orchestrator.config.")]
    fields = {each.__name__: set(each.model_fields) for each in classes}
    assert len(fields) == len(classes)
    for name, keys in ALWAYS_RECORDED.items():
        assert keys <= fields[name], name


def _below(section: type[Section]) -> list[type[Section]]:
    return [each for sub in section.__subclasses__() for each in (sub, *_below(sub))]
