"""A user's modules are found behind everything else, and their failures are told in a line."""

import importlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from clnp_core.errors import DataError
from workers import user_modules

PROGRAM = """
import json, sys
from workers import user_modules
before = list(sys.path)
made = user_modules.load("mine:Made.word")
print(json.dumps([before, sys.path, made, sys.modules["queue"].__file__, sys.modules["workers"].__file__]))
"""


def test_the_working_folder_is_searched_last_and_only_once_something_in_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import db, queue\nfrom helper import WORD\nclass Made:\n    word = WORD\n")
    (tmp_path / "helper.py").write_text("WORD = 'found'\n")
    for name in ("queue", "yaml", "json", *user_modules.PACKAGES):
        (tmp_path / f"{name}.py").write_text(f"raise SystemError('{name} of the working folder')\n")
    other = tmp_path / "other"
    other.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(user_modules.ROOT), user_modules.FOLDERS: str(other)}
    ended = subprocess.run([sys.executable, "-P", "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True,
                           check=True)
    before, after, made, queue, workers = json.loads(ended.stdout)
    assert made == "found" and after == [*before, str(tmp_path), str(other)]
    assert not Path(queue).is_relative_to(tmp_path) and not Path(workers).is_relative_to(tmp_path)


def test_a_module_whose_name_is_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("workers", "colorsys"):
        (tmp_path / f"{name}.py").write_text("NUMBER = 4\n")
    (tmp_path / "of_workers.py").write_text("from workers import NUMBER\n")
    (tmp_path / "reads_workers.py").write_text("import workers\nNUMBER = workers.NUMBER\n")
    importlib.import_module("colorsys")
    for path, taken in (("colorsys:Make", "colorsys"), ("of_workers:NUMBER", "workers"), ("reads_workers:NUMBER", "workers")):
        with pytest.raises((ImportError, AttributeError)) as found:
            user_modules.load(path)
        why = user_modules.name_taken(path, found.value)
        assert why == (f"{tmp_path / taken}.py has the name of {sys.modules[taken].__file__}, which is imported instead: "
                       "rename it")
    with pytest.raises(ModuleNotFoundError) as missing:
        user_modules.load("nowhere_to_be_found:Make")
    assert user_modules.name_taken("nowhere_to_be_found:Make", missing.value) == ""


def test_an_exception_in_a_line() -> None:
    assert user_modules.summary(SystemExit("licence not accepted\nread it first")) == "SystemExit: licence not accepted"
    assert user_modules.summary(SystemExit()) == "SystemExit"


def test_the_traceback_of_a_users_code_travels_between_processes(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("in my own code")
    except KeyError as error:
        failure = user_modules.with_traceback(DataError("what", "how"), error)
    arrived = pickle.loads(pickle.dumps(failure))
    assert (arrived.message, arrived.hint, arrived.__notes__) == ("what", "how", failure.__notes__)
    user_modules.print_traceback(arrived)
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback") and printed.endswith("KeyError: 'in my own code'\n") and "DataError" not in printed


def test_a_users_module_imports_what_a_task_is_made_of() -> None:
    """The names of version 0.1, which stay."""
    from workers import tasks
    from workers.data import loader, samples

    assert (tasks.Samples, tasks.TaskData, tasks.data_folder) == (samples.Samples, samples.TaskData, loader.data_folder)
