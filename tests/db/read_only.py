"""A folder as it looks in a read-only file system: for root, too, who may write whatever permissions say."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOUNT = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && shift && exec "$@"'


def run_read_only(folder: Path, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments in a folder that is mounted read-only for it alone."""
    isolated = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no mounts of one's own")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLNP_", "RAY_", "COLUMNS"))}
    return subprocess.run([*isolated, "bash", "-c", MOUNT, "bash", str(folder), sys.executable, *arguments], text=True,
                          capture_output=True, check=False, timeout=600, env={**kept, "PYTHONPATH": str(ROOT)})


def files_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file in a folder, with its time and content."""
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(folder.rglob("*")) if path.is_file()}
