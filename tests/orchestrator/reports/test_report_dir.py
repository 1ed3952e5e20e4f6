"""A report overwrites its own files only, and writes nothing when something is in the way."""

import json
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError
from orchestrator.reports.report_dir import LISTING, prepare_folder, write_folder
from tests.messages import naming

FILES = {"report.html": b"page", "tables/a.csv": b"a"}


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != LISTING}


def test_a_folder_is_made_and_its_own_files_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    written = write_folder(folder, "demo", FILES)
    assert [(file.path, file.file_bytes) for file in written] == [("report.html", 4), ("tables/a.csv", 1)]
    write_folder(folder, "demo", {"report.html": b"newer"})
    assert _content(folder) == {"report.html": b"newer", "tables/a.csv": b"a"}
    write_folder(folder, "demo", FILES)
    assert _content(folder) == FILES
    assert set(json.loads((folder / LISTING).read_text())["files"]) == set(FILES)


@pytest.mark.parametrize("path", ["report.html", "tables/a.csv"])
def test_what_no_report_made_is_left_alone(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_bytes(b"mine")
    with pytest.raises(ConfigError, match=naming(path)):
        write_folder(tmp_path, "demo", FILES)
    assert _content(tmp_path) == {path: b"mine"} and not (tmp_path / LISTING).exists()


def test_what_was_changed_since_is_left_alone(tmp_path: Path) -> None:
    write_folder(tmp_path, "demo", FILES)
    (tmp_path / "tables" / "a.csv").write_bytes(b"edited")
    with pytest.raises(ConfigError, match=naming("a.csv")):
        write_folder(tmp_path, "demo", {path: b"new" for path in FILES})
    assert _content(tmp_path) == {**FILES, "tables/a.csv": b"edited"}


def test_other_files_in_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"mine")
    write_folder(tmp_path, "demo", FILES)
    assert _content(tmp_path) == {**FILES, "notes.txt": b"mine"}


def test_the_report_of_another_run_is_left_alone(tmp_path: Path) -> None:
    write_folder(tmp_path, "demo", FILES)
    with pytest.raises(ConfigError, match=naming("--output")):
        write_folder(tmp_path, "other", FILES)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run": "demo"}', '{"run": "demo", "files": [1]}', '{"files": {"a": 1}}'])
def test_a_listing_of_somebody_else_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / LISTING).write_text(text)
    with pytest.raises(ConfigError, match=naming("report.json")):
        write_folder(tmp_path, "demo", FILES)
    assert (tmp_path / LISTING).read_text() == text


def test_a_report_that_was_cut_off_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path, "demo", FILES)
    newer = {path: content + b" again" for path, content in FILES.items()}
    with monkeypatch.context() as full:
        replace = Path.replace

        def fails_at_the_table(self: Path, target: Path) -> Path:
            if self.name == ".a.csv.partial":
                raise OSError(28, "No space left on device")
            return replace(self, target)

        full.setattr(Path, "replace", fails_at_the_table)
        with pytest.raises(ConfigError, match=naming("No space left on device")):
            write_folder(tmp_path, "demo", newer)
    assert _content(tmp_path) == {**FILES, "report.html": b"page again"}
    write_folder(tmp_path, "demo", newer)
    assert _content(tmp_path) == newer


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=naming("not a folder")):
        write_folder(tmp_path / "taken", "demo", FILES)
    with pytest.raises(ConfigError, match=naming("cannot be written")):
        write_folder(tmp_path / "taken" / "below", "demo", FILES)


def test_a_folder_is_tried_before_there_is_anything_to_write(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    prepare_folder(folder, "demo", ["report.html"])
    assert folder.is_dir() and not list(folder.iterdir())
    write_folder(folder, "demo", FILES)
    (folder / "tables" / "a.csv").write_bytes(b"edited")
    prepare_folder(folder, "demo", ["report.html"])
    with pytest.raises(ConfigError, match=naming("a.csv")):
        prepare_folder(folder, "demo", [*FILES])
    with pytest.raises(ConfigError, match=naming("cannot be written")):
        prepare_folder(Path("/proc/nothing"), "demo", ["report.html"])


@pytest.mark.parametrize("path", ["../esc.html", "/esc.html", "configs/../../esc.yaml", "configs/..", "figures//x.png", ""])
def test_no_file_of_a_report_lies_outside_of_its_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        write_folder(tmp_path / "a" / "report", "demo", {"report.html": b"page", path: b"x"})
    assert caught.value.hint.endswith("nothing was written") and list(tmp_path.iterdir()) == []
