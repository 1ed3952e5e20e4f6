"""The command that makes a report of a run."""

from pathlib import Path

import click

from orchestrator.cli.options import Settings, as_json_option, reading
from orchestrator.text.output import note, paragraph, say, say_json
from orchestrator.text.words import bytes_text, plural

FORMATS = ("html", "png", "svg", "pdf", "csv", "latex")
"""As in :class:`orchestrator.reporting.report.ReportFormat`, which need not be imported to explain the command."""

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

    Nothing is computed anew. A report of a run that is not complete says so. Files of an earlier report of RUN are
    replaced; what no report made is never overwritten.
    """
    from orchestrator.reporting.report import ReportFormat, write_report

    formats = [ReportFormat(form) for form in dict.fromkeys(forms or FORMATS)]
    with reading(settings) as reads:
        written = write_report(reads, run, output or Path(f"{run}-report"), formats,
                               lambda done, every: note(f"  {done} of {plural(every, 'figure')} drawn")
                               if done and done % TOLD_EVERY == 0 else None)
    if as_json:
        say_json({"run": run, "folder": written.folder, "files": written.files})
        return
    sizes: dict[str, list[int]] = {}
    for file in written.files:
        sizes.setdefault(Path(file.path).suffix.removeprefix("."), []).append(file.file_bytes)
    told = ", ".join(f"{len(each)} {kind} ({bytes_text(sum(each))})" for kind, each in sizes.items())
    say(paragraph(f"wrote {written.folder}: {told}"))
    if "html" in sizes:
        say(paragraph(f"open {written.folder / 'report.html'} in a browser"))
