"""Continual learning by neural pruning: the names that Python users import.

    import clnp

    run = clnp.launch("experiments/permuted-digits.yaml", overrides=["selection.margin_points=2"])
    run                                      # displays itself; run.trials(), run.figure("accuracy"), run.commit().predict(…)
    clnp.runs()                              # all recorded runs; clnp.run("name") returns one of them
    clnp.trials("name")                      # a pandas DataFrame; so are clnp.stages, clnp.commits, clnp.capacity, …

A module of your own that creates tasks imports :class:`Samples`, :class:`TaskData` and :func:`derive_seed` from here. The
modules ``orchestrator.api``, ``db.queries`` and ``workers.tasks`` keep the same names for older programs. Names are loaded at
their first use, so ``import clnp`` itself loads neither torch nor Ray nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clnp_core.errors import ClnpError as ClnpError
    from db.dataframes import accuracy_matrix as accuracy_matrix
    from db.dataframes import capacity as capacity
    from db.dataframes import commits as commits
    from db.dataframes import evaluations as evaluations
    from db.dataframes import events as events
    from db.dataframes import group_accuracy_matrix as group_accuracy_matrix
    from db.dataframes import group_evaluations as group_evaluations
    from db.dataframes import selections as selections
    from db.dataframes import stages as stages
    from db.dataframes import threshold_curve as threshold_curve
    from db.dataframes import trial_history as trial_history
    from db.dataframes import trials as trials
    from db.dataframes import verdicts as verdicts
    from orchestrator.api import Commit as Commit
    from orchestrator.api import Config as Config
    from orchestrator.api import ConsoleProgress as ConsoleProgress
    from orchestrator.api import Group as Group
    from orchestrator.api import Progress as Progress
    from orchestrator.api import Run as Run
    from orchestrator.api import Runs as Runs
    from orchestrator.api import Stage as Stage
    from orchestrator.api import Trial as Trial
    from orchestrator.api import VerifiedCommit as VerifiedCommit
    from orchestrator.api import fork as fork
    from orchestrator.api import group as group
    from orchestrator.api import launch as launch
    from orchestrator.api import remove as remove
    from orchestrator.api import request_cancel as request_cancel
    from orchestrator.api import request_stop as request_stop
    from orchestrator.api import resume as resume
    from orchestrator.api import run as run
    from orchestrator.api import runs as runs
    from orchestrator.api import start as start
    from orchestrator.api import verify as verify
    from workers.data.datasets import data_folder as data_folder
    from workers.data.samples import Benchmark as Benchmark
    from workers.data.samples import Samples as Samples
    from workers.data.samples import TaskData as TaskData
    from workers.spec import derive_seed as derive_seed

_HOMES = {
    "orchestrator.api": ("Commit", "Config", "ConsoleProgress", "Group", "Progress", "Run", "Runs", "Stage", "Trial",
                         "VerifiedCommit", "fork", "group", "launch", "remove", "request_cancel", "request_stop", "resume",
                         "run", "runs", "start", "verify"),
    "db.dataframes": ("accuracy_matrix", "capacity", "commits", "evaluations", "events", "group_accuracy_matrix",
                      "group_evaluations", "selections", "stages",
                      "threshold_curve", "trial_history", "trials", "verdicts"),
    "workers.data.samples": ("Benchmark", "Samples", "TaskData"),
    "workers.data.datasets": ("data_folder",),
    "workers.spec": ("derive_seed",),
    "clnp_core.errors": ("ClnpError",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'clnp' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
