"""A configuration is read whole: every default filled in, or every problem listed."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clnp_core.architecture import Activation
from clnp_core.errors import ConfigError
from orchestrator.config.choices import HeadChoice, OptimizerKind, SamplerKind, SweepProtocol
from orchestrator.config.config import Config, load
from orchestrator.config.errors import keys
from tests.messages import naming, tells
from tests.orchestrator.conftest import MINIMAL


def write(folder: Path, values: Any) -> Path:
    file = folder / "lab.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


class TestLoad:
    def test_defaults_are_filled_in(self, tmp_path: Path, values: dict[str, Any]) -> None:
        config = load(write(tmp_path, values))
        assert (config.seed, config.training.optimizer, config.training.batch_size) == (0, OptimizerKind.ADAM, 256)
        assert (config.network.activation, config.network.head) == (Activation.RELU, HeadChoice.SINGLE)
        assert (config.sweep.sampler, config.sweep.protocol) == (SamplerKind.GRID, SweepProtocol.PER_TASK)
        assert config.selection.margin_points == Decimal(1)

    def test_overrides_and_the_name(self, tmp_path: Path, values: dict[str, Any]) -> None:
        file = write(tmp_path, values)
        config = load(str(file), ["training.epochs=7", "network.hidden=[3]", "capacity.on_depletion=widen",
                                  "capacity.widen_by=2", "name=ignored"], name="123")
        assert (config.training.epochs, config.network.hidden, config.name) == (7, (3,), "123")
        assert config.capacity.on_depletion.widens

    def test_keys_that_start_with_x_hold_anchors(self, tmp_path: Path) -> None:
        file = tmp_path / "lab.yaml"
        file.write_text("""
