"""What a run records about where it ran."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workers import environment
from workers.environment import code_digest, code_version, fingerprint, package_versions

LAYERS = '''"""Layers."""

import torch

from one.numbers import SCALE

WIDTH = 4


class Layer:
    """A layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's activation."""
        return torch.relu(x * SCALE)  # never negative
'''

NUMBERS = """SCALE = 2.0


def half(value):
    return value / 2
"""


def digest_of(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return code_digest(folder / name for name in files)


FILES = {"one/layers.py": LAYERS, "one/numbers.py": NUMBERS}


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


_HALF = NUMBERS.partition("\n\n\n")[2]


@pytest.mark.parametrize("files", [
    {"two/a.py": LAYERS, "two/deep/b.py": NUMBERS},
    {"one/numbers.py": NUMBERS, "one/layers.py": LAYERS, "one/__init__.py": '"""A package."""\n'},
    {"one/all.py": NUMBERS + LAYERS.replace("from one.numbers import SCALE\n", "")},
    {"one/layers.py": LAYERS.replace("WIDTH = 4\n", ""), "one/numbers.py": "WIDTH = 4\nSCALE = 2.0\n", "one/half.py": _HALF},
    {"one/layers.py": LAYERS, "one/numbers.py": f"{_HALF}\n\nSCALE = 2.0\n"},
    FILES | {"one/numbers.py": '__all__ = ["half"]\n' + NUMBERS.replace("    return", "    import os\n    return")},
    FILES | {"one/layers.py": LAYERS.replace("Return the layer's", "Give the").replace("  # never negative", "")},
    {"one/layers.py": LAYERS.replace('"""A layer."""', "pass"), "one/numbers.py": "# halves\n" + NUMBERS},
    {"one/layers.py": LAYERS, "one/numbers.py": 'SCALE = 2.0\n"""By how much."""\ndef half( value ): return (value/2)\n'},
    {"one/layers.py": "if TYPE_CHECKING:\n    import ray\n" + LAYERS, "one/numbers.py": NUMBERS},
], ids=["renamed", "another order", "merged", "split", "statements in another order", "imports", "docstring and comment",
        "without a docstring", "layout", "imports for type checkers"])
def test_the_digest_of_the_code_is_of_what_is_computed(tmp_path: Path, files: dict[str, str]) -> None:
    assert digest_of(tmp_path / "as it was", FILES) == digest_of(tmp_path / "edited", files)


@pytest.mark.parametrize(("name", "old", "new"), [
    ("one/numbers.py", "2.0", "2.1"),
    ("one/numbers.py", "2.0", "2"),
    ("one/numbers.py", "SCALE", "FACTOR"),
    ("one/numbers.py", "value / 2", "value * 2"),
    ("one/numbers.py", "half(value)", "half(value=None)"),
    ("one/numbers.py", "return value / 2", "return"),
    ("one/numbers.py", "\n\n\ndef half", "\nSCALE = 2.0\n\n\ndef half"),
    ("one/layers.py", "    def forward", "    @torch.no_grad()\n    def forward"),
    ("one/layers.py", "x * SCALE", "SCALE * x"),
    ("one/layers.py", "class Layer", "class Layer(Base)"),
    ("one/layers.py", "WIDTH = 4\n", ""),
])
def test_what_is_computed_otherwise_changes_the_digest(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert old in FILES[name]
    edited = FILES | {name: FILES[name].replace(old, new)}
    assert digest_of(tmp_path / "as it was", FILES) != digest_of(tmp_path / "edited", edited)


def test_the_version_covers_every_package_that_computes(tmp_path: Path) -> None:
    for package in (*environment.COMPUTING, "db"):
        shutil.copytree(Path(environment.__file__).parents[1] / package, tmp_path / package)

    def version() -> str:
        return subprocess.run([sys.executable, "-c", "from workers.environment import code_version; print(code_version())"],
                              capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip()

    assert version() == code_version()
    for package in environment.COMPUTING:
        before = version()
        with next((tmp_path / package).glob("*.py")).open("a") as file:
            file.write(f"ADDED = {package!r}\n")
        assert version() != before
    after = version()
    with (tmp_path / "db" / "rows.py").open("a") as file:
        file.write("ADDED = True\n")
    assert version() == after
