"""Commands that write a run to files or to another store: `clnp export`, `clnp report` and `clnp mirror`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from db.url import shown
from orchestrator.cli.errors import UsageProblem
from orchestrator.cli.options import MAX_COUNT, GlobalOptions, as_json_option, check_storage, command_line, reading
from orchestrator.render.format import bytes_text, plural
from orchestrator.render.matrices import percent
from orchestrator.render.output import note, paragraph, say, say_json, terminal_width
from orchestrator.render.table import Column, number, prose, render
from orchestrator.reports.compare import compare
from orchestrator.reports.report import ReportFormat, write_report
from orchestrator.reports.report_dir import write_folder
from orchestrator.runs.location import Place
from orchestrator.runs.run_names import folder_named_after

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from orchestrator.export.card import Card, Counted
    from orchestrator.reports.report_dir import WrittenFile
    from orchestrator.runs.optuna_export import MirroredStage


ALL = "all"


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--task", metavar="K", type=click.IntRange(1, MAX_COUNT), required=True,
              help="The task that the model serves.")
@click.option("--output", metavar="FOLDER", help="The folder to create. [default: RUN-task-K here]")
@click.option("--format", "form", type=click.Choice(["onnx", "torch", ALL]), default=ALL, show_default=True,
              help="Which models to write.")
@click.option("--from-commit", metavar="J", type=click.IntRange(1, MAX_COUNT),
              help="Export the network after task J, K or later. [default: K]")
@as_json_option
@click.pass_obj
def export(settings: GlobalOptions, run: str, task: int, output: str | None, form: str, from_commit: int | None,
           as_json: bool) -> None:
    """Write task K of RUN as a small model that runs without clnp.

    The neurons that the task depends on, as ONNX and as a torch.export program, with a model card. The files are read back and
    compared with the committed network on all validation and test samples before the folder appears.
    """
    check_storage()
    from orchestrator.export.export import export_task
    from orchestrator.export.formats import ModelFormat

    formats = tuple(ModelFormat) if form == ALL else (ModelFormat(form),)
    exported = export_task(Place.of(settings.url), run, task, output, formats=formats, from_commit=from_commit)
    if as_json:
        say_json({"run": run, "task": task, "folder": exported.folder, "card": exported.card})
        return
    say(_text(exported.card))
    files = ", ".join(f"{each.name} ({bytes_text(each.file_bytes)})" for each in exported.card.files)
    where = exported.folder.relative_to(Path.cwd()) if exported.folder.is_relative_to(Path.cwd()) else exported.folder
    say(paragraph(f"\nwrote {where}: {files}, model_card.md, model_card.json"))


def _text(card: "Card") -> str:
    """Return a comparison of both networks, then what was verified."""
    from orchestrator.export.card_text import network_text, times_text
    from orchestrator.export.model_info import relative

    sub, full = card.sub_network, card.full_network
    rows = [
        ["layers", network_text(card, sub), network_text(card, full), ""],
        ["parameters", f"{sub.parameters:,}", f"{full.parameters:,}", relative(sub.parameters, full.parameters)],
        ["multiply-adds", f"{sub.multiply_adds:,}", f"{full.multiply_adds:,}", relative(sub.multiply_adds, full.multiply_adds)]]
    rows += [[f"bytes of {each.name}", f"{each.file_bytes:,}", f"{each.full_network_bytes:,}",
              relative(each.file_bytes, each.full_network_bytes)] for each in card.files]
    for each in card.latency.measured:
        small_time, full_time = times_text(each)
        rows.append([f"ms, {each.runtime}, batch {each.batch}", small_time, full_time,
                     relative(each.sub_network.median_ms, each.full_network.median_ms)])
    table = render([Column(f"task {card.task.task} of {card.task.run}"), number("sub-network"), number("full network"),
                    number("share")], rows, terminal_width())
    accuracy = f"accuracy: {_percent(card.validation)} on validation, {_percent(card.test)} on test"
    return f"{table}\n\n" + paragraph(f"{accuracy}\n{card.verification.result}")


def _percent(counted: "Counted") -> str:
    return f"{percent(counted.accuracy)} % ({counted.correct:,} of {counted.total:,})"


FORMATS = ("html", "png", "svg", "pdf", "csv", "latex")
"""Same as :class:`orchestrator.reports.report.ReportFormat`, which is not imported for ``--help``."""

TOLD_EVERY = 20
"""Number of figures between two lines of progress."""


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--output", metavar="FOLDER", type=click.Path(path_type=Path),
              help="The folder to write to. [default: RUN-report here]")
@click.option("--format", "forms", type=click.Choice(FORMATS), multiple=True,
              help="Write only this part; may be repeated. [default: all]")
@as_json_option
@click.pass_obj
def report(settings: GlobalOptions, run: str, output: Path | None, forms: tuple[str, ...], as_json: bool) -> None:
    """Write RUN as a page, figures and tables, for readers.

    For a group of runs: the table over its seeds, figures, and the records of all runs. Nothing is recomputed. The report of
    an incomplete run says so. Files of an earlier report of RUN are replaced; other files are never overwritten.
    """

    formats = [ReportFormat(form) for form in dict.fromkeys(forms or FORMATS)]
    with reading(settings) as reads:
        runs = reads.runs(run)
        if not runs:
            reads.run(run)  # it exists
        folder = output or folder_named_after(run, "-report")
        if runs:
            if forms:
                raise UsageProblem(f"{run} is a group of runs, whose report has one form", "omit --format")
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
    from orchestrator.reports.comparison_files import Line, files

    found = compare(reads, [group])
    return write_folder(folder, group, files(reads, f"Runs of {group}", [Line(group)], found,
                                             command_line(sys.argv[1:], "report")))


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--to", metavar="URL", help="The Optuna storage. [default: .clnp/optuna.db here]")
@click.option("--follow", is_flag=True, help="Repeat every few seconds, until no driver is running for RUN.")
@as_json_option
@click.pass_obj
def mirror(settings: GlobalOptions, run: str, to: str | None, follow: bool, as_json: bool) -> None:
    """Copy RUN's trials into an Optuna storage.

    Every task becomes a study that optuna-dashboard shows. Trials that the storage already contains are not copied again; the
    run itself is only read.
    """
    from orchestrator.runs.optuna_export import open_mirror

    with reading(settings) as reads:
        reads.run(run)  # a mistyped name creates no mirror
        with open_mirror(to) as copy:
            stages = copy.follow(reads, run, _tell) if follow else copy.update(reads, run)
    where = shown(copy.address)
    if as_json:
        say_json({"run": run, "mirror": where, "stages": stages})
        return
    if stages:
        say(render([prose("study"), number("added"), number("trials")],
                   [[stage.study, f"{stage.trials_added:,}", f"{stage.trials:,}"] for stage in stages], terminal_width()))
        say()
    added = sum(stage.trials_added for stage in stages)
    say(f"{plural(added, 'trial')} added; `optuna-dashboard {where}` shows them" if added or stages else
        f"run {run} has no trials yet")


def _tell(stages: "Sequence[MirroredStage]") -> None:
    for stage in stages:
        if stage.trials_added:
            note(f"{stage.study}: {plural(stage.trials_added, 'trial')} added")
