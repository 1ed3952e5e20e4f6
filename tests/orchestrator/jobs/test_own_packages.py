"""A file that would be imported in place of a package of this project is named, by commands and in Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.jobs.own_packages import PACKAGES, check_packages, importing_ours, python_module
from tests.orchestrator.cli.conftest import ROOT, environment


def _started(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    with_folder = {**environment(), "PYTHONPATH": f"{folder}:{ROOT}"}
    return subprocess.run([sys.executable, *words], cwd=folder, env=with_folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_in_the_way_is_named(package: str, tmp_path: Path) -> None:
    file = tmp_path / f"{package}.py"
    file.write_text("raise SystemError('not to be run')\n")
    message = f"{file} is imported in place of clnp's own package {package!r}"
    command = _started(tmp_path, "-m", "orchestrator.cli", "ls")
    assert (command.returncode, command.stdout) == (2, "")
    error, hint = command.stderr.splitlines()
    assert error == f"error: {message}" and hint.startswith("hint: rename it")
    command = _started(tmp_path, "-m", "orchestrator.cli", "ls", "--json")
    assert json.loads(command.stdout)["error"] == {
        "message": message, "hint": "rename it, or start Python in another folder and without that folder in PYTHONPATH",
        "exit_code": 2}
    imported = _started(tmp_path, "-c", "from orchestrator.api import launch")
    assert imported.returncode == 1 and f"ImportError: {message}" in imported.stderr


def test_packages_of_our_own_are_taken() -> None:
    assert check_packages()


def test_files_of_the_working_folder_do_not_stand_in_for_ours(tmp_path: Path) -> None:
    for name in ("orchestrator", "db", "workers", "clnp_core", "yaml", "queue", "json"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemError('{name} of the working folder')\n")
    command, there = (*python_module("orchestrator.cli"), "ls", "--json"), importing_ours(environment())
    ended = subprocess.run(command, cwd=tmp_path, env=there, capture_output=True, text=True, check=False)
    assert ended.returncode == 5 and "no database" in json.loads(ended.stdout)["error"]["message"], ended


def test_a_checkout_that_is_not_installed_is_found_by_the_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    library = str(Path(os.__file__).parent)
    monkeypatch.setattr(sys, "path", [str(ROOT), library])
    assert importing_ours({})["PYTHONPATH"] == str(ROOT)
    assert importing_ours({"PYTHONPATH": "/mine"})["PYTHONPATH"] == f"{ROOT}{os.pathsep}/mine"
    monkeypatch.setattr(sys, "path", [library, str(ROOT)])
    assert importing_ours({"A": "b"}) == {"A": "b"}, "an installation is searched behind Python's library"
