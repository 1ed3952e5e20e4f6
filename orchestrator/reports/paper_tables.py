"""The description of a table: one experiment under several methods or settings, each a row, with what a paper reports.

    title: Permuted MNIST, ten tasks (paper, table 1)
    config: ../permuted-mnist.yaml
    seeds: [0, 1, 2, 3, 4]
    rows:
      - name: clnp
        paper: {accuracy: 98.42 ± 0.04, used: 18 / 40}
      - name: ewc
        set: [method=ewc, baseline.strength=100]
        paper: {accuracy: 97.0}
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.config.errors import explain
from orchestrator.config.sections import Seeds
from orchestrator.config.sweep_section import Section
from orchestrator.config.yaml_loader import override, read_mapping

Shown = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value)]

BUILT_IN = Path("experiments") / "tables"
"""Where the tables of the paper lie, from the root of a checkout."""

WITHOUT_EFFECT = ("resources", "storage")
"""Sections of a config that decide where and how a run works, and not what comes out."""

_HINT = "`clnp reproduce` in docs/cli.md shows a table, and what its keys mean"


class Paper(Section):
    """What a paper reports, as it prints it."""

    accuracy: Shown | None = Field(default=None, description="its mean test accuracy in percent")
    used: Shown | None = Field(default=None, description="the neurons that are used at the end, in percent by layer")


class Row(Section):
    """One row: the config under some other keys."""

    name: str = Field(description="of the row, and a part of its runs' names")
    set: tuple[str, ...] = Field(default=(), description="a.b=value assignments over the config")
    paper: Paper = Field(default_factory=Paper, description="what a paper reports")

    @field_validator("name")
    @classmethod
    def _names_a_run(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
            raise ValueError(f"is {name!r}, and is to be a part of runs' names\n"
                             "take at most 40 letters, digits, dots, dashes and underscores, a letter or digit first")
        return name

    @field_validator("set")
    @classmethod
    def _sets_no_seeds(cls, assignments: tuple[str, ...]) -> tuple[str, ...]:
        return _without_names(assignments)


class Table(Section):
    """A whole table. Frozen and valid: build it with :func:`read_table`."""

    title: str = Field(description="what it shows")
    config: str = Field(description="the config of all rows, a path from the table's own folder")
    set: tuple[str, ...] = Field(default=(), description="a.b=value assignments over the config, in all rows")
    runs: str | None = Field(default=None, description="the table whose runs these are; by default its own")
    seeds: Seeds = Field(default=(0,), description="a run for each, in every row")
    rows: tuple[Row, ...] = Field(min_length=1, description="its rows; the first is held against the others")

    @field_validator("set")
    @classmethod
    def _sets_no_seeds(cls, assignments: tuple[str, ...]) -> tuple[str, ...]:
        return _without_names(assignments)

    @field_validator("rows")
    @classmethod
    def _names_differ(cls, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        names = [row.name for row in rows]
        if len(set(names)) < len(names):
            raise ValueError("two rows have one name\ngive each a name of its own")
        return rows


def _without_names(assignments: tuple[str, ...]) -> tuple[str, ...]:
    for assignment in assignments:
        key, equals, _ = assignment.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"holds {assignment!r}, which assigns nothing\nwrite for example training.epochs=3")
        if key.strip() in ("seed", "seeds", "name"):
            raise ValueError(f"holds {assignment!r}, which cannot be used in a table\n"
                             "its own keys seeds and rows name seeds and runs")
    return assignments


def find_table(wanted: str) -> Path:
    """The file of a table, from its path or its built-in name.

    Raises:
        ConfigError: there is none.
    """
    path = Path(wanted)
    if path.suffix in (".yaml", ".yml"):
        return path
    built_in = BUILT_IN / f"{wanted}.yaml"
    if built_in.is_file():
        return built_in
    names = sorted(file.stem for file in BUILT_IN.glob("*.yaml"))
    there = f"here are {', '.join(names)}" if names else "run it from the root of a checkout, which has experiments/tables"
    raise ConfigError(f"there is no table {wanted!r} in {BUILT_IN}", f"{there}; or name the YAML file of a table of your own")


def read_table(path: Path) -> Table:
    """The table that a YAML file describes.

    Raises:
        ConfigError: it is none; with a line for every problem.
    """
    try:
        return Table.model_validate(read_mapping(path))
    except ValidationError as error:
        raise explain(error, Table, str(path), hint=_HINT) from None


@dataclass(frozen=True, slots=True)
class Asked:
    """A table as it is asked for.

    Attributes:
        name: of the table, with which its groups' names begin.
        title: what it shows.
        rows: in the order in which they stand.
        seeds: a run for each, in every row.
        configs: of the rows; each is named like its group.
        notes: in what it is not the table of the paper.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    configs: tuple[Config, ...]
    notes: tuple[str, ...]


