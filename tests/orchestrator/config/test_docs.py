"""docs/configuration.md and the experiments say what the code does."""

import json
import re
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import ConfigError
from clnp_core.networks import mlp
from orchestrator.config.config import Config, load
from orchestrator.config.errors import Key, keys
from workers.spec import BUILT_IN_BENCHMARKS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
ROWS = {cells[0].strip("`"): cells[1:] for line in re.findall(r"^\| (`[a-z_0-9.]+` \|.*) \|$", PAGE, re.MULTILINE)
        for cells in [[cell.strip() for cell in line.split("|")]]}
KEYS = {key.path: key for key in keys(Config)}


def documented(key: Key) -> bool:
    """Whether the key has a row of its own; a section that may not be null has a heading instead."""
    return key.section is None or key.path in ("network.layers", "network.layers.pool", "network.output", "sweep.alpha",
                                               "sweep.learning_rate", "sweep.later_tasks")


def default_on_page(key: Key) -> str:
    """The default as the page has to write it."""
    extra = key.field.json_schema_extra
    if isinstance(extra, dict):
        return str(extra["default"])
    if key.field.is_required():
        return "required"
    value: Any = key.field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if isinstance(value, StrEnum):
        return f"`{value}`"
    return f"`{json.dumps(value)}`"


def test_every_key_has_a_row_and_every_row_a_key() -> None:
    assert set(ROWS) == {path for path, key in KEYS.items() if documented(key)}


@pytest.mark.parametrize("path", [path for path, key in KEYS.items() if not documented(key)])
def test_every_section_has_a_heading(path: str) -> None:
    assert f"\n## `{path}`\n" in PAGE


@pytest.mark.parametrize("path", sorted(ROWS))
def test_the_default_on_the_page_is_the_models(path: str) -> None:
    assert ROWS[path][2] == default_on_page(KEYS[path])


@pytest.mark.parametrize("path", sorted(ROWS))
def test_a_row_names_its_type_and_meaning(path: str) -> None:
    kind, unit, _, meaning = ROWS[path]
    assert kind and meaning.endswith(".")
    options = _options(KEYS[path])
    assert [word for word in re.findall(r"`([^`]+)`", kind) if options] == options
    assert not path.endswith("_seconds") or unit == "seconds"


def _options(key: Key) -> list[str]:
    """The words that the key chooses between, as ``Words`` or ``Words | None``."""
    kinds = typing.get_args(key.field.annotation) or (key.field.annotation,)
    return [str(option) for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum) for option in kind]


def test_every_key_describes_itself_for_the_errors() -> None:
    assert not [path for path, key in KEYS.items() if not key.field.description]


def test_there_are_two_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_on_the_page_load(text: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(text, encoding="utf-8")
    load(file)


def test_the_error_on_the_page_is_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = EXAMPLES[0].replace("epochs: 20", "epoch: 20").replace("[200, 200]", "[200, 200]\n  activation: rely")
    Path("lab.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load("lab.yaml", ["training.epochs=ten"])
    assert f"```text\n{caught.value}\n```" in PAGE


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.name)
def test_experiments_load_and_are_named_after_their_file(file: Path) -> None:
    config = load(file)
    assert config.name == file.stem
    assert config.grid()
    assert architecture(config).hidden == config.network.widths


@pytest.mark.parametrize(("name", "tasks", "network", "head"), [
    ("split-cifar-narrow", 6, "cifar-narrow", HeadKind.MULTI), ("split-cifar-wide", 10, "cifar-wide", HeadKind.SINGLE)])
def test_the_papers_experiments_on_cifar(name: str, tasks: int, network: str, head: HeadKind) -> None:
    config = load(ROOT / "experiments" / f"{name}.yaml")
    assert (config.benchmark.name, config.benchmark.tasks) == ("split-cifar", tasks)
    assert (config.network.name, config.network.width_factor, config.network.head) == (network, 1, head)
    assert config.sweep.protocol.sweeps_every_task and config.training.early_stopping_patience
    if head is HeadKind.MULTI:
        assert config.grid() == (((5e-5,) * 6, 0.001),) and config.selection.margin_points == 2


def architecture(config: Config) -> Architecture:
    known = BUILT_IN_BENCHMARKS[config.benchmark.name]
    return config.network.architecture(known.input_shape, known.classes)


def test_the_papers_experiment_has_the_papers_numbers() -> None:
    config = load(ROOT / "experiments" / "permuted-mnist.yaml")
    assert architecture(config) == mlp(784, (2000, 2000), 10)
    assert (config.benchmark.tasks, config.training.batch_size) == (10, 256)
    assert config.later_point() == ((1e-7, 1e-5, 1e-6), 0.002)
    assert str(config.selection.margin_points) == "0.05"
    assert config.later_point() in config.grid(), "the grid of the first task must contain the paper's own choice"