x-widths: &widths [20, 10]
x-sweep: &sweep {alpha: [1e-5], learning_rate: [0.1]}
name: lab-1
benchmark: {name: permuted-digits, tasks: 3}
network: {hidden: *widths}
training: {epochs: 5}
sweep: {<<: *sweep, learning_rate: [0.2]}
selection: {margin_points: 1}
""", encoding="utf-8")
        config = load(file)
        assert config.network.hidden == (20, 10) and config.sweep.learning_rate == (0.2,)
        assert not any(key.startswith("x-") for key in config.resolved())
        with pytest.raises(ConfigError, match=naming("--set")):
            load(file, ["x-widths=[3]"])
        file.write_text(file.read_text().replace("training: {epochs", "training: {x-a: 1, epochs"))
        with pytest.raises(ConfigError, match=naming("training.x-a")):
            load(file)

    def test_the_errors_name_file_and_command_line(self, tmp_path: Path, values: dict[str, Any]) -> None:
        values["seed"] = -1
        file = write(tmp_path, values)
        with pytest.raises(ConfigError) as caught:
            load(file, ["training.epoch=5", "sweep.alpha=[]"])
        assert tells(caught.value, file, 3, 0, "-1", "--set", "training.epoch", "training.epochs", "sweep.alpha",
                     "docs/configuration.md")
        assert caught.value.exit_code == 2


class TestRecord:
    def test_resolved_is_json_and_its_own_inverse(self, values: dict[str, Any]) -> None:
        values["selection"]["margin_points"] = "0.12345678901234567890"
        values["benchmark"] = {"name": "lab.tasks:make", "tasks": 2, "params": {"a": [1, {"b": None}], "c": 0.5}}
        config = Config.parse(values)
        recorded = json.loads(json.dumps(config.resolved(), allow_nan=False))
        assert Config.from_resolved(recorded) == config
        assert Config.from_resolved(recorded).digest() == config.digest()

    def test_resolved_holds_every_key(self, values: dict[str, Any]) -> None:
        def paths(tree: dict[str, Any], prefix: str = "") -> set[str]:
            inner = [paths(value, f"{prefix}{key}.") for key, value in tree.items()
                     if isinstance(value, dict) and key != "params"]
            return {prefix + key for key in tree}.union(*inner)

        absent_here = ("seeds", "sweep.alpha.", "sweep.learning_rate.", "sweep.later_tasks.", "network.layers.",
                       "network.output.", "fine_tuning.", "teachers", "method", "baseline", "selection.minimum_accuracy",
                       "resources.stop_time_limit_seconds", "training.schedule",
                       "training.free_window", "selection.score")
        assert paths(Config.parse(values).resolved()) == {key.path for key in keys(Config)
                                                          if not key.path.startswith(absent_here)}

    def test_the_digest_is_of_what_is_meant_not_of_how_it_is_written(self, values: dict[str, Any]) -> None:
        digest = Config.parse(values).digest()
        spelled_out = Config.parse(values).resolved() | {"seed": 0}
        spelled_out["selection"]["margin_points"] = 1.0
        assert Config.parse(dict(reversed(list(spelled_out.items())))).digest() == digest
        assert len(digest) == 64

    @pytest.mark.parametrize("change", [{"seed": 1}, {"name": "other"}, {"network": {"hidden": [20, 11]}},
                                        {"selection": {"margin_points": "1.00000000000000000001"}}])
    def test_the_digest_changes_with_what_is_meant(self, values: dict[str, Any], change: dict[str, Any]) -> None:
        assert Config.parse(values | change).digest() != Config.parse(values).digest()

    def test_a_foreign_record_is_refused_by_name(self) -> None:
        with pytest.raises(ConfigError, match=naming(6)):
            Config.from_resolved({})

    def test_a_config_is_frozen(self, values: dict[str, Any]) -> None:
        config = Config.parse(values)
        with pytest.raises(ValidationError, match="frozen"):
            config.seed = 3  # type: ignore[misc]  # refused at run time too is the point
        with pytest.raises(ValidationError, match="frozen"):
            config.training.epochs = 3  # type: ignore[misc]  # likewise

    def test_what_is_handed_in_and_out_is_not_shared(self, values: dict[str, Any]) -> None:
        inner = [1]
        values["benchmark"] = {"name": "lab:make", "tasks": 2, "params": {"a": inner}}
        config = Config.parse(values)
        before = config.digest()
        inner.append(2)
        config.resolved()["benchmark"]["params"]["a"].append(3)
        assert config.digest() == before


class TestGrid:
    def test_alpha_varies_slowest_and_scalars_stand_for_all_layers(self, values: dict[str, Any]) -> None:
        values["sweep"] = {"alpha": [1, [0.1, 0.2, 0.3]], "learning_rate": [0.5, 0.25]}
        grid = Config.parse(values).grid()
        assert grid == (((1.0, 1.0, 1.0), 0.5), ((1.0, 1.0, 1.0), 0.25),
                        ((0.1, 0.2, 0.3), 0.5), ((0.1, 0.2, 0.3), 0.25))
        assert all(type(value) is float for point in grid for value in (*point.alpha, point.learning_rate))

    def test_a_sampler_has_none(self, values: dict[str, Any]) -> None:
        span = {"low": 0.1, "high": 1}
        values["sweep"] = {"sampler": "nsga2", "samples": 3, "alpha": span, "learning_rate": span}
        with pytest.raises(ConfigError) as caught:
            Config.parse(values).grid()
        assert tells(caught.value)

    def test_the_fixed_point_of_later_tasks(self, values: dict[str, Any]) -> None:
        assert Config.parse(values).later_point() is None
        values["sweep"] |= {"protocol": "first-task"}
        assert Config.parse(values).later_point() is None
        values["sweep"] |= {"later_tasks": {"alpha": 0, "learning_rate": 0.1}}
        assert Config.parse(values).later_point() == ((0.0, 0.0, 0.0), 0.1)


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.binary(max_size=3),
                   st.sampled_from(["grid", "tpe", "sgd", "single", "multi", "permuted-digits", "a.b:c", 1e-5, 10**400]))
NAMES = st.one_of(st.sampled_from(sorted({part for key in keys(Config) for part in key.path.split(".")})),
                  st.text(max_size=6), st.integers(), st.none(), st.booleans())
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
                     max_leaves=12)


class TestAnythingAtAll:
    @given(st.dictionaries(NAMES, TREES, max_size=6))
    def test_only_ever_a_config_or_a_config_error(self, anything: dict[Any, Any]) -> None:
        try:
            Config.parse(anything)
        except ConfigError as error:
            assert error.message.isprintable() or "\n  " in error.message
            str(error).encode("utf-8")

    @given(st.sampled_from([key.path for key in keys(Config)]), TREES)
    def test_one_wrong_key_in_a_valid_config(self, path: str, anything: Any) -> None:
        values = copy.deepcopy(MINIMAL)
        section: dict[str, Any] = values
        *sections, name = path.split(".")
        for part in sections:
            inner = section.get(part)
            section[part] = inner if isinstance(inner, dict) else {}
            section = section[part]
        section[name] = anything
        if "layers" in sections:  # the one list of sections
            values["benchmark"]["name"] = "split-digits"
            values["network"] = {"layers": [{"kind": "conv", "neurons": 3, "kernel": 2} | values["network"]["layers"]]}
        try:
            config = Config.parse(values)
        except ConfigError as error:
            str(error).encode("utf-8")
        else:
            assert Config.from_resolved(json.loads(json.dumps(config.resolved(), allow_nan=False))) == config
