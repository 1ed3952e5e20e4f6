"""Comparison of methods, each a run or a group of runs with different seeds. Compared runs have learnt the same tasks, by their
settings and their recorded data digests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clnp_core.analysis.metrics import Counts
from clnp_core.analysis.significance import PermutationTest, claim, paired_permutation_test, together, unpaired_permutation_test
from clnp_core.analysis.statistics import Summary, require_level, summarise
from clnp_core.errors import ConfigError
from db.reads.reads import Reads
from db.rows import RunRow
from orchestrator.reports.measure import Measured, counts_when_learnt, measure
from workers.methods import Method
from workers.spec import ClassOrder, digest_of

QUANTITIES: Mapping[str, Callable[[Measured], float | None]] = {
    "average_accuracy_percent": lambda run: None if run.metrics is None else 100 * run.metrics.average_accuracy,
    "val_accuracy_percent": lambda run: _percent(run.val_accuracy),
    "learning_accuracy_percent": lambda run: _percent(run.metrics.learning_accuracy) if run.metrics else None,
    "backward_transfer_points": lambda run: run.metrics.backward_transfer_points if run.metrics else None,
    "forgetting_points": lambda run: run.metrics.forgetting_points if run.metrics else None,
    "forward_transfer_points": lambda run: run.metrics.forward_transfer_points if run.metrics else None,
    "graceful_loss_points": lambda run: run.graceful_loss_points,
    "used_percent": lambda run: None if run.used_percent is None else sum(run.used_percent) / len(run.used_percent),
    "parameters": lambda run: run.parameters,
    "cpu_seconds": lambda run: run.cost.cpu_seconds,
    "gpu_seconds": lambda run: run.cost.gpu_seconds,
}
"""Quantities averaged over seeds, named with their unit. ``used_percent`` is the mean over hidden layers."""


@dataclass(frozen=True, slots=True)
class Side:
    """One method of a comparison.

    Attributes:
        name: name of the run or group.
        method: method of its runs.
        runs: all runs, by seed.
        summaries: summaries of :data:`QUANTITIES` over the completed runs; seeds of the others are in ``missing``.
    """

    name: str
    method: str
    runs: tuple[Measured, ...]
    summaries: dict[str, Summary]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several methods, with sentences that compare the first one with each of the others.

    Attributes:
        sides: the methods, in the given order.
        claims: a sentence for each of the others, and one for all of them.
        after_task: everything is measured after this task; None for whole sequences.
    """

    sides: tuple[Side, ...]
    claims: tuple[str, ...]
    after_task: int | None


def compare(reads: Reads, names: Sequence[str], level: float = 0.05, after_task: int | None = None) -> Comparison:
    """Compare runs or groups.

    Args:
        reads: reads of the database.
        names: names of runs or groups; the first is compared with the others.
        level: significance level: a difference is claimed if its p-value is lower.
        after_task: compare the runs as they were after this task, including runs that have not completed; None compares
            completed runs.

    Raises:
        NotFoundError: a name is neither.
        ConfigError: a run is named twice, tasks differ or are fewer than ``after_task``, or the level is not between 0 and
            1.
    """
    require_level(level)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{twice} is named twice", "name each run or group once")
    runs = {name: _runs_of(reads, name) for name in names}
    for name, of_name in runs.items():
        group = next((other for other in names if other != name and set(of_name) & set(runs[other])), None)
        if group is not None:
            raise ConfigError(f"{name} and {group} have runs in common", "name groups without common runs")
    references = _references(reads, [run for of_name in runs.values() for run in of_name])
    sides = tuple(_side(name, [
        measure(reads, row.name, None if row.method == Method.SCRATCH else references.get(row.seed), after_task)
        for row in _by_seed(reads, of_name)]) for name, of_name in runs.items())
    require_same_tasks(reads, [run for side in sides for run in side.runs])
    tests = {other.name: _test(sides[0], other) for other in sides[1:]}
    said = [claim(test, sides[0].name, name, level) if isinstance(test, PermutationTest) else test
            for name, test in tests.items()]
    of_all = together({name: test for name, test in tests.items() if isinstance(test, PermutationTest)}, level)
    return Comparison(sides, tuple(dict.fromkeys(said if of_all is None else [*said, of_all])), after_task)


def _runs_of(reads: Reads, name: str) -> list[str]:
    grouped = [row.name for row in reads.runs(name)]
    return grouped or [reads.run(name).name]


def _by_seed(reads: Reads, runs: Sequence[str]) -> list[RunRow]:
    return sorted((reads.run(run) for run in runs), key=lambda row: row.seed)


def _references(reads: Reads, runs: Sequence[str]) -> dict[int, dict[int, Counts]]:
    """By seed, the runs from scratch among those that are compared: forward transfer is measured against them."""
    rows = [reads.run(run) for run in runs]
    return {row.seed: counts_when_learnt(reads, row.name) for row in rows if row.method == Method.SCRATCH}


def _side(name: str, runs: Sequence[Measured]) -> Side:
    methods = dict.fromkeys(run.method for run in runs)
    if len(methods) > 1:
        raise ConfigError(f"group {name} has runs of several methods: {', '.join(methods)}", "name its runs one by one")
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"group {name} has two runs with the same seed", "name its runs one by one")
    summaries = {quantity: summarise({run.seed: of(run) if run.counts else None for run in runs})
                 for quantity, of in QUANTITIES.items()}
    return Side(name, runs[0].method, tuple(runs), summaries)


def _test(first: Side, second: Side) -> PermutationTest | str:
    """Return the test of their average accuracies, or the reason why there is none."""
    values = [{run.seed: 100 * run.exact_accuracy if run.counts and run.exact_accuracy is not None else None
               for run in side.runs} for side in (first, second)]
    known = [{seed for seed, value in of_side.items() if value is not None} for of_side in values]
    for side, seeds in zip((first, second), known, strict=True):
        if not seeds:
            return f"{side.name} has no completed run, so it cannot be compared."
    paired = bool(known[0] & known[1])
    return (paired_permutation_test if paired else unpaired_permutation_test)(*values)


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


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
