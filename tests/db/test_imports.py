"""Querying a database must start at once: what importing this room does not bring along."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "ray", "pandas", "numpy", "optuna", "alembic", "psycopg", "orchestrator", "workers")


def modules_after(program: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a program."""
    done = subprocess.run([sys.executable, "-c", f"{program}\nimport sys; print(*{{m.split('.')[0] for m in sys.modules}})"],
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_imports_stay_light() -> None:
    heavy = ("__init__", "queries", "migrate", "new_revision", "env")
    light = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "db").rglob("*.py")
             if path.stem not in heavy and path.parent.name != "versions"]
    assert len(light) > 15
    assert modules_after(f"import {', '.join(light)}").isdisjoint(HEAVY)


def test_only_queries_knows_pandas() -> None:
    assert modules_after("import db.dataframes").isdisjoint(set(HEAVY) - {"pandas", "numpy"})


def test_opening_an_up_to_date_sqlite_database_needs_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'clnp.db'}"
    create = f"from db.engine import open_database; open_database({url!r}, create=True).dispose()"
    assert "alembic" in modules_after(create)
    assert modules_after(create).isdisjoint(HEAVY)
