"""Write a report: gather the records, draw the figures, write the files."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from clnp_core.values import LayerCapacity
from db.rows import AccuracyRow, SelectionRow
from orchestrator.render.serialize import Frame, csv_text, of_rows, of_trials
from orchestrator.reports import latex
from orchestrator.reports.report_charts import ReportFigure, figures_of
from orchestrator.reports.report_data import Gathered, gather
from orchestrator.reports.report_dir import WrittenFile, check_folder, write_folder

if TYPE_CHECKING:
    from db.reads.reads import Reads

PAGE = "report.html"


class ReportFormat(StrEnum):
    """Parts of a report."""

    HTML = "html"
    PNG = "png"
    SVG = "svg"
    PDF = "pdf"
    CSV = "csv"
    LATEX = "latex"


IMAGES = (ReportFormat.PNG, ReportFormat.SVG, ReportFormat.PDF)


@dataclass(frozen=True, slots=True)
class Report:
    """A written report."""

    run: str
    folder: Path
    files: Sequence[WrittenFile]


def write_report(reads: "Reads", run: str, folder: Path, formats: Collection[ReportFormat] = tuple(ReportFormat),
                 tell: Callable[[int, int], None] = lambda _done, _all: None) -> Report:
    """Write the report of a run; for an unfinished run, of what is recorded so far.

    Args:
        reads: of the database.
        run: the run's name.
        folder: the output folder. Files of an earlier report of the same run are replaced.
        formats: the parts to write.
        tell: called with the number of drawn figures and of all figures.

    Raises:
        NotFoundError: no such run.
        ConfigError: the folder cannot be written, or contains files that are not of a report.
    """
    gathered = gather(reads, run)
    figures = figures_of(gathered)
    check_folder(folder, run, tuple(_paths(gathered, figures, formats)))  # before drawing, which may take minutes
    for done, figure in enumerate(figures):
        tell(done, len(figures))
        for form in _images_of(figure, formats):
            figure.image(form)
    tell(len(figures), len(figures))
    return Report(run, folder, write_folder(folder, run, dict(_files(gathered, figures, formats))))


def _images_of(figure: ReportFigure, formats: Collection[ReportFormat]) -> list[str]:
    page = [still_form(figure)] if ReportFormat.HTML in formats else []
    return [*page, *(form.value for form in IMAGES if form in formats)]


def still_form(figure: ReportFigure) -> str:
    """Return the format of a figure's static image in the page, for print and without scripts."""
    return "png" if figure.crowded else "svg"


def _paths(gathered: Gathered, figures: Sequence[ReportFigure], formats: Collection[ReportFormat]) -> Iterator[str]:
    if ReportFormat.HTML in formats:
        yield PAGE
    yield from (f"figures/{figure.name}.{form.value}" for figure in figures for form in IMAGES if form in formats)
    if ReportFormat.CSV in formats:
        yield from (f"tables/{name}.csv" for name in _frames(gathered))
    if ReportFormat.LATEX in formats:
        yield from (f"tables/{name}.tex" for name in LATEX)


def _files(gathered: Gathered, figures: Sequence[ReportFigure],
           formats: Collection[ReportFormat]) -> Iterator[tuple[str, bytes]]:
    if ReportFormat.HTML in formats:
        from orchestrator.reports.html import page

        yield PAGE, page(gathered, [(figure, still_form(figure)) for figure in figures]).encode()
    for figure in figures:
        for form in IMAGES:
            if form in formats:
                yield f"figures/{figure.name}.{form.value}", figure.image(form.value)
    if ReportFormat.CSV in formats:
        for name, frame in _frames(gathered).items():
            yield f"tables/{name}.csv", csv_text(frame).encode()
    if ReportFormat.LATEX in formats:
        for name, make in LATEX.items():
            yield f"tables/{name}.tex", make(gathered).encode()


LATEX: dict[str, Callable[[Gathered], str]] = {
    "accuracy": latex.accuracy_latex, "capacity": latex.capacity_latex, "selections": latex.selections_latex,
    "trials": latex.trials_latex}


def _frames(gathered: Gathered) -> dict[str, Frame]:
    return {"accuracy": of_rows(AccuracyRow, gathered.cells), "capacity": of_rows(LayerCapacity, gathered.capacity),
            "selections": of_rows(SelectionRow, gathered.selections), "trials": of_trials(gathered.trials)}
