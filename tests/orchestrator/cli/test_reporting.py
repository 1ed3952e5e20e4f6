"""``clnp report``."""

from collections.abc import Callable
from pathlib import Path

from orchestrator.cli.export_commands import FORMATS
from orchestrator.reports.report import ReportFormat
from tests.orchestrator.cli.conftest import Outcome, written
from tests.orchestrator.groups.conftest import place_in, write_group


def test_the_formats_are_those_of_the_report() -> None:
    assert tuple(each.value for each in ReportFormat) == FORMATS


def test_it_says_what_it_wrote(on_tiny: Callable[..., Outcome], tmp_path: Path) -> None:
    folder = tmp_path / "report"
    outcome = on_tiny("report", "tiny", "--output", str(folder), "--format", "latex", "--format", "csv")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"wrote {folder}: 4 csv (") or outcome.out.startswith(f"wrote {folder}: 4 tex (")
    assert len(list((folder / "tables").iterdir())) == 8
    document = on_tiny("report", "tiny", "--output", str(folder), "--format", "latex", "--json").document
    assert (document["run"], document["folder"]) == ("tiny", str(folder))
    assert document["files"][0] == {"path": "tables/accuracy.tex",
                                    "file_bytes": (folder / "tables" / "accuracy.tex").stat().st_size}


def test_without_a_folder_it_is_the_name_of_the_run(clnp: Callable[..., Outcome], tmp_path: Path) -> None:
    with written(tmp_path) as run:
        run.begin()
        run.let_go()
    outcome = clnp("report", "demo", "--format", "html", folder=tmp_path)
    assert outcome.code == 0 and outcome.out.endswith("open demo-report/report.html in a browser\n")
    assert "This run is not complete." in (tmp_path / "demo-report" / "report.html").read_text()


def test_a_group_is_reported_over_its_seeds(clnp: Callable[..., Outcome], tmp_path: Path) -> None:
    write_group(place_in(tmp_path), {1: 2, 2: 2, 3: 1})
    outcome = clnp("report", "tiny", folder=tmp_path)
    assert outcome.code == 0, outcome.err
    table = (tmp_path / "tiny-report" / "table.md").read_text()
    assert "| tiny | 2 of 3 | 85.00 ± 7.07 |" in table
    assert "tiny-seed-3 is stopped with 1 of 2 tasks learnt: it is not averaged." in table
    assert clnp("report", "tiny", "--format", "html", folder=tmp_path).refuses(2, "--format")
    (tmp_path / "tiny-report" / "table.md").write_text("mine")
    assert clnp("report", "tiny", folder=tmp_path).error[1] == (
        "tiny-report/table.md has been changed since the report was made, and would be overwritten")


def test_a_comparison_is_written_where_it_is_asked_for(clnp: Callable[..., Outcome], tmp_path: Path) -> None:
    write_group(place_in(tmp_path), {1: 2, 2: 2})
    outcome = clnp("compare", "tiny-seed-1", "tiny-seed-2", "--output", "both", folder=tmp_path)
    assert outcome.code == 0
    assert outcome.err == "written to both: the table, its figures, and the records of every run that it quotes\n"
    assert "# tiny-seed-1, tiny-seed-2" in (tmp_path / "both" / "table.md").read_text()


def test_what_is_in_the_way_and_what_is_not_there(on_tiny: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "trials.csv").write_text("mine")
    assert on_tiny("report", "tiny", "--output", str(tmp_path)).refuses(2, tmp_path, "tables/trials.csv", "--output")
    assert on_tiny("report", "tony").refuses(4, "tony")
    code, message, _ = on_tiny("report", "tiny", "--format", "docx").error
    assert code == 2 and "docx" in message
