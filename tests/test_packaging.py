"""What installs the project holds together: pins, entry point, scripts, what the image is built from."""

import ast
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ROOMS = ("clnp", "clnp_core", "workers", "db", "orchestrator")
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, TOOLS = PYPROJECT["project"], PYPROJECT["tool"]
REQUIREMENTS = [Requirement(text) for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
                for text in texts]
PINS = {canonicalize_name(pin.name): pin for pin in (
    Requirement(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#"))}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_requirement_has_a_pin_inside_its_range(requirement: Requirement) -> None:
    (pin,) = PINS[canonicalize_name(requirement.name)].specifier
    assert pin.operator == "==" and requirement.specifier.contains(pin.version)


def test_pins_are_exact_portable_and_without_addresses() -> None:
    for pin in PINS.values():
        (specifier,) = pin.specifier
        assert specifier.operator == "==" and "+" not in specifier.version and pin.url is None


def test_the_command_of_the_readme_is_installed() -> None:
    assert PROJECT["scripts"] == {"clnp": "orchestrator.cli.main:main"}


@pytest.mark.parametrize("script", [".ci/run", "deploy/drive.sh", "deploy/slurm.sh"])
def test_shell_scripts_parse(script: str) -> None:
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


def test_make_explains_itself_and_names_a_python_that_is_too_old(tmp_path: Path) -> None:
    shown = subprocess.run(["make", "--silent"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert targets
    missing = [name for name in targets[1].split() if name not in ("help", "install") and f"make {name} " not in shown]
    assert not missing
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    refused = subprocess.run(["make", "--silent", "install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
                             cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert refused.stderr.splitlines()[:2] == [
        f"error: {old} is missing or older than Python 3.11: Python 3.9.2",
        "install Python 3.11 or newer, or name one: make install PYTHON=python3.11"]
    assert not (tmp_path / "venv").exists()


def test_the_image_gets_all_that_the_build_copies() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    copies = re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {source for line in copies for source in line.split()} == set(allowed)
    assert set(ROOMS) <= set(allowed)


def test_no_page_holds_a_placeholder() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        assert "@@" not in page.read_text(encoding="utf-8"), page


def _imported(*folders: str) -> set[str]:
    """The names of the packages that files import, without those of Python and of the project."""
    names: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {*ROOMS, "tests", "benchmarks"}


@pytest.mark.parametrize(("folders", "lists"), [
    (ROOMS, ("dependencies", "export", "s3", "dashboard")), (("tests",), ("dependencies", "dev"))], ids=["packages", "tests"])
def test_every_package_that_is_imported_is_declared(folders: tuple[str, ...], lists: tuple[str, ...]) -> None:
    known = {**PROJECT["optional-dependencies"], "dependencies": PROJECT["dependencies"]}
    declared = {canonicalize_name(Requirement(text).name) for name in lists for text in known[name]}
    owners = packages_distributions()
    undeclared = {name for name in _imported(*folders)
                  if not {canonicalize_name(owner) for owner in owners.get(name, [name])} & declared}
    assert undeclared == set()


@pytest.mark.parametrize("texts", [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()], ids=str)
def test_no_requirement_stands_twice(texts: list[str]) -> None:
    names = [canonicalize_name(Requirement(text).name) for text in texts]
    assert len(names) == len(set(names))


def test_foreign_folders_are_not_installed() -> None:
    patterns = TOOLS["setuptools"]["packages"]["find"]["include"]
    wanted = ["clnp", "clnp_core", "db", "db.schema.migrations.versions", "orchestrator", "orchestrator.cli", "workers",
              "workers.training.packs"]
    foreign = ["db_backup", "dbt", "db2.models", "workers2", "orchestrator-old", "clnp_core_old.x", "tests", "benchmarks"]
    assert [name for name in wanted + foreign if any(fnmatchcase(name, pattern) for pattern in patterns)] == wanted
