"""The key ``seeds``: what it makes of a config, and that configs without it are recorded as ever."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config, load
from tests.messages import tells

EXPERIMENTS = Path(__file__).parents[3] / "experiments"


@pytest.mark.parametrize(("file", "digest"), [
    ("permuted-digits", "a2f3ff18f2165ac9fe56b6767e23a142cfbad5d4c7f18f4b42e1a64f057d3499"),
    ("split-cifar-wide", "a7d92c617594709ba811ed32fae3de95a5fcc45bb958d70960b779b3c84beacb")])
def test_a_config_without_seeds_has_the_digest_that_it_had_before_there_were_any(file: str, digest: str) -> None:
    config = load(EXPERIMENTS / f"{file}.yaml")
    assert config.digest() == digest
    assert "seeds" not in config.resolved() and config.resolved()["seed"] == 0


def test_a_run_for_each_seed(values: dict[str, Any]) -> None:
    config = Config.parse(values | {"seeds": [3, 0]})
    runs = config.of_each_seed("lab")
    assert [(run.name, run.seed, run.seeds) for run in runs] == [("lab-seed-3", 3, None), ("lab-seed-0", 0, None)]
    assert [run.digest() for run in runs] == [
        Config.parse(values | {"name": run.name, "seed": run.seed}).digest() for run in runs], "as if launched alone"
    assert Config.parse(values).of_each_seed("lab") == ()


def test_a_seed_may_be_text_as_json_has_it(values: dict[str, Any]) -> None:
    assert Config.parse(values | {"seed": str(2**63 - 1)}) == Config.parse(values | {"seed": 2**63 - 1})
    assert Config.parse(values | {"seeds": ["3", "0"]}) == Config.parse(values | {"seeds": [3, 0]})
    for wrong in ("007", "-1", "1.0", "", str(2**63)):
        with pytest.raises(ConfigError, match="seed"):
            Config.parse(values | {"seed": wrong})


def test_of_seed_and_seeds_the_record_has_the_one_that_counts(values: dict[str, Any]) -> None:
    config = Config.parse(values | {"seeds": [0, 1]})
    assert config.resolved()["seeds"] == [0, 1] and "seed" not in config.resolved()
    assert Config.from_resolved(config.resolved()) == config


@pytest.mark.parametrize(("changes", "told"), [
    ({"seeds": []}, ("seeds", "0")),
    ({"seeds": [0, 1, 0]}, ("seeds", "0")),
    ({"seeds": [0, -1]}, ("seeds[1]", "0", "-1")),
    ({"seeds": [1.5]}, ("seeds[0]", "1.5", "0")),
    ({"seeds": 3}, ("seeds", "3", "0")),
    ({"seed": 0, "seeds": [0]}, ("seeds", "seed")),
    ({"name": "n" * 95, "seeds": [7, 123]}, ("seeds", "104", "100", "name", "91"))])
def test_seeds_that_are_refused(values: dict[str, Any], changes: dict[str, Any], told: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.parse(values | changes)
    assert tells(caught.value, *told)


@pytest.mark.parametrize("nothing", ["seed=null", "seed=", "seed=~"])
def test_a_config_with_a_seed_can_be_given_seeds(tmp_path: Path, values: dict[str, Any], nothing: str) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump(values | {"seed": 4}))
    assert load(file, [nothing, "seeds=[1, 2]"]).seeds == (1, 2)
    assert load(file, [nothing]).seed == 0, "what it is by default"


@pytest.mark.parametrize("key", [key for key, field in Config.model_fields.items() if not field.is_required()])
def test_a_top_level_key_that_is_null_is_left_out(values: dict[str, Any], key: str) -> None:
    without = {name: value for name, value in values.items() if name != key}
    assert Config.parse(values | {key: None}) == Config.parse(without)


@pytest.mark.parametrize("key", [key for key, field in Config.model_fields.items() if field.is_required() and key != "name"])
def test_one_that_must_be_there_may_not_be_null(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        Config.parse(values | {key: None})


def test_no_seeds_are_as_good_as_none(values: dict[str, Any]) -> None:
    assert Config.parse(values | {"seed": 4, "seeds": None}).seed == 4
