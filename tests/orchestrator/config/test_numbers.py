"""Whole numbers however they are written, and no number that float32 takes for another; for every key."""

import copy
import struct
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.config.errors import Key, keys
from tests.messages import naming
from tests.orchestrator.conftest import MINIMAL

WHOLE = {"hidden": [4, 5, 6], "milestones": [1, 2], "seeds": [1, 2], "batch": [1, 2]}
"""Keys that hold a list of whole numbers."""

EXCLUSIVE: dict[str, dict[str, Any]] = {
    "capacity": {"on_depletion": "widen", "widen_by": 3}, "fine_tuning": {}, "network": {"hidden": [4, 5]},
    "sweep": {"alpha": [0.1], "learning_rate": [0.1], "protocol": "first-k", "first_tasks": 2},
    "training": {"epochs": 5, "optimizer": "sgd"}}
"""Sections in which as many keys as possible mean something."""

LAYER = {"kind": "conv", "neurons": 3, "kernel": 3, "pool": {"kind": "max", "kernel": 3}}


def holding(path: str, value: Any) -> dict[str, Any]:
    """A config in which the key at ``path`` has this value, and everything around it that it needs to have a meaning."""
    values = copy.deepcopy(MINIMAL | EXCLUSIVE) | {"seed": 1}
    if path.startswith("network.") and path != "network.hidden":
        values["benchmark"] = {"name": "split-digits", "tasks": 3}
        values["network"] = {"layers": [copy.deepcopy(LAYER)], "output": {"kernel": 1}}
    if path == "network.width_factor":
        values["network"] = {"name": "digits-small"}
    if path == "benchmark.samples_per_class":
        values["benchmark"] = {"name": "split-digits", "tasks": 3}
    if path.startswith("baseline."):
        method = "joint" if path == "baseline.batch" else "ewc"
        values = copy.deepcopy(MINIMAL) | {"method": method, "baseline": {"strength": 3}}
        if path == "baseline.batch":
            values["benchmark"]["tasks"], values["baseline"] = 2, {}
    if path == "sweep.samples":
        values["sweep"] = {"sampler": "tpe", "alpha": {"low": 0.1, "high": 1}, "learning_rate": {"low": 0.1, "high": 1}}
    if path.startswith(("sweep.alpha.", "sweep.learning_rate.")):
        values["sweep"] = {"sampler": "tpe", "samples": 3, "alpha": {"low": 0.1, "high": 1},
                           "learning_rate": {"low": 0.1, "high": 1}}
    if path.startswith("sweep.later_tasks."):
        values["sweep"]["later_tasks"] = {"alpha": 0.1, "learning_rate": 0.1}
    if path.startswith(("teachers.", "fine_tuning.distillation.")):
        values |= {"fine_tuning": {"distillation": {}}, "teachers": {}}
    if path == "seeds":
        del values["seed"]
    section: Any = values
    *sections, name = path.split(".")
    for part in sections:
        section = section.setdefault(part, {})
        section = section[0] if isinstance(section, list) else section
    section[name] = value
    return values


def found(config: Config, path: str) -> Any:
    value: Any = config.model_dump()
    for part in path.split("."):
        value = value[part]
        value = value[0] if part == "layers" else value
    return value


def of_kind(*wanted: str) -> list[str]:
    """The paths of the keys whose JSON schema admits one of these types."""
    return [key.path for key in keys(Config) if key.section is None and _types(key) & set(wanted)]


def _types(key: Key) -> set[str]:
    def walk(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(walk, schema)) if schema else set()
        if not isinstance(schema, dict):
            return set()
        own = {schema["type"]} if isinstance(schema.get("type"), str) else set()
        return own.union(*(walk(schema.get(part)) for part in ("anyOf", "oneOf", "items", "prefixItems")))

    model: type[BaseModel] = type("OneKey", (BaseModel,), {"__annotations__": {"key": key.field.rebuild_annotation()}})
    return walk(model.model_json_schema()["properties"]["key"])


INTEGERS = [path for path in of_kind("integer") if path != "storage.keep_trials"]
FLOATS = [path for path in of_kind("number") if path not in ("selection.margin_points", "selection.capacity_weight_points")]


