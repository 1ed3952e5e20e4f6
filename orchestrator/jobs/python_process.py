"""Start Python processes of this project in which files of the working folder cannot shadow our modules."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that contains the packages."""


def python_module(name: str) -> tuple[str, ...]:
    """Return the command that runs a module as a program, without the working folder on its path (``-P``)."""
    return (sys.executable, "-P", "-m", name)


def importing_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of such a process: if this process found the packages in a checkout that is not installed, their
    folder is added to ``PYTHONPATH``."""
    if not root_comes_first():
        return dict(environment)
    before = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{before}" if before else str(ROOT)}


def root_comes_first() -> bool:
    """Whether :data:`ROOT` precedes Python's own library on the path, as in a checkout that is not installed."""
    folders = [Path(folder).resolve() for folder in sys.path]
    library = Path(os.__file__).resolve().parent
    return ROOT in folders[:folders.index(library) if library in folders else None]
