"""The rule of the house: imports go down only, and heavy libraries stay where they belong.

The contracts stand in pyproject.toml. Here they are checked against the code, and each of them against a small tree that
breaks it, because a contract that cannot fail guards nothing.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("clnp_core", "workers", "db", "orchestrator")


def lint_imports(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo", *arguments],
                          cwd=folder, capture_output=True, text=True, check=False)


def test_the_code_keeps_every_contract() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(("contract", "module", "imported"), [
    ("layers", "clnp_core/capacity.py", "db"),
    ("layers", "clnp_core/capacity.py", "workers"),
    ("layers", "db/store/store.py", "workers"),
    ("layers", "workers/data/loader.py", "db"),
    ("layers", "workers/data/loader.py", "orchestrator"),
    ("core", "clnp_core/capacity.py", "ray"),
    ("core", "clnp_core/capacity.py", "sqlalchemy"),
    ("core", "clnp_core/capacity.py", "optuna"),
    ("core", "clnp_core/capacity.py", "pandas"),
    ("workers-sql", "workers/ray/trainable.py", "sqlalchemy"),
    ("workers-ray", "workers/training/loop.py", "ray.tune"),
    ("db", "db/store/store.py", "torch"),
    ("db", "db/store/store.py", "ray"),
    ("db-pandas", "db/store/store.py", "pandas"),
])
def test_a_contract_can_be_broken(tmp_path: Path, contract: str, module: str, imported: str) -> None:
    house(tmp_path)
    assert lint_imports(tmp_path, "--contract", contract).returncode == 0
    (tmp_path / module).write_text(f"def late():\n    import {imported}\n")
    result = lint_imports(tmp_path, "--contract", contract)
    assert result.returncode == 1
    assert "1 broken" in result.stdout


def test_the_exceptions_are_the_files_that_are_named(tmp_path: Path) -> None:
    house(tmp_path)
    (tmp_path / "workers/ray/trainable.py").write_text("import ray.tune\n")
    (tmp_path / "workers/ray/remote_jobs.py").write_text("import ray\n")
    (tmp_path / "db/dataframes.py").write_text("import pandas\n")
    assert lint_imports(tmp_path).returncode == 0


def house(folder: Path) -> None:
    """Empty rooms under the contracts of this project."""
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for room in ROOMS:
        (folder / room).mkdir()
        (folder / room / "__init__.py").write_text("")
    for module in ("clnp_core/capacity.py", "workers/ray/trainable.py", "workers/ray/remote_jobs.py", "workers/training/loop.py",
                   "workers/data/loader.py", "db/store/store.py", "db/dataframes.py", "orchestrator/driver/plan.py"):
        (folder / module).write_text("")


@pytest.mark.parametrize("file", sorted(file for room in (*ROOMS, "tests") for file in (ROOT / room).rglob("__init__.py")),
                         ids=lambda file: str(file.relative_to(ROOT)))
def test_an_init_file_holds_a_docstring_and_nothing_else(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) and len(tree.body) == 1


@pytest.mark.parametrize(("module", "absent"), [
    ("orchestrator.config.config", ("torch", "ray", "pandas", "sqlalchemy", "optuna")),
    ("db.store.store", ("torch", "ray", "pandas", "optuna")),
    ("workers.ray.remote_jobs", ("ray.tune", "pandas", "sqlalchemy", "optuna")),
    ("clnp_core.selection", ("torch", "ray", "pandas", "sqlalchemy", "optuna")),
])
def test_what_must_start_at_once_loads_nothing_heavy(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sorted(set({absent!r}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
