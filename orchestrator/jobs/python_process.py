"""How this project starts another Python process of itself, in which no file of the working folder takes the place of ours."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the packages."""


def python_module(name: str) -> tuple[str, ...]:
    """The command that runs a module as a program. Its process does not search the working folder for modules (``-P``)."""
    return (sys.executable, "-P", "-m", name)


def importing_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of such a process: where this one found the packages beside it, as ``python -m`` does in a checkout that
    is not installed, their folder is named to the other."""
    if not root_comes_first():
        return dict(environment)
    before = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{before}" if before else str(ROOT)}


def root_comes_first() -> bool:
    """Whether this process searches :data:`ROOT` before Python's own library, and not as an installation."""
    folders = [Path(folder).resolve() for folder in sys.path]
    library = Path(os.__file__).resolve().parent
    return ROOT in folders[:folders.index(library) if library in folders else None]
