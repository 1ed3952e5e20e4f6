"""Where results come from: what must agree for two of them to be comparable bit for bit, and what is merely told."""

import hashlib
import platform
import socket
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("clnp", "torch", "torchvision", "ray", "optuna", "numpy", "pandas", "sqlalchemy", "alembic", "pydantic",
            "safetensors", "scikit-learn")


@cache
def code_version() -> str:
    """The project's version and a digest of the code that computes results (``clnp_core`` and ``workers``).

    The digest covers changes between two releases; comments and docs of other rooms do not change it.
    """
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for file in sorted([*root.glob("clnp_core/**/*.py"), *root.glob("workers/**/*.py")]):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
        digest.update(file.read_bytes())
    return f"{package_versions().get('clnp', 'unknown')}+{digest.hexdigest()[:12]}"


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
        from workers.packs.kernels import kernels_come_from

        return {"device": torch.cuda.get_device_name(), **own, "kernels": kernels_come_from()}
    return {"device": f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()}", **own}


def host_name() -> str:
    """The name under which this machine appears in the database."""
    return socket.gethostname()