def asked(table: Table, path: Path, seeds: Sequence[int] | None = None, tasks: int | None = None, width: float | None = None,
          overrides: Sequence[str] = (), prefix: str | None = None) -> Asked:
    """The configs of all rows, each named like its group: ``TABLE-ROW``.

    Args:
        table: read from ``path``.
        path: of the table's file.
        seeds, tasks, width: in place of the table's; None takes these.
        overrides: ``a.b=value`` assignments over all rows.
        prefix: of the groups' names, in place of the table's name.

    Raises:
        ConfigError: a row makes no config.
    """
    name, wanted = prefix or table.runs or path.stem, tuple(seeds or table.seeds)
    configs = tuple(config_of(table, path, row, f"{name}-{row.name}", wanted, tasks, width, overrides) for row in table.rows)
    _require_same_tasks(path, table.rows, configs)
    reduced = [f"--{option} {value}" for option, value in (("tasks", tasks), ("width", width)) if value is not None]
    reduced += [f"--set {override}" for override in overrides if not override.strip().startswith(WITHOUT_EFFECT)]
    notes = (f"Made with {' '.join(reduced)}, so the paper's numbers are of another experiment.",) if reduced else ()
    return Asked(name, table.title, table.rows, wanted, configs, notes)


def config_of(table: Table, path: Path, row: Row, name: str, seeds: Sequence[int], tasks: int | None, width: float | None,
              overrides: Sequence[str]) -> Config:
    """The config of one row.

    Args:
        table: that the row is of.
        path: of the table's file.
        row: which one.
        name: of its group.
        seeds: a run for each.
        tasks: in place of the config's; None takes that.
        width: a factor for all hidden widths; None for 1.
        overrides: ``a.b=value`` assignments over all rows.

    Raises:
        ConfigError: what comes out is no config.
    """
    values = override(read_mapping(path.parent / table.config), [*table.set, *row.set, *overrides])
    values.pop("seed", None)
    values |= {"name": name, "seeds": list(seeds)}
    where = f"row {row.name} of {path}"
    if tasks is None and width is None:
        return Config.parse(values, where)
    Config.parse(values, where)  # whole before it is made smaller
    if tasks is not None:
        values["benchmark"] = values["benchmark"] | {"tasks": tasks}
        if values.get("baseline") and values["baseline"].get("batch"):
            values["baseline"] = values["baseline"] | {"batch": values["baseline"]["batch"][:tasks]}
    if width is not None:
        values["network"] = _scaled(dict(values["network"]), width)
    return Config.parse(values, where)


def _require_same_tasks(path: Path, rows: Sequence[Row], configs: Sequence[Config]) -> None:
    """Numbers of other tasks say nothing about each other."""
    for row, config in zip(rows, configs, strict=True):
        if config.benchmark != configs[0].benchmark:
            raise ConfigError(f"row {row.name} of {path} has other tasks than row {rows[0].name}: benchmark is not the same",
                              "give rows of other tasks a table of their own")


def _scaled(network: dict[str, Any], width: float) -> dict[str, Any]:
    if not math.isfinite(width):
        raise ConfigError(f"--width {width} is no factor", "write for example --width 0.5")
    if network.get("hidden"):
        return network | {"hidden": [max(1, round(width * neurons)) for neurons in network["hidden"]]}
    if network.get("layers"):
        narrowed = [{**layer, "neurons": max(1, round(width * layer["neurons"]))} for layer in network["layers"]]
        return network | {"layers": narrowed}
    if network.get("name") and ":" not in network["name"]:
        return network | {"width_factor": width * network.get("width_factor", 1)}
    raise ConfigError("--width cannot be used for a network of your own",
                      "let its module:callable take a width, given with --set network.params")
