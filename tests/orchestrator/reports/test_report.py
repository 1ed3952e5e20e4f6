"""A report is written whole, with the files that were asked for, and holds what is recorded."""

import csv
import json
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError
from db.reads.reads import Reads
from orchestrator.reports.report import ReportFormat, write_report
from tests.messages import naming


def test_everything_of_a_real_run(reads: Reads, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    report = write_report(reads, "tiny", tmp_path / "report", tell=lambda done, every: told.append((done, every)))
    there = {str(path.relative_to(report.folder)): path.stat().st_size for path in report.folder.rglob("*") if path.is_file()}
    assert there.pop("report.json") > 0
    assert {file.path: file.file_bytes for file in report.files} == there
    kinds = [Path(path).suffix for path in there]
    assert {kind: kinds.count(kind) for kind in kinds} == {".html": 1, ".png": 8, ".svg": 8, ".pdf": 8, ".csv": 4, ".tex": 4}
    assert told[0] == (0, 8) and told[-1] == (8, 8)
    with (report.folder / "tables" / "accuracy.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert [(int(cell["after_task"]), int(cell["on_task"]), float(cell["test_accuracy"])) for cell in cells] == [
        (cell.after_task, cell.on_task, cell.test_accuracy) for cell in reads.accuracy_matrix("tiny")]
    with (report.folder / "tables" / "trials.csv").open() as file:
        trials = list(csv.DictReader(file))
    assert [(row["task"], row["number"], json.loads(row["alpha"])) for row in trials] == [
        (str(row.task), str(row.number), list(row.alpha)) for row in reads.trials("tiny")]


def test_only_the_formats_that_are_asked_for(reads: Reads, tmp_path: Path) -> None:
    report = write_report(reads, "tiny", tmp_path, (ReportFormat.LATEX,))
    assert [file.path for file in report.files] == [f"tables/{name}.tex" for name in
                                                    ("accuracy", "capacity", "selections", "trials")]
    write_report(reads, "tiny", tmp_path, (ReportFormat.CSV,))
    assert len(list((tmp_path / "tables").iterdir())) == 8


def test_what_is_in_the_way_is_found_before_anything_is_drawn(reads: Reads, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(ConfigError, match=naming("report.html")):
        write_report(reads, "tiny", tmp_path, tell=lambda _done, _every: pytest.fail("a figure was drawn"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
