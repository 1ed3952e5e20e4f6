"""`clnp reproduce`: reproduce a table of a paper."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clnp_core.errors import ConfigError
from orchestrator.cli.errors import UsageProblem
from orchestrator.cli.group_commands import hook_options, listening
from orchestrator.cli.launch_commands import telling_options
from orchestrator.cli.options import (
    MAX_COUNT,
    GlobalOptions,
    RenamedOptions,
    as_json_option,
    check_storage,
    command_line,
    reading,
)
from orchestrator.render.format import NOTHING, plural, ranges
from orchestrator.render.output import Lines, note, plain, results_apart, say, say_json, terminal_width
from orchestrator.render.table import Column, number, render
from orchestrator.reports.compare import compare
from orchestrator.reports.report_dir import check_folder, prepare_folder, write_folder
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from orchestrator.reports.paper_tables import Asked, Table
    from orchestrator.reports.reproduce import PlannedRow


LONGEST_SEED = 18
"""Maximum number of digits of a seed."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The table and the options, each under its name on the command line."""

    table: str
    seeds: str | None
    rows: str | None
    tasks: int | None
    width: float | None
    max_concurrent_runs: int | None
    overrides: Sequence[str]
    prefix: str | None
    output: Path | None
    dry_run: bool
    no_launch: bool
    after_task: int | None
    telling: str
    hooks: Sequence[str]
    as_json: bool

    def __post_init__(self) -> None:
        own = next((each for each in self.overrides if each.partition("=")[0].strip() in ("seed", "seeds", "name")), None)
        if own is not None:
            raise UsageProblem(f"--set {own} cannot be used for a table", "name seeds with --seeds, and runs with --prefix")
        if self.prefix is not None and not self.prefix.strip():
            raise UsageProblem(f"--prefix {self.prefix!r} is not a name", "write for example --prefix mine, or omit it")
        if self.dry_run and self.no_launch:
            raise UsageProblem("--dry-run writes nothing, and --no-launch does", "use one of the two")
        if self.after_task is not None and not self.no_launch:
            raise UsageProblem("--after-task needs --no-launch", "add --no-launch; --tasks K launches shorter sequences")


@click.command(cls=RenamedOptions, renamed={"--at-once": "--max-concurrent-runs", "--only-write": "--no-launch"})
@click.argument("table", metavar="TABLE")
@click.option("--seeds", metavar="N,N…", help="Seeds to use instead of the table's.")
@click.option("--rows", metavar="NAME,NAME…", help="Only these rows; the first is compared with the others.")
@click.option("--tasks", metavar="N", type=click.IntRange(1, MAX_COUNT), help="Fewer tasks.")
@click.option("--width", metavar="F", type=click.FloatRange(0, 100, min_open=True), help="Multiply every hidden width by F.")
@click.option("--max-concurrent-runs", metavar="N", type=click.IntRange(1, MAX_COUNT),
              help="Run N runs at the same time, of all rows. [default: row after row, all seeds of a row]")
@click.option("--set", "overrides", metavar="A.B=C", multiple=True, help="Override a key of the config, in all rows.")
@click.option("--prefix", metavar="NAME", help="Prefix of the names of its groups. [default: the table's name]")
@click.option("--output", metavar="FOLDER", type=click.Path(path_type=Path), help="[default: results/PREFIX]")
@click.option("--dry-run", is_flag=True, help="Show which runs are recorded and which are missing; write and start nothing.")
@click.option("--no-launch", is_flag=True, help="Launch nothing; write the table from what is recorded.")
@click.option("--after-task", metavar="K", type=click.IntRange(1, MAX_COUNT),
              help="With --no-launch: the runs as they were after task K; includes runs that have not ended.")
