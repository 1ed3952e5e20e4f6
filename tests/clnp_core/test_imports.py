"""Import hygiene, judged in fresh interpreters: the pure parts start without torch, and none knows the service around."""

import subprocess
import sys
from pathlib import Path

import pytest

import clnp_core

ROOT = Path(clnp_core.__file__).parent
MODULES = sorted(f"clnp_core.{path.stem}" for path in ROOT.glob("*.py") if path.stem != "__init__")


def loaded_after(*imports: str) -> set[str]:
    """Top-level packages in memory after the imports, in an interpreter of its own."""
    code = f"import sys; sys.path.insert(0, {str(ROOT.parent)!r})\n"
    code += "".join(f"import {name}\n" for name in imports)
    code += "print(' '.join({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["clnp_core", "clnp_core.errors", "clnp_core.selection", "clnp_core.analysis.metrics",
                                    "clnp_core.analysis.statistics", "clnp_core.analysis.significance"])
def test_the_pure_modules_import_without_torch(module: str) -> None:
    assert not loaded_after(module) & {"torch", "numpy", "ray", "sqlalchemy", "pandas", "optuna"}


def test_no_module_of_the_core_imports_the_service() -> None:
    loaded = loaded_after(*MODULES)
    assert "torch" in loaded and "clnp_core" in loaded
    assert not loaded & {"ray", "sqlalchemy", "alembic", "psycopg", "pandas", "optuna", "workers", "db", "orchestrator"}
