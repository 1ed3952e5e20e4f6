"""What may be launched, and how its keys are overridden. Whole runs are in test_transitions.py and test_fork_runs.py."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.driver.launch import assignments, built
from tests.messages import tells


def test_a_file_its_sections_or_what_was_built(values: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump(values))
    config = Config.parse(values)
    for given in (path, str(path), values, config):
        assert built(given, None, ()) == config
    assert built(config, "other", ()) is config
    before = yaml.safe_dump(values)
    for given in (path, values):
        changed = built(given, "other", {"seed": 3, "sweep.alpha": [1e-7], "selection.margin_points": 0.5})
        assert (changed.name, changed.seed, changed.sweep.alpha) == ("other", 3, (1e-7,))
        assert changed == built(given, "other", ["seed=3", "sweep.alpha=[1e-7]", "selection.margin_points=0.5"])
    assert yaml.safe_dump(values) == before, "what was given is left as it is"


def test_overrides_say_any_value() -> None:
    assert assignments(["a=1", "b.c=x"]) == ["a=1", "b.c=x"]
    assert assignments({"a": None, "b.c": "yes: no", "d": {"low": 1e-7, "on": True}}) == [
        "a=null", 'b.c="yes: no"', 'd={"low": 1e-07, "on": true}']


@pytest.mark.parametrize(("overrides", "message", "hint"), [
    ("seed=1", "overrides is the text 'seed=1', not a list of assignments", "write overrides=['seed=1']"),
    ({"seed": {1}}, "an override has a value that a config cannot contain: Object of type set is not JSON serializable",
     "use numbers, texts, lists and dictionaries of these"),
    ({"seed": 1j}, "an override has a value that a config cannot contain: Object of type complex is not JSON serializable",
     "use numbers, texts, lists and dictionaries of these")])
def test_overrides_that_say_nothing(overrides: Any, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assignments(overrides)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_an_override_that_is_not_finite() -> None:
    with pytest.raises(ConfigError):
        assignments({"sweep.alpha": float("inf")})


def test_what_was_built_cannot_be_overridden(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        built(Config.parse(values), None, ["seed=1"])
    assert tells(caught.value)


def test_a_benchmark_of_a_notebook_cannot_be_found_by_workers(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        built({**values, "benchmark": {"name": "__main__:Blobs", "tasks": 1}}, None, ())
    assert tells(caught.value, "__main__:Blobs")


def test_a_wrong_mapping_names_its_keys(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"seeed"):
        built({**values, "seeed": 1}, None, ())
    with pytest.raises(ConfigError, match=r"selection\.margin"):
        built(values, None, {"selection.margin": 1})
