"""`clnp launch --dry-run`: print the plan of a run without writing or starting anything."""

import dataclasses
from collections.abc import Sequence
from itertools import groupby

from clnp_core.architecture import Architecture, Layer, Window
from clnp_core.errors import ConfigError
from orchestrator.config.config import Config, load
from orchestrator.config.sweep_section import GridPoint, LogRange
from orchestrator.driver import plan
from orchestrator.driver.plan import PlannedTask
from orchestrator.driver.ray_failure import cluster_address
from orchestrator.driver.teachers import teacher_stage
from orchestrator.render.format import (
    alpha_text,
    architecture_text,
    number_text,
    plural,
    points_text,
    ranges,
    rate_text,
    score_text,
    training_text,
)
from orchestrator.render.output import note, say, say_json, terminal_width
from orchestrator.render.table import Column, number, render
from workers.spec import BUILT_IN_BENCHMARKS, StageSpec


def network_table(network: Architecture, width: int | None) -> str:
    """Return a table of the layers: operations, output shape and number of parameters; the output last.

    Args:
        network: the whole network.
        width: characters per line; None for no limit.
    """
    rows = []
    for index, layer in enumerate(network.layers):
        parameters = layer.neurons * (network.fan_in(index) + (2 if layer.batch_norm else 1))
        rows.append([str(index + 1), _weights(layer.convolution), f"{layer.neurons:,}", _then(layer),
                     "×".join(map(str, network.maps[index])) or "-", f"{parameters:,}"])
    last = network.classes * (network.fan_in(network.depth) + int(network.head_bias))
    rows.append(["output", _weights(network.output), f"{network.classes:,}", "average" if network.output else "-", "-",
                 f"{last:,}"])
    return render([number("layer"), Column("weights"), number("neurons"), Column("then", prose=True), Column("map passed on"),
                   number("parameters")], rows, width)


def _weights(window: Window | None) -> str:
    return "dense" if window is None else f"conv {_window(window)}"


def _then(layer: Layer) -> str:
    """Return the operations after the weights, in order of computation."""
    parts = ["norm"] if layer.batch_norm else []
    parts.append(layer.activation.value)
    if layer.pool is not None:
        parts.append(f"{layer.pool.kind.value} pool {_window(layer.pool.window)}")
    if layer.dropout:
        parts.append(f"dropout {number_text(layer.dropout)}")
    return ", ".join(parts)


def _window(window: Window) -> str:
    """``3×3``, ``3×3 stride 2 padding 1``."""
    text = f"{window.kernel}×{window.kernel}"
    text += f" stride {window.stride}" if window.stride != 1 else ""
    return text + (f" padding {window.padding}" if window.padding else "")


CHECKED_TASKS = 100
"""Default number of tasks of a custom benchmark that a dry run loads."""


def show(path: str, overrides: Sequence[str], name: str | None, as_json: bool, check_tasks: int = CHECKED_TASKS) -> None:
    """Print the plan of the run, or the group of runs, that a config describes.

    Args:
        path: path of the config.
        overrides: ``a.b=value`` assignments.
        name: name of the run; None for the config's.
        as_json: print one JSON document.
        check_tasks: maximum number of tasks of a custom benchmark that are loaded and checked; for a group, with its first
                seed.

    Raises:
        ConfigError, DataError: the config, a custom benchmark or this machine's resources would be refused by a launch.
    """
    config = load(path, overrides, name=name)
    runs = config.of_each_seed(config.name)
    warnings = _warnings(config)
    shape, classes, checked = _shape(runs[0] if runs else config, check_tasks)
    network = plan.architecture(config, shape, classes)
    tasks = plan.overview(config)
    if as_json:
        say_json({**_document(config, network, tasks, runs, checked), "warnings": warnings})
    else:
        for warning in warnings:
            note(f"warning: {warning}")
        _say(config, network, tasks, runs, checked)


def _warnings(config: Config) -> list[str]:
    """Return what may prevent the launch but cannot be checked here.

    Raises:
        ConfigError: this machine lacks the resources of one trial, and no cluster is configured.
    """
    from orchestrator.driver.cluster import misfit

    error, address = misfit(config), cluster_address()
    if error is None:
        return []
    if not address:
        raise error
    return [f"{error.message}; whether the cluster at {address} has it is checked by the launch"]


def _shape(config: Config, check_tasks: int) -> tuple[tuple[int, ...], int, int | None]:
    """Return the shape of a sample, the number of classes, and how many tasks of a custom benchmark were loaded to determine
    them; None for a built-in benchmark."""
    known = BUILT_IN_BENCHMARKS.get(config.benchmark.name)
    if known is not None:
        return known.input_shape, known.classes, None
    from workers.data.loader import check_alike, load_task, task_count

    spec = plan.benchmark_spec(config)
    there = task_count(spec)
    if there is not None and config.benchmark.tasks > there:
        raise ConfigError(f"benchmark {spec.name!r} has {plural(there, 'task')}, the config asks for {config.benchmark.tasks}",
                          f"set benchmark.tasks to at most {there}")
    checked = min(config.benchmark.tasks, check_tasks)
    data = load_task(spec, 1)
    shape, classes = tuple(data.train.inputs.shape[1:]), data.classes
    for task in range(2, checked + 1):
        data = load_task(spec, task)
        check_alike(spec.name, task, (data.train.inputs.shape[1:], data.classes), (shape, classes))
    return shape, classes, checked