@telling_options
@as_json_option
@click.pass_obj
def reproduce(settings: GlobalOptions, /, **options: Any) -> int:
    """Launch the runs that TABLE of the paper lacks, then write it.

    The table shows the paper's numbers next to the new ones. TABLE is a name from experiments/tables, or a YAML file. Recorded
    runs are not run again, so the command may be interrupted and repeated.
    """
    check_storage()
    from orchestrator.groups.runner import STOPPED
    from orchestrator.reports.comparison_files import FILES, HEADINGS, Line, cautions, files, table_rows
    from orchestrator.reports.paper_tables import asked, find_table, read_table
    from orchestrator.reports.reproduce import make, planned, recorded, seeds_apart

    given = Reproduction(**options)
    path = find_table(given.table)
    wanted = asked(_with_rows(read_table(path), path, given.rows), path, _seeds(given.seeds), given.tasks, given.width,
                   given.overrides, given.prefix)
    worst, place = 0, Place.of(settings.url)
    folder = given.output or Path("results") / (given.prefix or path.stem)
    check_folder(folder, wanted.name, FILES)
    if given.dry_run:
        _say_plan(planned(place, wanted), wanted, given.as_json)
        return 0
    if not given.no_launch:
        planned(place, wanted)  # refuses settings and names before a folder is made
        prepare_folder(folder, wanted.name, FILES)
        told = listening(given.telling, given.hooks)
        with results_apart(Lines(told.notice)):
            codes = make(place, wanted.configs, told, given.max_concurrent_runs, hook_options(given.hooks))
        worst = max(codes.values(), default=0)
        if worst == STOPPED:
            note("stopped; repeat the command to continue")
            return worst
    there = recorded(place, wanted.configs)
    names = [config.name for config in wanted.configs if there[config.name]]
    if not names:
        raise ConfigError(f"no run of table {wanted.name} is recorded here", "omit --no-launch to launch them, or name their "
                          "database with --db")
    notes = [*wanted.notes, *seeds_apart(wanted.configs, there)]
    lines = [Line(row.name, row.paper.accuracy, row.paper.used, wanted.seeds)
             for row, config in sorted(zip(wanted.rows, wanted.configs, strict=True), key=lambda pair: not there[pair[1].name])]
    with reading(settings) as reads:
        found = compare(reads, names, after_task=given.after_task)
        command = command_line(sys.argv[1:], "reproduce")
        write_folder(folder, wanted.name, files(reads, wanted.title, lines, found, command, notes))
    if given.as_json:
        say_json({"table": wanted.name, "folder": str(folder), **plain(found)})
    else:
        columns = [Column(HEADINGS[0]), *map(number, HEADINGS[1:])]
        say("\n\n".join([render(columns, table_rows(lines, found), terminal_width()), *notes, *cautions(found),
                         *found.claims, f"Written to {folder}: the table, and the records of every run that it quotes."]))
    return worst


def _say_plan(rows: "Sequence[PlannedRow]", wanted: "Asked", as_json: bool) -> None:
    if as_json:
        say_json({"table": wanted.name, "rows": plain(rows)})
        return
    columns = [Column("row"), Column("method"), number("seeds"), number("over"), number("begun"), number("missing"),
               number("tasks"), number("trials a run")]
    cells = [[row.row, row.method, *(ranges(seeds) or NOTHING for seeds in (wanted.seeds, row.over, row.begun, row.missing)),
              str(row.tasks), f"{row.trials:,}"] for row in rows]
    left = sum(len(row.begun) + len(row.missing) for row in rows)
    say("\n\n".join([render(columns, cells, terminal_width()), *wanted.notes,
                      f"{plural(left, 'run')} to drive; nothing has been written or started."]))


def _with_rows(table: "Table", path: Path, wanted: str | None) -> "Table":
    """Return the table with the requested rows, in that order."""
    if wanted is None:
        return table
    known, chosen = {row.name: row for row in table.rows}, [name.strip() for name in wanted.split(",")]
    wrong = next((name for name in chosen if name not in known), None)
    if wrong is not None:
        raise UsageProblem(f"table {path} has no row {wrong!r}", f"its rows are {', '.join(known)}")
    return table.model_copy(update={"rows": tuple(known[name] for name in dict.fromkeys(chosen))})


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) <= LONGEST_SEED for part in parts) or len(set(map(int, parts))) < len(parts):
        raise UsageProblem(f"--seeds {text[:60]!r} is not a list of distinct whole numbers", "write for example --seeds 0,1,2")
    return tuple(map(int, parts))
