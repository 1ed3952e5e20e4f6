"""Import the modules of a user, and describe their errors.

The working folder is searched last, and only after a configuration has named a module in it, so a file there cannot shadow a
module of Python, of an installed library or of this project.
"""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from clnp_core.errors import ClnpError

PACKAGES = ("clnp", "clnp_core", "workers", "db", "orchestrator")
"""The packages of this project."""

ROOT = Path(__file__).resolve().parents[1]
"""The folder of :data:`PACKAGES`."""

FOLDERS = "CLNP_IMPORT_FOLDERS"
"""Environment variable of processes started by a driver: the folders, besides the working folder, where the driver finds a
user's modules."""

Failure = TypeVar("Failure", bound=ClnpError)


def search_working_folder() -> None:
    """Make the working folder importable, after everything else."""
    for name in PACKAGES:  # an editable installation is searched after all folders of sys.path, so import them first
        with suppress(ImportError):
            spec = importlib.util.find_spec(name)
            if spec is not None and _is_ours(spec.origin, name):
                importlib.import_module(name)
    for folder in (str(Path.cwd()), *os.environ.get(FOLDERS, "").split(os.pathsep)):
        if folder and folder not in sys.path:
            sys.path.append(folder)


def load(path: str) -> Any:
    """Return what ``module:name`` names; ``name`` may contain dots.

    Raises:
        ImportError, AttributeError: it does not exist; :func:`name_taken` may know why.
        BaseException: raised by the module itself.
    """
    module, _, name = path.partition(":")
    search_working_folder()
    return reduce(getattr, name.split("."), importlib.import_module(module))


def name_taken(path: str, error: BaseException) -> str:
    """Return why an import failed if another module has the name of a file in the working folder; else an empty string.

    Args:
        path: ``module:name``, as in a configuration.
        error: raised by its import or its code.
    """
    names = [path.partition(":")[0]]
    if isinstance(error, ImportError) and error.name:
        names.append(error.name)
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        names.append(error.obj.__name__)
    for name in dict.fromkeys(name.partition(".")[0] for name in names):
        own, loaded = file_of(name, [Path.cwd()]), _loaded_from(name)
        if own is not None and loaded is not None and own.resolve() != Path(loaded).resolve():
            return f"{own} has the name of {loaded}, which is imported instead: rename it"
    return ""


def file_of(name: str, folders: Iterable[Path]) -> Path | None:
    """Return the file that ``import name`` would find first in one of the folders."""
    for folder in folders:
        for file in (folder / name / "__init__.py", folder / f"{name}.py"):
            if file.is_file():
                return file
    return None


def summary(error: BaseException) -> str:
    """Return an exception in one line: its type and the first line of its message."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def with_traceback(failure: Failure, error: BaseException) -> Failure:
    """Add a note with the traceback in a user's code to a failure. The note is kept between processes."""
    failure.add_note("".join(traceback.format_exception(error)).rstrip("\n"))
    return failure


def print_traceback(error: BaseException) -> None:
    """Print the traceback of an error on standard error: of the user's code if the error came from there."""
    for note in getattr(error, "__notes__", None) or ["".join(traceback.format_exception(error)).rstrip("\n")]:
        print(note, file=sys.stderr, flush=True)


def _loaded_from(name: str) -> str | None:
    module = sys.modules.get(name)
    return None if module is None else getattr(module, "__file__", None) or "a module of Python"


def _is_ours(origin: str | None, name: str) -> bool:
    return origin is not None and Path(origin).resolve() == ROOT / name / "__init__.py"
