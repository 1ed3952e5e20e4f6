"""Check that runs have learnt the same tasks, by their settings and recorded data digests."""

from collections.abc import Mapping, Sequence
from typing import Any

from clnp_core.errors import ConfigError
from db.reads.reads import Reads
from db.rows import RunRow
from orchestrator.reports.measure import Measured
from workers.spec import ClassOrder, digest_of

DEFAULTS: Mapping[str, object] = {
    "params": {}, "validation_fraction": None, "class_order": ClassOrder.INDEX.value, "samples_per_class": None}
"""Keys of the section ``benchmark`` that determine samples and splits, with their defaults. The number of tasks is not
included, nor is normalization, which is part of the training."""


def require_same_tasks(reads: Reads, runs: Sequence[Measured]) -> None:
    """Refuse to compare runs whose tasks have different data.

    Runs with different seeds have the same tasks except for what the seed permutes. For runs with the same seed, the recorded
    data digests are compared, too, which differ if the code or files of a benchmark have changed.

    Args:
        reads: of the database.
        runs: the runs to compare, with the number of tasks that count.

    Raises:
        ConfigError: names two runs and the difference between their tasks.
    """
    first = runs[0]
    wanted = _settings(reads.run(first.run))
    of_seed: dict[tuple[int, Any], tuple[str, dict[int, str]]] = {}
    for run in runs:
        if (run.benchmark, run.tasks) != (first.benchmark, first.tasks):
            both = f"`--after-task {min(run.tasks, first.tasks)}`"
            raise ConfigError(f"{run.run} has {run.tasks} tasks of {run.benchmark}, {first.run} has {first.tasks} of "
                              f"{first.benchmark}",
                              "compare runs on the same tasks" if run.benchmark != first.benchmark else
                              f"compare them after a task that both have: {both}")
        row = reads.run(run.run)
        settings = _settings(row)
        other = [f"benchmark.{key}" for key in DEFAULTS if settings[key] != wanted[key]]
        if other:
            raise ConfigError(f"{run.run} and {first.run} differ in {', '.join(other)}, so their tasks are not the same",
                              "`clnp show` has their configs; compare runs on the same tasks")
        data = _recorded(reads, run)
        before, recorded = of_seed.setdefault((run.seed, _section(row, "training").get("normalize")), (run.run, data))
        changed = _first_other(data, recorded, run.tasks)
        if changed is not None:
            raise ConfigError(f"{run.run} and {before} were trained on different data of {changed}, with "
                              "the same settings",
                              "the code or the files of the benchmark have changed between them; launch one of them again")


def _section(run: RunRow, name: str) -> Mapping[str, object]:
    found = run.config.get(name)
    return found if isinstance(found, Mapping) else {}


def _settings(run: RunRow) -> dict[str, object]:
    """Return what determines the data of every task, except for the seed. The config of another version may lack keys."""
    section = _section(run, "benchmark")
    return {key: section.get(key, default) for key, default in DEFAULTS.items()}


def _recorded(reads: Reads, run: Measured) -> dict[int, str]:
    """Return the data digests of tasks that have begun and count. A stage for several tasks has one digest."""
    return {stage.task: stage.split_digest for stage in reads.stages(run.run)
            if stage.split_digest is not None and stage.task <= run.tasks}


def _first_other(one: Mapping[int, str], two: Mapping[int, str], tasks: int) -> str | None:
    """Return the name of the first task whose data differs; None if none is known to differ."""
    for joint, single in ((one, two), (two, one)):
        if set(joint) == {tasks} and set(single) == set(range(1, tasks + 1)) != {tasks}:  # all tasks under one digest
            together = digest_of([single[task] for task in range(1, tasks + 1)])
            return None if joint[tasks] == together else "some task"
    return next((f"task {task}" for task in sorted(one.keys() & two.keys()) if one[task] != two[task]), None)
