"""docs/networks.md says what is so: its configs load, its numbers are right, and its own network is really planned."""

import re
from pathlib import Path

import pytest

from clnp_core.networks import cifar_narrow, cifar_wide
from orchestrator.config.config import Config, load
from tests.orchestrator.cli.conftest import run
from workers.spec import BUILT_IN_BENCHMARKS

PAGE = (Path(__file__).parents[3] / "docs" / "networks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


CONFIGS = {text.split("\n")[0].removeprefix("name: "): text for text in blocks("yaml")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files, and in it."""
    module, = blocks("python")
    (tmp_path / "nets.py").write_text(module, encoding="utf-8")
    for name, text in CONFIGS.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parameters(config: Config) -> int:
    known = BUILT_IN_BENCHMARKS[config.benchmark.name]
    return config.network.architecture(known.input_shape, known.classes).parameter_count()


def test_the_configs_load(folder: Path) -> None:
    assert list(CONFIGS) == ["chain", "table-2", "table-3", "own"]
    for name in ("chain", "table-2", "table-3"):
        assert load(f"{name}.yaml").grid()


def test_the_written_out_tables_are_the_built_in_networks(folder: Path) -> None:
    assert load("table-2.yaml").network.chain() == cifar_narrow()
    assert load("table-3.yaml").network.chain() == cifar_wide()


@pytest.mark.parametrize(("config", "overrides"), [
    ("table-2.yaml", []), ("table-3.yaml", []),
    ("table-3.yaml", ["network={name: cifar-wide, width_factor: 0.125}"])])
def test_the_numbers_of_parameters(config: str, overrides: list[str], folder: Path) -> None:
    assert f" {parameters(load(config, overrides)):,} " in PAGE


def test_ones_own_network_is_planned_by_the_real_command(folder: Path) -> None:
    shown, = blocks("console")
    command, _, output = shown.partition("\n")
    outcome = run(folder, *command.removeprefix("$ clnp ").split())
    assert (outcome.code, outcome.out) == (0, output), outcome.err
    assert sorted(path.name for path in folder.iterdir() if path.suffix) == [
        "chain.yaml", "nets.py", "own.yaml", "table-2.yaml", "table-3.yaml"]
