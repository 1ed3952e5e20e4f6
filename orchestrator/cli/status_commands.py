"""Commands that only read the database: status, ls, trials, sql. They import neither torch nor Ray nor pandas."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from db.rows import TrialRow
from db.sql import run_sql
from orchestrator.cli import group_commands
from orchestrator.cli.options import (
    MAX_COUNT,
    GlobalOptions,
    as_json_option,
    format_options,
    reading,
    task_option,
)
from orchestrator.cli.show_command import trial_table
from orchestrator.render.format import NOTHING, plural, time_text
from orchestrator.render.matrices import chance_sentences, percent
from orchestrator.render.output import paragraph, plain, say, say_json, terminal_width
from orchestrator.render.run_summary import facts_text, next_steps, origin_facts, state_text, task_table
from orchestrator.render.serialize import Format, Frame, of_rows, of_trials, write
from orchestrator.render.table import Column, number, prose, render

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from db.rows import RunRow


NO_RUN = "no run is recorded yet; `clnp launch CONFIG` starts one"


@click.command()
@click.argument("run", metavar="[RUN]", required=False)
@as_json_option
@click.pass_obj
def status(settings: GlobalOptions, run: str | None, as_json: bool) -> None:
    """Show the progress of RUN, task by task.

    Without RUN: every run that has not completed. RUN may be a group: a line for each of its runs, and the results of the
    completed ones.
    """
    if run is not None and group_commands.is_group(settings, run):
        group_commands.show(settings, run, as_json)
        return
    with reading(settings) as reads:
        rows = [reads.run(run)] if run is not None else [row for row in reads.runs() if row.tasks_committed < row.tasks]
        if as_json:
            documents = [{"run": row, "stages": reads.stages(row.name), "last_event": reads.last_event(row.name)}
                         for row in rows]
            say_json(documents if run is None else documents[0])
            return
        if not rows:
            complete = len(reads.runs())
            say(f"every run is complete: {plural(complete, 'run')}, listed by `clnp ls`" if complete else NO_RUN)
        for index, row in enumerate(rows):
            say(("\n" if index else "") + _status_text(reads, row))


@click.command()
@as_json_option
@click.pass_obj
def ls(settings: GlobalOptions, as_json: bool) -> None:
    """List all runs, oldest first."""

    with reading(settings) as reads:
        rows = reads.runs()
    if as_json:
        say_json(rows)
        return
    if not rows:
        say(NO_RUN)
        return
    means = dict(run_sql("SELECT run, mean_test_accuracy FROM clnp_v_runs", settings.url).rows)
    columns = [prose("run"), Column("state"), number("tasks"), number("mean test %"), Column("created (UTC)"),
               prose("benchmark")]
    say(render(columns, [
        [row.name, row.state.value, f"{row.tasks_committed}/{row.tasks}",
         NOTHING if means.get(row.name) is None else percent(means[row.name]), f"{row.created_at:%Y-%m-%d %H:%M}",
         row.benchmark] for row in rows], terminal_width()))


@click.command()
@click.argument("run", metavar="RUN")
@task_option("Show only the trials of one task.")
@format_options
@click.option("--limit", metavar="N", type=click.IntRange(0, MAX_COUNT), help="Show at most N trials.")
@click.option("--offset", metavar="N", type=click.IntRange(0, MAX_COUNT), default=0, help="Skip the first N trials.")
@as_json_option
@click.pass_obj
def trials(settings: GlobalOptions, run: str, task: int | None, form: Format, output: Path | None, limit: int | None,
           offset: int, as_json: bool) -> None:
    """List the trials of RUN, with results and verdicts.

    The table rounds and picks columns; the other formats have every column in full.
    """
    with reading(settings) as reads:
        rows = reads.trials(run, task, limit, offset)
    wanted = Format.JSON if as_json else form
    frame = of_rows(TrialRow, rows) if wanted is Format.JSON else of_trials(rows)  # JSON has lists
    write(frame, wanted, output, lambda width: trial_table(rows, width))


@click.command()
@click.argument("statement", metavar="SQL")
@format_options
@as_json_option
@click.pass_obj
def sql(settings: GlobalOptions, statement: str, form: Format, output: Path | None, as_json: bool) -> None:
    """Run one read-only SQL statement.

    docs/schema.md describes the tables, and the views clnp_v_…, which are easier to read.
    """

    result = run_sql(statement, settings.url)
    frame = Frame(result.columns, (None,) * len(result.columns), result.rows)
    write(frame, Format.JSON if as_json else form, output, lambda width: _sql_table(frame, width))


def _status_text(reads: "Reads", run: "RunRow") -> str:
    facts = origin_facts(run)
    if run.driver_lives and run.owner is not None:
        facts.append(("driver", f"process {run.owner.pid} on {run.owner.host}, last heartbeat {time_text(run.heartbeat_at)}"))
    event = reads.last_event(run.name)
    if event is not None:
        facts.append(("last event", f"{time_text(event.at)}: {event.message}"))
    head = state_text(run) + ("\n" + facts_text(facts) if facts else "")
    stages = reads.stages(run.name)
    said = chance_sentences(reads.accuracy_matrix(run.name), stages)
    return "\n\n".join([head, task_table(reads, run, stages), *([paragraph("\n".join(said))] if said else []),
                        *next_steps(run, stages)])


def _sql_table(frame: Frame, width: int | None) -> str:
    columns = [number(name) if _all_numbers(frame, index) else prose(name) for index, name in enumerate(frame.columns)]
    return render(columns, [["NULL" if cell is None else str(plain(cell)) for cell in row] for row in frame.rows], width)


def _all_numbers(frame: Frame, index: int) -> bool:
    cells = [row[index] for row in frame.rows if row[index] is not None]
    return bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)
