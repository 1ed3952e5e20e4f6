"""Whether the packages of this project are its own, before any of them is used. Nothing else may be imported here.

A file ``db.py`` that stands before the installation on Python's path is imported in the place of the package ``db``, and what
follows would be an error about a module that does not exist.
"""

import importlib.util
import json
import sys
from pathlib import Path

PACKAGES = ("clnp", "clnp_core", "workers", "db")
ROOT = Path(__file__).resolve().parents[2]


def foreign_package() -> tuple[str, str] | None:
    """The first of :data:`PACKAGES` that would be imported from elsewhere, with the file or folder that is in the way."""
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
    """Refuse to work with packages of somebody else's; true where there are none.

    Raises:
        ImportError: with the file that is in the way.
        SystemExit: the same as an error of the command line, where this process is a command.
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
