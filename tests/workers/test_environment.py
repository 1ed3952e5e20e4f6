"""What a run records about where it ran."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from workers import environment
from workers.environment import code_version, fingerprint, package_versions


def test_the_fingerprint_names_device_torch_code_and_threads() -> None:
    found = fingerprint(2)
    assert found.keys() == {"device", "torch", "code", "threads"}
    assert found["threads"] == 2
    assert found["code"] == code_version()


def test_versions_name_what_computes() -> None:
    assert {"python", "torch", "ray", "numpy", "sqlalchemy"} <= package_versions().keys()


def test_versions_are_read_without_importing_torch() -> None:
    program = "import sys; from workers.environment import *; code_version(); package_versions(); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_a_checkout_says_its_commit_and_an_installed_copy_none(tmp_path: Path) -> None:
    def told() -> str:
        program = "from workers.environment import git_commit; print(git_commit())"
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path,
                              env=os.environ | {"PYTHONPATH": str(tmp_path)}).stdout.strip()

    def git(*arguments: str) -> str:
        names = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        return subprocess.run(["git", "-C", str(tmp_path), *names, *arguments], capture_output=True, text=True,
                              check=True).stdout.strip()

    (tmp_path / "workers").mkdir()
    shutil.copy(environment.__file__, tmp_path / "workers")
    assert told() == "None"
    git("init")
    git("add", "workers/environment.py")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert told() == commit
    with (tmp_path / "workers" / "environment.py").open("a") as file:
        file.write("CHANGED = True\n")
    assert told() == f"{commit}-dirty"
