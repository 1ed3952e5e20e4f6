"""The rules of the tree: imports go down only, no circles, no crowded room, no name twice; and figures that may only fall."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import PACKAGES, House, circles, measure

ROOT = Path(__file__).parents[1]
ENTRIES = {"orchestrator": 16, "db": 18, "workers": 13}
"""Files and folders that the top of a package may have."""

MOST = {"any_annotations": 187, "late_imports": 133, "private_imports": 0, "longest_parameter_list": 10, "rooms": 33}
"""What was counted last. Lower a figure when the code has fallen below it; never raise one."""


@pytest.fixture(scope="module")
def house() -> House:
    return measure()


def test_imports_go_down_only_and_heavy_libraries_stay_where_they_belong() -> None:
    """The contracts stand in pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


def test_no_modules_import_one_another(house: House) -> None:
    assert house.circles == []


def test_circles_are_found() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []}) == [["a", "b", "c"]]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_nothing_imports_from_the_command_line(house: House) -> None:
    assert house.from_cli == []


def test_a_name_of_a_file_occurs_once(house: House) -> None:
    assert house.names_twice == []


def test_no_module_is_hidden_by_a_package() -> None:
    """Of ``runs.py`` and ``runs/`` beside each other, Python imports the package."""
    folders = [folder for name in (*PACKAGES, "tests", "benchmarks") for folder in (ROOT / name).rglob("*") if folder.is_dir()]
    assert [folder for folder in folders if folder.with_suffix(".py").is_file()] == []


def test_a_name_of_a_class_occurs_once(house: House) -> None:
    """A run, its stages, trials and commits are tables, and objects of a notebook: docs/architecture.md has the reason."""
    assert house.classes_twice == ["Commit", "Run", "Stage", "Trial"]


def test_no_file_is_longer_than_one_concept(house: House) -> None:
    assert house.long_files == {}


@pytest.mark.parametrize("package", sorted(ENTRIES))
def test_no_room_is_crowded(house: House, package: str) -> None:
    assert house.entries[package] <= ENTRIES[package]


@pytest.mark.parametrize("figure", sorted(MOST))
def test_what_is_to_become_less_does_not_become_more(house: House, figure: str) -> None:
    assert getattr(house, figure) <= MOST[figure]
