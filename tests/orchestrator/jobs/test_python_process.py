"""Processes that this project starts of itself import nothing from the working folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.jobs.python_process import ROOT, importing_ours, python_module
from tests.orchestrator.cli.conftest import environment


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
