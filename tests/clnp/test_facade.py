"""The names that users import: all there, documented, and loaded only when they are used."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import clnp

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "ray", "pandas", "numpy", "sqlalchemy", "pydantic", "optuna", "altair")


def loaded(program: str) -> set[str]:
    """The heavy libraries in memory after a program, in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", f"{program}\nimport sys; print(*(set({HEAVY!r}) & set(sys.modules)))"],
                          cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_import_itself_loads_nothing_heavy() -> None:
    assert loaded("import clnp; dir(clnp)") == set()


def test_launching_functions_come_without_torch_and_ray() -> None:
    assert not loaded("from clnp import launch, resume, run, runs") & {"torch", "ray", "pandas", "numpy"}


def test_every_name_is_there_and_documented() -> None:
    assert set(clnp.__all__) <= set(dir(clnp))
    for name in clnp.__all__:
        assert inspect.getdoc(getattr(clnp, name)), name


def test_names_are_the_same_objects_as_in_their_modules() -> None:
    from db.queries import trials
    from orchestrator import api
    from workers.tasks import Samples, TaskData

    assert clnp.launch is api.launch and clnp.Run is api.Run and clnp.trials is trials
    assert (clnp.Samples, clnp.TaskData) == (Samples, TaskData)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'clnp' has no attribute 'nothing'"):
        clnp.nothing  # noqa: B018 (reading it is what is tested)
