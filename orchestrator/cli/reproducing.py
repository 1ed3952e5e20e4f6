"""`clnp reproduce`: a table of a paper from one command."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.cli.driving import import_from_here, telling_options
from orchestrator.cli.failures import UsageProblem
from orchestrator.cli.options import MAX_COUNT, Settings, as_json_option, check_storage, command_line, reading
from orchestrator.text.output import plain, say, say_json, terminal_width
from orchestrator.text.table import Column, number, render


@click.command()
@click.argument("table", metavar="TABLE")
@click.option("--seeds", metavar="N,N…", help="Seeds in place of the table's.")
@click.option("--rows", metavar="NAME,NAME…", help="Only these rows, the first of them held against the others.")
@click.option("--tasks", metavar="N", type=click.IntRange(1, MAX_COUNT), help="Fewer tasks.")
@click.option("--width", metavar="F", type=click.FloatRange(0, 100, min_open=True), help="A factor for every hidden width.")
@click.option("--at-once", metavar="N", type=click.IntRange(1, MAX_COUNT),
              help="N runs at the same time, of all rows. [default: row after row, all seeds of a row]")
@click.option("--set", "overrides", metavar="A.B=C", multiple=True, help="Override a key of the config, in all rows.")
@click.option("--prefix", metavar="NAME", help="Of the names of its groups. [default: the table's name]")
@click.option("--output", metavar="FOLDER", type=click.Path(path_type=Path), help="[default: results/PREFIX]")
@click.option("--only-write", is_flag=True, help="Start nothing; write what the runs have reached so far.")
@telling_options
@as_json_option
@click.pass_obj
def reproduce(settings: Settings, table: str, seeds: str | None, rows: str | None, tasks: int | None, width: float | None,
              at_once: int | None, overrides: Sequence[str], prefix: str | None, output: Path | None, only_write: bool,
              telling: str, hooks: Sequence[str], as_json: bool) -> int:
    """Make TABLE of the paper: launch what is missing, write it.

    The paper's numbers stand beside ours. TABLE is a name from experiments/tables, or a YAML file. What is recorded is not run
    again, so the command may be interrupted and repeated.
    """
    import_from_here()
    check_storage()
    from orchestrator.cli.groups import listening
    from orchestrator.comparison.compare import compare
    from orchestrator.comparison.writing import HEADINGS, Line, files, table_rows
    from orchestrator.groups.driving import STOPPED
    from orchestrator.place import Place
    from orchestrator.reporting.folder import write_folder
    from orchestrator.reproducing.running import make
    from orchestrator.reproducing.tables import config_of, find_table, read_table

    path = find_table(table)
    described = read_table(path)
    if rows is not None:
        known = {row.name: row for row in described.rows}
        wrong = next((name for name in rows.split(",") if name not in known), None)
        if wrong is not None:
            raise UsageProblem(f"table {path} has no row {wrong!r}", f"its rows are {', '.join(known)}")
        described = described.model_copy(update={"rows": tuple(known[name] for name in dict.fromkeys(rows.split(",")))})
    wanted, named = _seeds(seeds) or described.seeds, prefix or described.runs or path.stem
    configs = [config_of(described, path, row, f"{named}-{row.name}", wanted, tasks, width, overrides)
               for row in described.rows]
    worst = 0
    if not only_write:
        codes = make(Place.of(settings.url), configs, listening(telling, hooks), at_once)
        worst = max(codes.values(), default=0)
        if worst == STOPPED:
            return worst
    folder = output or Path("results") / (prefix or path.stem)
    with reading(settings) as reads:
        found = compare(reads, [config.name for config in configs])
        lines = [Line(row.name, row.paper.accuracy, row.paper.used) for row in described.rows]
        write_folder(folder, named, files(reads, described.title, lines, found, command_line(sys.argv[1:], "reproduce")))
    if as_json:
        say_json({"table": named, "folder": str(folder), **plain(found)})
    else:
        columns = [Column(HEADINGS[0]), *map(number, HEADINGS[1:])]
        say("\n\n".join([render(columns, table_rows(lines, found), terminal_width()), *found.claims,
                         f"Written to {folder}: the table, and the records of every run that it quotes."]))
    return worst


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts) or len(set(map(int, parts))) < len(parts):
        raise UsageProblem(f"--seeds {text!r} is no list of distinct whole numbers", "write for example --seeds 0,1,2")
    return tuple(map(int, parts))
