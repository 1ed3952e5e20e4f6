"""Make sure that processes import this project's packages, and not files with the same names. Import nothing else here.

A file ``db.py`` that precedes the installation on Python's path is imported instead of the package ``db``, which would lead to
an error about a missing module. A process checks its packages before it uses any of them; processes that it starts do not have
the working folder on their path.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("clnp", "clnp_core", "workers", "db")
ROOT = Path(__file__).resolve().parents[2]
"""The folder that contains the packages."""


def foreign_package() -> tuple[str, str] | None:
    """Return the first of :data:`PACKAGES` that would be imported from elsewhere, with the file or folder that shadows it."""
    for name in PACKAGES:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue
        if spec is None:
            continue
        found = Path(spec.origin or next(iter(spec.submodule_search_locations or ["?"])))
        if found.resolve() != ROOT / name / "__init__.py":
            return name, str(found)
    return None


def check_packages() -> bool:
    """Refuse to work with shadowed packages; return True if there are none.

    Raises:
        ImportError: with the file that shadows a package.
        SystemExit: the same as an error of the command line, if this process is a command.
    """
    foreign = foreign_package()
    if foreign is None:
        return True
    name, found = foreign
    message = f"{found} is imported in place of clnp's own package {name!r}"
    hint = "rename it, or start Python in another folder and without that folder in PYTHONPATH"
    if not _is_command():
        raise ImportError(f"{message}\n{hint}", name=name, path=found)
    if "--json" in sys.argv:
        print(json.dumps({"error": {"message": message, "hint": hint, "exit_code": 2}}, indent=2))
    else:
        print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    raise SystemExit(2)


def _is_command() -> bool:
    """Whether this process is ``clnp``, or ``python -m orchestrator.cli``."""
    program = Path(sys.argv[0])
    return program.name in ("clnp", "clnp.exe") or program.resolve() == ROOT / "orchestrator" / "cli" / "__main__.py"


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