def _document(config: Config, network: Architecture, tasks: Sequence[PlannedTask], runs: Sequence[Config],
              checked: int | None) -> dict[str, object]:
    return {"name": config.name, "runs_of_group": [{"name": run.name, "seed": run.seed} for run in runs] or None,
            "config": config.resolved(), "config_digest": config.digest(),
            "network": {**network.to_json(), "hidden": list(network.hidden), "parameters": network.parameter_count()},
            "trials": sum(task.trials for task in tasks), "teachers": _teachers_document(config, network, tasks),
            "tasks_checked": checked,
            "tasks": [{"task": task.task, "trials": task.trials, "source": task.source,
                       "points": [{"number": index, "alpha": point.alpha, "learning_rate": point.learning_rate}
                                  for index, point in enumerate(task.points)]} for task in tasks]}


def _say(config: Config, network: Architecture, tasks: Sequence[PlannedTask], runs: Sequence[Config],
         checked: int | None) -> None:
    trials = sum(task.trials for task in tasks)
    amount = f"{plural(len(tasks), 'task')} of {config.benchmark.name}, {plural(trials, 'trial')}"
    if runs:
        say(f"group {config.name}: {plural(len(runs), 'run')} side by side, each {amount}, "
            f"{'seed' if len(runs) == 1 else 'seeds'} {ranges([run.seed for run in runs])}")
        say(f"runs      {', '.join(run.name for run in runs)}")
    else:
        say(f"run {config.name}: {amount}, seed {config.seed}")
    if checked is not None:
        left = len(range(checked, config.benchmark.tasks))
        more = f"; {plural(left, 'further task')} not: --check-tasks {config.benchmark.tasks}" if left else ""
        say(f"data      {plural(checked, 'task')} loaded and checked{more}")
    say(f"network   {architecture_text(network)}: {network.parameter_count():,} parameters")
    say(f"training  {training_text(config.training.model_dump(mode='json'))}")
    if config.method.divides_the_network:
        margin = points_text(str(config.selection.margin_points))
        say(f"pruning   margin {margin}, {config.selection.threshold.value} threshold{score_text(config.selection.score)}")
    stage = _teachers_stage(config, network)
    if config.teachers is not None and stage is not None:
        many = sum(task.teachers for task in tasks)
        rates = ", ".join(rate_text(rate) for rate in config.teachers.rates)
        say(f"teachers  {plural(config.teachers.count, 'teacher')} a task, the best of {config.teachers.trained} trained, "
            f"{plural(many, 'trial')} in all: {architecture_text(stage.architecture)}, "
            f"{stage.architecture.parameter_count():,} parameters, learning rate {rates}, "
            f"{training_text(dataclasses.asdict(stage.training))}")
    if config.resources.trials_per_pack > 1:
        say(f"packs     up to {plural(config.resources.trials_per_pack, 'trial')} train as one batched computation")
    if len(network.input_shape) > 1:
        say(f"\n{network_table(network, terminal_width())}")
    for (points, source, count), group in groupby(tasks, key=lambda task: (task.points, task.source, task.trials)):
        numbers = [task.task for task in group]
        which = f"task {numbers[0]}" if len(numbers) == 1 else f"tasks {numbers[0]} to {numbers[-1]}"
        each = "" if len(numbers) == 1 else " each"
        say(f"\n{which}: {plural(count, 'trial')}{each}, {source}")
        if points:
            say(_points_table(points))
        elif plan.sampled(config, numbers[0]):
            say(f"  alpha {_range(config.sweep.alpha)}, learning rate {_range(config.sweep.learning_rate)}")
    say("\nnothing was written or started")


def _teachers_stage(config: Config, network: Architecture) -> StageSpec | None:
    """What the teachers of the first task share; None where there are none."""
    if config.teachers is None:
        return None
    return teacher_stage(config.teachers, config, plan.stage_spec(config, plan.first_task(config), network, None))


def _teachers_document(config: Config, network: Architecture, tasks: Sequence[PlannedTask]) -> dict[str, object] | None:
    stage = _teachers_stage(config, network)
    if config.teachers is None or stage is None:
        return None
    return {"trials": sum(task.teachers for task in tasks), "teach_a_task": config.teachers.count,
            "trained_a_task": config.teachers.trained, "learning_rates": list(config.teachers.rates),
            "network": {**stage.architecture.to_json(), "hidden": list(stage.architecture.hidden),
                        "parameters": stage.architecture.parameter_count()},
            "training": stage.training.to_json()}


def _points_table(points: Sequence[GridPoint]) -> str:
    hidden = len(points[0].alpha) - 1
    columns = [number("trial"), *(number(f"alpha {layer}") for layer in range(1, hidden + 1)), number("alpha out"),
               number("learning rate")]
    return render(columns, [[str(index), *(alpha_text([value]) for value in point.alpha), rate_text(point.learning_rate)]
                            for index, point in enumerate(points)], terminal_width())


def _range(values: object) -> str:
    return f"from {alpha_text([values.low])} to {alpha_text([values.high])}" if isinstance(values, LogRange) else str(values)
