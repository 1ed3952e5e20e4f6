"""The environment of results: what must agree for them to be comparable bit for bit, and what is only recorded."""

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
"""The packages whose code computes results, for :func:`code_version`."""


@cache
def code_version() -> str:
    """Return the project's version, ``+``, and twelve digits of :func:`code_digest` of the code that computes results."""
    root = Path(__file__).resolve().parent.parent
    digest = code_digest(file for package in COMPUTING for file in root.glob(f"{package}/**/*.py"))
    return f"{package_versions().get('clnp', 'unknown')}+{digest[:12]}"


def code_digest(files: Iterable[Path]) -> str:
    """Return a digest of what these Python files compute, independent of where in them it is written.

    It is the SHA-256 of the sorted digests of all statements at the top level of a module (functions, classes, constants), each
    computed from its syntax tree. These do not change it:

    - comments, docstrings, layout, quotes; ``pass`` and any other statement that is only a constant;
    - the names, folders and number of the files, the order of their top-level statements, and which file contains a statement:
      a module can be renamed, split or merged with another one;
    - ``import`` statements at any depth, and ``__all__``.

    Renaming a definition changes it, and so does a reference through the name of a module (``jobs.train``).

    Some changes that alter results are therefore not detected: exchanging two definitions of the same name between two modules,
    importing a name from another module that defines it differently, importing another library under the same name, and
    exchanging two assignments to the same name at the top level. Versions of libraries are recorded beside the digest.

    Only fields that have a value are included, because newer Python versions add empty ones: a source has one digest in all.

    Args:
        files: paths of Python files in UTF-8, in any order.
    """
    statements = (statement for file in files for statement in ast.parse(file.read_bytes()).body if not _is_silent(statement))
    digests = sorted(hashlib.sha256(repr(_plain(statement)).encode()).hexdigest() for statement in statements)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _is_silent(node: ast.AST) -> bool:
    """Return whether a statement computes nothing: an import (also for type checkers), a docstring, ``pass``, ``__all__``."""
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
    """Return the versions of the relevant packages, read without importing them; packages that are not installed are
    omitted."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


GIT = "git"
"""Name of :func:`git_commit` among the versions recorded for a run."""


def git_commit() -> str | None:
    """Return the commit of the checkout with this code, with ``-dirty`` if files were changed; None outside of a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
                              capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None


def fingerprint(threads: int) -> dict[str, Any]:
    """Return what two results must share to be comparable bit for bit: device kind, torch, code, threads; on a GPU also the
    origin of kernels, because compiled kernels round differently from torch's own."""
    import torch

    own = {"torch": str(torch.__version__), "code": code_version(), "threads": threads}
    if torch.cuda.is_available():
        from workers.training.packs.pack_optimizer import kernels_come_from

        return {"device": torch.cuda.get_device_name(), **own, "kernels": kernels_come_from()}
    return {"device": f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()}", **own}


def host_name() -> str:
    """Return the name of this machine in the database."""
    return socket.gethostname()