def test_the_keys_that_are_gone_through() -> None:
    assert {"seed", "seeds", "benchmark.tasks", "network.hidden", "network.layers.pool.padding", "training.epochs",
            "resources.retries", "selection.curve_points", "capacity.widen_by"} <= set(INTEGERS)
    assert {"sweep.alpha.low", "sweep.later_tasks.learning_rate", "fine_tuning.learning_rate", "training.weight_decay",
            "training.momentum", "network.layers.dropout", "baseline.strength",
            "resources.trial_time_limit_seconds"} <= set(FLOATS)


@pytest.mark.parametrize("path", [*INTEGERS, "storage.keep_trials"])
def test_a_whole_float_is_a_whole_number(path: str) -> None:
    value: Any = WHOLE.get(path.rpartition(".")[2], 1 if path.startswith("network.") else 2)
    if path.endswith("padding"):
        value = 0
    if path.endswith("widen_below"):
        value = 0
    if path == "teachers.count":
        value = 3  # 2 is its default, which is not recorded
    plain = Config.parse(holding(path, value))
    for kind in (float, np.int32, np.uint8):
        written = [kind(item) for item in value] if isinstance(value, list) else kind(value)
        read = Config.parse(holding(path, written))
        assert read == plain and read.digest() == plain.digest()
        items = found(read, path)
        assert all(type(item) is int for item in (items if isinstance(items, tuple) else [items]))


@pytest.mark.parametrize("path", INTEGERS)
@pytest.mark.parametrize("written", [2.5, 2.0**53 + 2, 1e300, float("inf"), float("nan"), True])
def test_other_floats_are_not(path: str, written: float) -> None:
    listed = path.rpartition(".")[2] in WHOLE
    with pytest.raises(ConfigError) as caught:
        Config.parse(holding(path, [written] if listed else written))
    place = path.replace("layers", "layers[0]", 1)
    assert f"  {place}{'[0]' if listed else ''}: must be a whole number, not " in caught.value.message


@pytest.mark.parametrize("path", FLOATS)
@pytest.mark.parametrize("written", [3.5e38, 1e39, 10**39, 1e-38, 1e-46, 5e-324])
def test_what_float32_cannot_hold_is_refused(path: str, written: float) -> None:
    listed = path in ("sweep.alpha", "sweep.learning_rate")
    with pytest.raises(ConfigError) as caught:
        Config.parse(holding(path, [written] if listed else written))
    place = path.replace("layers", "layers[0]", 1) + ("[0]" if listed else "")
    lines = [line for line in caught.value.message.split("\n") if line.startswith(f"  {place}: must be ")]
    assert len(lines) == 1 and ", not " in lines[0]


def test_the_largest_and_the_smallest_number_of_float32_are_held() -> None:
    largest, smallest = struct.unpack("<ff", bytes.fromhex("ffff7f7f00008000"))
    config = Config.parse(holding("sweep.learning_rate", [largest, smallest, np.float32(0.5), 1]))
    assert config.sweep.learning_rate == (largest, smallest, 0.5, 1.0)
    assert all(type(rate) is float for rate in config.sweep.learning_rate)


@pytest.mark.parametrize("path", ["training.momentum", "network.layers.dropout", "benchmark.validation_fraction",
                                  "capacity.widen_below"])
def test_a_share_below_one_is_below_one_in_float32(path: str) -> None:
    with pytest.raises(ConfigError, match=naming(1, "0.9999999999")):
        Config.parse(holding(path, 0.9999999999))
    Config.parse(holding(path, 0.99999))


def test_a_record_is_read_whatever_float32_holds() -> None:
    recorded = Config.parse(holding("training.weight_decay", 0.5)).resolved()
    recorded["training"]["weight_decay"] = 1e-60
    assert Config.from_resolved(recorded).training.weight_decay == 1e-60


@pytest.mark.parametrize("margin", [np.float64(0.5), np.float32(0.5), 0.5, "0.5"])
def test_a_margin_may_be_a_number_of_numpy(margin: Any) -> None:
    assert Config.parse(holding("selection.margin_points", margin)).resolved()["selection"]["margin_points"] == "0.5"
