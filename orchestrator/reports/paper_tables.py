"""The description of a table: one experiment with several methods or settings, a row each, with a paper's numbers.

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
"""The folder of the paper's tables, relative to the root of a checkout."""

WITHOUT_EFFECT = ("resources", "storage")
"""Sections of a config that do not affect results."""

_HINT = "`clnp reproduce` in docs/cli.md explains the keys of a table"


class Paper(Section):
    """Numbers that a paper reports, as printed there."""

    accuracy: Shown | None = Field(default=None, description="its mean test accuracy in percent")
    used: Shown | None = Field(default=None, description="the neurons that are used at the end, in percent by layer")


class Row(Section):
    """One row: the config with some keys overridden."""

    name: str = Field(description="of the row, and a part of its runs' names")
    set: tuple[str, ...] = Field(default=(), description="a.b=value assignments over the config")
    paper: Paper = Field(default_factory=Paper, description="what a paper reports")

    @field_validator("name")
    @classmethod
    def _names_a_run(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
            raise ValueError(f"is {name!r}, which cannot be a part of run names\n"
                             "use at most 40 letters, digits, dots, dashes and underscores, a letter or digit first")
        return name

    @field_validator("set")
    @classmethod
    def _sets_no_seeds(cls, assignments: tuple[str, ...]) -> tuple[str, ...]:
        return _without_names(assignments)


class Table(Section):
    """A whole table. Immutable and valid: build it with :func:`read_table`."""

    title: str = Field(description="what it shows")
    config: str = Field(description="the config of all rows, a path from the table's own folder")
    set: tuple[str, ...] = Field(default=(), description="a.b=value assignments over the config, in all rows")
    runs: str | None = Field(default=None, description="the table whose runs these are; by default its own")
    seeds: Seeds = Field(default=(0,), description="a run for each, in every row")
    rows: tuple[Row, ...] = Field(min_length=1, description="its rows; the first is compared with the others")

    @field_validator("set")
    @classmethod
    def _sets_no_seeds(cls, assignments: tuple[str, ...]) -> tuple[str, ...]:
        return _without_names(assignments)

    @field_validator("rows")
    @classmethod
    def _names_differ(cls, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        names = [row.name for row in rows]
        if len(set(names)) < len(names):
            raise ValueError("two rows have the same name\ngive each its own name")
        return rows


def _without_names(assignments: tuple[str, ...]) -> tuple[str, ...]:
    for assignment in assignments:
        key, equals, _ = assignment.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"contains {assignment!r}, which is not an assignment\nwrite for example training.epochs=3")
        if key.strip() in ("seed", "seeds", "name"):
            raise ValueError(f"contains {assignment!r}, which cannot be used in a table\n"
                             "use the table's keys seeds and rows")
    return assignments


def find_table(wanted: str) -> Path:
    """Return the file of a table, from its path or its built-in name.

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
    there = f"available: {', '.join(names)}" if names else "run it from the root of a checkout, which has experiments/tables"
    raise ConfigError(f"there is no table {wanted!r} in {BUILT_IN}", f"{there}; or pass the YAML file of your own table")


def read_table(path: Path) -> Table:
    """Return the table that a YAML file describes.

    Raises:
        ConfigError: it is invalid; one line per problem.
    """
    try:
        return Table.model_validate(read_mapping(path))
    except ValidationError as error:
        raise explain(error, Table, str(path), hint=_HINT) from None


@dataclass(frozen=True, slots=True)
class Asked:
    """A requested table.

    Attributes:
        name: name of the table, the prefix of its groups' names.
        title: its title.
        rows: its rows, in order.
        seeds: its seeds, one run per seed and row.
        configs: configs of the rows; each has the name of its group.
        notes: differences from the paper's table.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    configs: tuple[Config, ...]
    notes: tuple[str, ...]


def asked(table: Table, path: Path, seeds: Sequence[int] | None = None, tasks: int | None = None, width: float | None = None,
          overrides: Sequence[str] = (), prefix: str | None = None) -> Asked:
    """Return the configs of all rows, each named like its group: ``TABLE-ROW``.

    Args:
        table: read from ``path``.
        path: path of the table's file.
        seeds, tasks, width: replace those of the table, unless None.
        overrides: ``a.b=value`` assignments for all rows.
        prefix: prefix of the groups' names, instead of the table's name.

    Raises:
        ConfigError: the config of a row is invalid.
    """
    name, wanted = prefix or table.runs or path.stem, tuple(seeds or table.seeds)
    configs = tuple(config_of(table, path, row, f"{name}-{row.name}", wanted, tasks, width, overrides) for row in table.rows)
    _require_same_tasks(path, table.rows, configs)
    reduced = [f"--{option} {value}" for option, value in (("tasks", tasks), ("width", width)) if value is not None]
    reduced += [f"--set {override}" for override in overrides if not override.strip().startswith(WITHOUT_EFFECT)]
    notes = (f"Made with {' '.join(reduced)}, so it is not comparable with the paper's numbers.",) if reduced else ()
    return Asked(name, table.title, table.rows, wanted, configs, notes)


def config_of(table: Table, path: Path, row: Row, name: str, seeds: Sequence[int], tasks: int | None, width: float | None,
              overrides: Sequence[str]) -> Config:
    """Return the config of one row.

    Args:
        table: the table.
        path: path of the table's file.
        row: the row.
        name: name of its group.
        seeds: its seeds, one run per seed.
        tasks: number of tasks; None uses the config's.
        width: factor on all hidden widths; None for 1.
        overrides: ``a.b=value`` assignments for all rows.

    Raises:
        ConfigError: the result is invalid.
    """
    values = override(read_mapping(path.parent / table.config), [*table.set, *row.set, *overrides])
    values.pop("seed", None)
    values |= {"name": name, "seeds": list(seeds)}
    where = f"row {row.name} of {path}"
    if tasks is None and width is None:
        return Config.parse(values, where)
    Config.parse(values, where)  # validate it before it is reduced
    if tasks is not None:
        values["benchmark"] = values["benchmark"] | {"tasks": tasks}
        if values.get("baseline") and values["baseline"].get("batch"):
            values["baseline"] = values["baseline"] | {"batch": values["baseline"]["batch"][:tasks]}
    if width is not None:
        values["network"] = _scaled(dict(values["network"]), width)
    return Config.parse(values, where)


def _require_same_tasks(path: Path, rows: Sequence[Row], configs: Sequence[Config]) -> None:
    """Refuse rows with different tasks, whose numbers are not comparable."""
    for row, config in zip(rows, configs, strict=True):
        if config.benchmark != configs[0].benchmark:
            raise ConfigError(f"row {row.name} of {path} has other tasks than row {rows[0].name}: benchmark differs",
                              "put rows with other tasks into a separate table")


def _scaled(network: dict[str, Any], width: float) -> dict[str, Any]:
    if not math.isfinite(width):
        raise ConfigError(f"--width {width} is not a factor", "write for example --width 0.5")
    if network.get("hidden"):
        return network | {"hidden": [max(1, round(width * neurons)) for neurons in network["hidden"]]}
    if network.get("layers"):
        narrowed = [{**layer, "neurons": max(1, round(width * layer["neurons"]))} for layer in network["layers"]]
        return network | {"layers": narrowed}
    if network.get("name") and ":" not in network["name"]:
        return network | {"width_factor": width * network.get("width_factor", 1)}
    raise ConfigError("--width cannot be used for a network of your own",
                      "give its module:callable a width parameter, and pass it with --set network.params")
