"""`clnp compare`: compare runs and groups of runs, with tests of significance."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.options import MAX_COUNT, GlobalOptions, RenamedOptions, as_json_option, command_line, reading
from orchestrator.render.format import NOTHING
from orchestrator.render.output import note, paragraph, plain, say, say_json, terminal_width
from orchestrator.render.table import Column, number, render
from orchestrator.reports.compare import compare as compare_runs
from orchestrator.reports.comparison_files import Line, cautions, files, interval, seconds, spread
from orchestrator.reports.report_dir import write_folder

if TYPE_CHECKING:
    from orchestrator.reports.compare import Comparison, Side
    from orchestrator.reports.measure import Measured


@click.command(cls=RenamedOptions, renamed={"--level": "--significance-level"})
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--significance-level", "level", metavar="P", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              default=0.05, show_default=True, help="Report a difference as significant where its p-value is below P.")
@click.option("--after-task", metavar="K", type=click.IntRange(1, MAX_COUNT),
              help="Compare the runs as they were after task K; includes runs that have not ended.")
@click.option("--output", metavar="FOLDER", type=click.Path(path_type=Path),
              help="Write the table, figures over seeds and the records of every run to FOLDER.")
@as_json_option
@click.pass_obj
def compare(settings: GlobalOptions, names: tuple[str, ...], level: float, after_task: int | None, output: Path | None,
            as_json: bool) -> None:
    """Compare runs, or groups of several seeds.

    The first is compared with each of the others: means over seeds, and exact permutation tests. A run that is not completed
    is named and left out of the means.
    """

    with reading(settings) as reads:
        found = compare_runs(reads, names, level, after_task)
        if output is not None:

            title = ", ".join(names)
            write_folder(output, title, files(reads, title, [Line(name) for name in names], found,
                                              command_line(sys.argv[1:], "compare")))
            note(f"written to {output}: the table, its figures, and the records of every run that it quotes")
    if as_json:
        say_json(plain(found))
    else:
        say(comparison_text(found, terminal_width()))


def comparison_text(found: "Comparison", width: int | None) -> str:
    """Return the comparison as text: means, every run, and claims."""
    parts = [_means(found, width)]
    if any(len(side.runs) > 1 for side in found.sides):
        parts.append(_runs(found, width))
    said = [*cautions(found), *found.claims]
    if said:
        parts.append(paragraph("\n".join(said)))
    return "\n\n".join(parts)


def _means(found: "Comparison", width: int | None) -> str:
    columns = [Column("name"), Column("method"), number("runs"), number("accuracy %"), number("95 % interval"),
               number("backward"), number("forward"), number("graceful"), number("used %"), number("CPU s"),
               number("GPU s")]
    return render(columns, [_mean_row(side) for side in found.sides], width)


def _mean_row(side: "Side") -> list[str]:
    of, accuracy = side.summaries, side.summaries["average_accuracy_percent"]
    completed = f"{accuracy.n}" if accuracy.n == len(side.runs) else f"{accuracy.n} of {len(side.runs)}"
    return [side.name, side.method, completed, spread(accuracy), interval(accuracy),
            *(spread(of[quantity], accuracy.n) for quantity in ("backward_transfer_points", "forward_transfer_points",
                                                                "graceful_loss_points", "used_percent")),
            seconds(of["cpu_seconds"]), seconds(of["gpu_seconds"])]


def _runs(found: "Comparison", width: int | None) -> str:
    columns = [Column("run"), number("seed"), Column("state"), number("tasks"), number("accuracy %"), number("used %")]
    return render(columns, [_run_row(run) for side in found.sides for run in side.runs], width)


def _run_row(run: "Measured") -> list[str]:
    accuracy = NOTHING if run.metrics is None else f"{100 * run.metrics.average_accuracy:.2f}"
    used = NOTHING if run.used_percent is None else " / ".join(f"{percent:.1f}" for percent in run.used_percent)
    return [run.run, str(run.seed), run.state.value, f"{run.tasks_learnt}/{run.tasks}", accuracy, used]
