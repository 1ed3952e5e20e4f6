"""Where results come from: what must agree for two of them to be comparable bit for bit, and what is merely told."""

import ast
import hashlib
import platform
import socket
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("clnp", "torch", "torchvision", "ray", "optuna", "numpy", "pandas", "sqlalchemy", "alembic", "pydantic",
            "safetensors", "scikit-learn")


COMPUTING = ("clnp_core", "workers")
"""The packages whose code computes results: what :func:`code_version` covers."""


@cache
def code_version() -> str:
    """Return the project's version and, behind a ``+``, twelve digits of :func:`code_digest` of what computes results."""
    root = Path(__file__).resolve().parent.parent
    digest = code_digest(file for package in COMPUTING for file in root.glob(f"{package}/**/*.py"))
    return f"{package_versions().get('clnp', 'unknown')}+{digest[:12]}"


def code_digest(files: Iterable[Path]) -> str:
    """Return a digest of what these Python files compute, the same wherever in them it is written.

    It is the SHA-256 of the sorted digests of all statements at the top level of a module (functions, classes, constants), each
    taken from its syntax tree. These do not change it:

    - comments, docstrings, layout, quotes; ``pass`` and any other statement that is only a constant;
    - the names, folders and number of the files, the order of the statements at their top level, and in which file each of them
      is: a module can be renamed, split or merged with another one;
    - ``import`` statements at any depth, and ``__all__``.

    Renaming a definition changes it, and so does a reference through the name of a module (``jobs.train``).

    So some changes that alter results are not seen: to exchange two definitions of the same name between two modules, to import
    a name from another module that defines it differently, to import another library under the same name, and to exchange two
    assignments to the same name at the top level. Versions of libraries are recorded beside the digest.

    Only fields that have a value are covered, because a newer Python adds empty ones: one source has one digest under all.

    Args:
        files: paths of Python files in UTF-8, in any order.
    """
    statements = (statement for file in files for statement in ast.parse(file.read_bytes()).body if not _is_silent(statement))
    digests = sorted(hashlib.sha256(repr(_plain(statement)).encode()).hexdigest() for statement in statements)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _is_silent(node: ast.AST) -> bool:
    """Return whether a statement computes nothing: an import (for type checkers, too), a docstring, ``pass``, ``__all__``."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=[]):
            return True
    return False


def _plain(value: object) -> object:
    """Return a syntax tree as nested tuples of names and constants, without line numbers and silent statements."""
    if isinstance(value, ast.Constant):
        return "Constant", type(value.value).__name__, repr(value.value)
    if isinstance(value, ast.AST):
        fields = ((name, _plain(field)) for name, field in ast.iter_fields(value) if field is not None and field != [])
        return type(value).__name__, *fields
    if isinstance(value, list):
        return [_plain(item) for item in value if not (isinstance(item, ast.AST) and _is_silent(item))]
    return value


@cache
def package_versions() -> dict[str, str]:
    """Versions of the packages that matter, read without importing them; those not installed are left out."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


GIT = "git"
"""Among the versions that are recorded of a run the name of :func:`git_commit`."""


def git_commit() -> str | None:
    """The commit of the checkout that this code lies in, ``-dirty`` behind it where files were changed; None elsewhere."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        told = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
                              capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None


def fingerprint(threads: int) -> dict[str, Any]:
    """What two results must share to be comparable bit for bit: device kind, torch, code, threads; on a GPU also what makes
    kernels, because one that is made rounds otherwise than torch's own."""
    import torch

    own = {"torch": str(torch.__version__), "code": code_version(), "threads": threads}
    if torch.cuda.is_available():
        from workers.training.packs.pack_optimizer import kernels_come_from

        return {"device": torch.cuda.get_device_name(), **own, "kernels": kernels_come_from()}
    return {"device": f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()}", **own}


def host_name() -> str:
    """The name under which this machine appears in the database."""
    return socket.gethostname()
