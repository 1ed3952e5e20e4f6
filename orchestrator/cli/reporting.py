"""The command that makes a report of a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.errors import UsageProblem
from orchestrator.cli.options import Settings, as_json_option, command_line, reading
from orchestrator.render.format import bytes_text, plural
from orchestrator.render.output import note, paragraph, say, say_json
from orchestrator.runs.run_names import folder_named_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.reads.reads import Reads
    from orchestrator.reports.report_dir import WrittenFile

FORMATS = ("html", "png", "svg", "pdf", "csv", "latex")
"""As in :class:`orchestrator.reports.report.ReportFormat`, which need not be imported to explain the command."""

TOLD_EVERY = 20
"""Figures between two lines about how many are drawn."""


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--output", metavar="FOLDER", type=click.Path(path_type=Path),
              help="The folder to write to. [default: RUN-report here]")
@click.option("--format", "forms", type=click.Choice(FORMATS), multiple=True,
              help="Write only this; may be repeated. [default: all]")
@as_json_option
@click.pass_obj
def report(settings: Settings, run: str, output: Path | None, forms: tuple[str, ...], as_json: bool) -> None:
    """Write RUN as a page, figures and tables, for readers.

    Of a group of runs, the table over its seeds, figures, and the records of all of them. Nothing is computed anew.
    A report of a run that is not complete says so. Files of an earlier report of RUN are replaced; what no report made is
    never overwritten.
    """
    from orchestrator.reports.report import ReportFormat, write_report

    formats = [ReportFormat(form) for form in dict.fromkeys(forms or FORMATS)]
    with reading(settings) as reads:
        runs = reads.runs(run)
        if not runs:
            reads.run(run)  # it is there
        folder = output or folder_named_after(run, "-report")
        if runs:
            if forms:
                raise UsageProblem(f"{run} is a group of runs, whose report has one form", "leave --format out")
            files = _report_group(reads, run, folder)
        else:
            files = write_report(reads, run, folder, formats,
                                 lambda done, every: note(f"  {done} of {plural(every, 'figure')} drawn")
                                 if done and done % TOLD_EVERY == 0 else None).files
    if as_json:
        say_json({"run": run, "folder": folder, "files": files})
        return
    sizes: dict[str, list[int]] = {}
    for file in files:
        sizes.setdefault(Path(file.path).suffix.removeprefix("."), []).append(file.file_bytes)
    told = ", ".join(f"{len(each)} {kind} ({bytes_text(sum(each))})" for kind, each in sizes.items())
    say(paragraph(f"wrote {folder}: {told}"))
    if "html" in sizes:
        say(paragraph(f"open {folder / 'report.html'} in a browser"))


def _report_group(reads: "Reads", group: str, folder: Path) -> "Sequence[WrittenFile]":
    from orchestrator.reports.compare import compare
    from orchestrator.reports.comparison_files import Line, files
    from orchestrator.reports.report_dir import write_folder

    found = compare(reads, [group])
    return write_folder(folder, group, files(reads, f"Runs of {group}", [Line(group)], found,
                                             command_line(sys.argv[1:], "report")))
