"""The description of a table: read whole, refused with every problem, and turned into configs."""

from pathlib import Path

import pytest

from clnp_core.errors import ConfigError
from orchestrator.reports.paper_tables import Table, asked, config_of, find_table, read_table
from orchestrator.runs.run_names import MAX_NAME
from tests.messages import naming
from workers.methods import Method

ROOT = Path(__file__).parents[3]

CONFIG = """
name: base
seed: 5
benchmark: {name: permuted-digits, tasks: 3}
network: {hidden: [40, 20]}
training: {epochs: 2}
sweep: {alpha: [1e-4, 1e-3], learning_rate: [0.01]}
selection: {margin_points: 1}
"""

TABLE = """
title: A table
config: base.yaml
seeds: [3, 4]
rows:
  - name: clnp
    paper: {accuracy: 98.42, used: 18 / 40}
  - name: ewc
    set: [method=ewc, baseline.strength=7]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(CONFIG)
    (tmp_path / "table.yaml").write_text(TABLE)
    return tmp_path / "table.yaml"


def test_a_row_is_a_config(path: Path) -> None:
    table = read_table(path)
    assert table.rows[0].paper.accuracy == "98.42"
    config = config_of(table, path, table.rows[1], "table-ewc", table.seeds, 2, 0.5, ["training.epochs=4"])
    assert (config.method, config.baseline.strength, config.seeds) == (Method.EWC, 7, (3, 4))
    assert (config.benchmark.tasks, config.network.hidden, config.training.epochs) == (2, (20, 10), 4)
    assert [own.name for own in config.of_each_seed(config.name)] == ["table-ewc-seed-3", "table-ewc-seed-4"]


@pytest.mark.parametrize("file", sorted((ROOT / "experiments" / "tables").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_table_of_the_project_has_valid_rows(file: Path) -> None:
    table = read_table(file)
    for row in table.rows:
        name = f"{file.stem}-{row.name}"
        assert len(name) < MAX_NAME
        assert config_of(table, file, row, name, table.seeds, None, None, []).benchmark.tasks > 1


@pytest.mark.parametrize(("text", "expected"), [
    (TABLE.replace("title: A table", "titel: A table"), "titel: unknown key; did you mean title?"),
    (TABLE.replace("name: ewc", "name: clnp"), "rows: two rows have the same name; give each its own name"),
    (TABLE.replace("name: ewc", "name: a b"), "rows[1].name: is 'a b', which cannot be a part of run names; use at most 40"),
    (TABLE.replace("strength=7", "strength=7, 'seeds=[7]'"), "rows[1].set: contains 'seeds=[7]', which cannot be used"),
    (TABLE.replace("strength=7", "strength=7, name=foo"), "rows[1].set: contains 'name=foo', which cannot be used"),
    (TABLE.replace("config: base.yaml", "config: base.yaml\nset: [bogus]"), "contains 'bogus', which is not an assignment"),
    ("[]", "contains a list, not sections of keys"),
])
def test_what_is_no_table(path: Path, text: str, expected: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_table(path)
    assert expected in str(refused.value)


def test_a_row_that_makes_no_config(path: Path) -> None:
    path.write_text(TABLE.replace("baseline.strength=7", "training.epochs=0"))
    table = read_table(path)
    with pytest.raises(ConfigError) as refused:
        config_of(table, path, table.rows[1], "x", (1,), None, None, [])
    assert f"row ewc of {path} has 2 problems" in str(refused.value)


def test_a_width_for_layers_that_are_written_out(path: Path) -> None:
    table: Table = read_table(path)
    (path.parent / "base.yaml").write_text(CONFIG.replace("{hidden: [40, 20]}", "{layers: [{kind: dense, neurons: 9}]}"))
    narrow = config_of(table, path, table.rows[0], "x", (1,), None, 0.5, [])
    assert narrow.network.architecture((64,), 10).hidden == (4,)


def test_a_width_for_a_network_of_ones_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(path.parent)
    (path.parent / "narrow_of_mine.py").write_text(
        "from torch import nn\ndef network():\n    return nn.Sequential(nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 10))\n")
    table: Table = read_table(path)
    (path.parent / "base.yaml").write_text(CONFIG.replace("{hidden: [40, 20]}", "{name: 'narrow_of_mine:network'}"))
    with pytest.raises(ConfigError, match=naming("--width")):
        config_of(table, path, table.rows[0], "x", (1,), None, 0.5, [])


def test_a_name_that_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert find_table("table1").name == "table1.yaml"
    with pytest.raises(ConfigError) as refused:
        find_table("table9")
    assert "there is no table 'table9' in experiments/tables" in str(refused.value)
    assert "digits, digits-strengths, fig3, fig4" in str(refused.value)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=naming("root of a checkout")):
        find_table("table1")


@pytest.mark.parametrize("override", ["network=5", "network.hidden=[a, 10]", "network={layers: [3]}", "benchmark=5"])
def test_what_is_no_config_is_told_before_it_is_made_smaller(path: Path, override: str) -> None:
    table = read_table(path)
    with pytest.raises(ConfigError):
        config_of(table, path, table.rows[0], "x", table.seeds, 2, 0.5, [override])


def test_fewer_tasks_and_all_rows_alike(path: Path) -> None:
    path.write_text(TABLE.replace("config: base.yaml", "config: base.yaml\nset: [training.epochs=7]").replace(
        "[method=ewc, baseline.strength=7]", "[method=joint, 'baseline.batch=[6, 5, 4]']"))
    table = read_table(path)
    configs = [config_of(table, path, row, "x", table.seeds, 2, None, []) for row in table.rows]
    assert [config.training.epochs for config in configs] == [7, 7]
    assert configs[1].baseline.batch == (6, 5)


def test_what_is_asked_for(path: Path) -> None:
    table = read_table(path)
    whole = asked(table, path)
    assert (whole.name, whole.seeds, whole.notes) == ("table", (3, 4), ())
    assert [config.name for config in whole.configs] == ["table-clnp", "table-ewc"]
    less = asked(table, path, (1,), tasks=2, width=0.5, overrides=["training.epochs=4"], prefix="mine")
    assert [(config.name, config.seeds, config.benchmark.tasks) for config in less.configs] == [
        ("mine-clnp", (1,), 2), ("mine-ewc", (1,), 2)]
    assert less.notes == ("Made with --tasks 2 --width 0.5 --set training.epochs=4, so it is not comparable with "
                          "the paper's numbers.",)


def test_where_runs_work_makes_no_other_experiment(path: Path) -> None:
    assert asked(read_table(path), path, overrides=["resources.gpus_per_trial=0.5"]).notes == ()


def test_rows_of_other_tasks_are_no_table(path: Path) -> None:
    path.write_text(TABLE.replace("baseline.strength=7", "baseline.strength=7, benchmark.tasks=2"))
    with pytest.raises(ConfigError):
        asked(read_table(path), path)
