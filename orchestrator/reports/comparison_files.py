"""The files of a comparison: a table, figures, and the records of every run, so that readers can check each number."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING

import yaml

from clnp_core.values import LayerCapacity
from db.reads.reads import Reads
from db.rows import AccuracyRow, CommitRow, EventRow, SelectionRow
from orchestrator.figures import chart
from orchestrator.figures.method_charts import methods_figure, usage_figure
from orchestrator.figures.run_charts import accuracy_figure, capacity_figure
from orchestrator.render.format import NOTHING, plural, ranges
from orchestrator.render.serialize import Frame, csv_text, of_rows, of_trials
from orchestrator.reports.compare import Comparison, Side
from orchestrator.reports.latex import tabular
from workers.environment import GIT

if TYPE_CHECKING:
    from clnp_core.analysis.statistics import Summary


def cautions(found: "Comparison") -> list[str]:
    """Return caveats for readers: which runs are not averaged, and how the environments of the runs differ."""
    return [*_not_to_the_end(found), *_left_out(found), *_at_chance(found), *_made_otherwise(found)]


def _at_chance(found: "Comparison") -> list[str]:
    """Return a sentence for every averaged run with tasks at chance level."""
    return [f"{run.run} is at chance level on {'task' if len(run.at_chance) == 1 else 'tasks'} {ranges(run.at_chance)}, which "
            "averages include." for side in found.sides for run in side.runs if run.at_chance]


def _not_to_the_end(found: "Comparison") -> list[str]:
    if found.after_task is None:
        return []
    return [f"Everything is measured after {plural(found.after_task, 'task')}; later tasks are ignored."]


def _left_out(found: "Comparison") -> list[str]:
    """Return a sentence for every run that is not averaged, with the reason."""
    return [f"{run.run} is {run.state.value}" + (f" ({', '.join(run.failures)})" if run.failures else "")
            + f" with {run.tasks_learnt} of {run.tasks} tasks learnt: it is not averaged."
            for side in found.sides for run in side.runs if not run.counts]


def _made_otherwise(found: "Comparison") -> list[str]:
    """Return a sentence for every difference between the environments of the runs."""
    runs = [(side.name, run) for side in found.sides for run in side.runs if run.environment]
    said = []
    for part in dict.fromkeys(part for _, run in runs for part in run.environment):
        sides: dict[str, dict[str, None]] = {}
        for name, run in runs:
            sides.setdefault(run.environment.get(part, "none"), {})[name] = None
        if len(sides) > 1:
            whose = "; ".join(f"{value} ({', '.join(names)})" for value, names in sides.items())
            said.append(f"Not all runs have the same {part}: {whose}.")
    return said


def spread(summary: "Summary", of_runs: int = 0) -> str:
    """Return mean ± standard deviation with two decimals: ``98.31 ± 0.04``; followed by ``(2 runs)`` if not all runs of the
    line have the number."""
    if summary.mean is None:
        return NOTHING
    fewer = f" ({plural(summary.n, 'run')})" if summary.n < of_runs else ""
    return f"{summary.mean + 0.0:.2f}" + ("" if summary.deviation is None else f" ± {summary.deviation:.2f}") + fewer


def interval(summary: "Summary") -> str:
    """Return the confidence interval of the mean: ``98.26 to 98.36``."""
    return NOTHING if summary.interval is None else f"{summary.interval[0]:.2f} to {summary.interval[1]:.2f}"


def seconds(summary: "Summary") -> str:
    """Return the seconds of a run on one kind of processor; empty if it used none."""
    return whole(summary.mean or None)


def whole(mean: float | None) -> str:
    """Return a mean without decimals: ``12,345``."""
    return NOTHING if mean is None else f"{mean:,.0f}"


HEADINGS = ("row", "runs", "accuracy %", "95 % interval", "paper", "validation %", "backward", "forward", "graceful loss",
            "used %", "paper used %", "parameters", "CPU seconds", "GPU seconds")


FILES = ("table.md", "table.csv", "table.tex", "runs.csv", "trials.csv", "accuracy.csv", "selections.csv", "capacity.csv",
         "commits.csv", "events.csv", "methods.svg", "methods.png", "usage.svg", "usage.png")
"""Files of :func:`files` whose names do not depend on the runs; the last four exist once runs are completed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: its name, the numbers that a paper reports, as printed there (None if it reports none), and the
    requested seeds."""

    name: str
    paper_accuracy: str | None = None
    paper_used: str | None = None
    seeds: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class QuotedRun:
    """A run behind a table, with everything needed to reproduce it.

    Attributes:
        run, method, seed, state: as recorded.
        average_accuracy_percent, val_accuracy_percent: on test and on validation data, over all tasks after the last.
        used_percent: neurons used at the end, by hidden layer; empty for methods that prune nothing.
        parameters: that its tasks need.
        config_digest, code_version: its config and code.
        git_commit: commit of the checkout that launched it, with ``-dirty`` appended if files were changed; None if it was not
            launched from a checkout, or by a version that did not record it.
        device, torch: device and torch version.
        created_at, ended_at: when it was recorded, and its last commit, UTC.
        cpu_seconds, gpu_seconds, trial_seconds, scan_seconds, commit_seconds, teacher_seconds: its cost
            (:class:`orchestrator.reports.measure.Cost`).
    """

    run: str
    method: str
    seed: int
    state: str
    average_accuracy_percent: float | None
    val_accuracy_percent: float | None
    used_percent: tuple[float, ...]
    parameters: int | None
    config_digest: str
    code_version: str
    git_commit: str | None
    device: str | None
    torch: str | None
    created_at: datetime
    ended_at: datetime | None
    cpu_seconds: float
    gpu_seconds: float
    trial_seconds: float
    scan_seconds: float
    commit_seconds: float
    teacher_seconds: float


def table_rows(lines: Sequence[Line], found: Comparison) -> list[list[str]]:
    """Return the cells of the table under :data:`HEADINGS`: a line per side of the comparison, then lines without runs."""
    return [_cells(line, side) if side is not None else _no_runs(line) for line, side in zip_longest(lines, found.sides)]


def _cells(line: Line, side: Side) -> list[str]:
    of = side.summaries
    accuracy = of["average_accuracy_percent"]
    asked = len({*line.seeds, *(run.seed for run in side.runs)})
    runs = f"{accuracy.n}" if accuracy.n == asked else f"{accuracy.n} of {asked}"
    return [line.name, runs, spread(accuracy), interval(accuracy), line.paper_accuracy or NOTHING,
            *(spread(of[quantity], accuracy.n) for quantity in ("val_accuracy_percent", "backward_transfer_points",
                                                                "forward_transfer_points", "graceful_loss_points")),
            _used(side), line.paper_used or NOTHING, whole(of["parameters"].mean), seconds(of["cpu_seconds"]),
            seconds(of["gpu_seconds"])]


def _no_runs(line: Line) -> list[str]:
    said = {"row": line.name, "runs": f"0 of {len(line.seeds)}", "paper": line.paper_accuracy, "paper used %": line.paper_used}
    return [said.get(heading) or NOTHING for heading in HEADINGS]


def _used(side: Side) -> str:
    """Return the mean usage of every hidden layer over the completed runs."""
    layers = [run.used_percent for run in side.runs if run.counts and run.used_percent is not None]
    if not layers:
        return NOTHING
    return " / ".join(f"{sum(of_layer) / len(of_layer):.1f}" for of_layer in zip(*layers, strict=True))


def markdown(title: str, rows: Sequence[Line], found: Comparison, command: str, notes: Sequence[str] = ()) -> str:
    """Return the table as Markdown, with the command that makes it, caveats and claims."""
    lines = [f"# {title}", "", f"    {command}", "", "| " + " | ".join(HEADINGS) + " |",
             "|" + "|".join(["---"] + ["---:"] * (len(HEADINGS) - 1)) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |" for cells in table_rows(rows, found)]
    seeds = sorted({run.seed for side in found.sides for run in side.runs if run.counts})
    of_seeds = f"{'seed' if len(seeds) == 1 else 'seeds'} {ranges(seeds) or 'none'}"
    which = "completed runs" if found.after_task is None else "runs"
    last = "the last task" if found.after_task is None else f"task {found.after_task}"
    lines += ["", f"Mean ± standard deviation over {which} ({of_seeds}); test and validation accuracy after {last}, over all "
              "tasks until then; the interval is Student's, of the mean. Backward and forward transfer and graceful loss in "
              "percentage points. Parameters are those that all tasks together need. Seconds are the sum over trials, θ* and "
              "commits of one seed, regardless of parallelism."]
    lines += [f"\n{said}" for said in (*notes, *cautions(found), *found.claims)]
    return "\n".join(lines) + "\n"


def files(reads: Reads, title: str, lines: Sequence[Line], found: Comparison, command: str,
          notes: Sequence[str] = ()) -> dict[str, bytes]:
    """Return path → content of the table, its figures, and the records of every run behind it.

    Args:
        reads: of the database.
        title: of the table.
        lines: one per side of the comparison, followed by those without runs.
        found: the comparison.
        command: the command that makes it.
        notes: further caveats.
    """
    frame = Frame(tuple(HEADINGS), (str,) * len(HEADINGS), [tuple(cells) for cells in table_rows(lines, found)])
    runs = [run for side in found.sides for run in side.runs]
    quoted = []
    for run in runs:
        row, cost = reads.run(run.run), run.cost
        versions, environment = row.package_versions, row.environment or {}
        ended_at = max((stage.ended_at for stage in reads.stages(run.run) if stage.ended_at is not None), default=None)
        quoted.append(QuotedRun(
            run.run, run.method, run.seed, run.state.value,
            None if run.metrics is None else 100 * run.metrics.average_accuracy,
            None if run.val_accuracy is None else 100 * run.val_accuracy, run.used_percent or (), run.parameters,
            row.config_digest, row.code_version, versions.get(GIT), environment.get("device"), environment.get("torch"),
            row.created_at, ended_at, cost.cpu_seconds, cost.gpu_seconds, cost.trial_seconds, cost.scan_seconds,
            cost.commit_seconds, cost.teacher_seconds))
    names = [run.run for run in runs]
    recorded: dict[str, tuple[type, Callable[[str], Sequence[object]]]] = {
        "accuracy": (AccuracyRow, reads.accuracy_matrix), "selections": (SelectionRow, reads.selections),
        "capacity": (LayerCapacity, reads.capacity), "commits": (CommitRow, reads.commits), "events": (EventRow, reads.events)}
    return _figures(reads, lines, found) | {
        "table.md": markdown(title, lines, found, command, notes).encode(),
        "table.csv": csv_text(frame).encode(),
        "table.tex": tabular([(heading, "r" if index else "l") for index, heading in enumerate(HEADINGS)],
                             table_rows(lines, found), f"{title}: {command}").encode(),
        **{f"configs/{name}.yaml": yaml.safe_dump(dict(reads.run(name).config), sort_keys=False, allow_unicode=True).encode()
           for name in names},
        "runs.csv": csv_text(of_rows(QuotedRun, quoted)).encode(),
        "trials.csv": csv_text(of_trials([row for name in names for row in reads.trials(name)])).encode(),
        **{f"{table}.csv": csv_text(_with_run(row, names, [read(name) for name in names])).encode()
           for table, (row, read) in recorded.items()},
    }


def _figures(reads: Reads, lines: Sequence[Line], found: Comparison) -> dict[str, bytes]:
    """Return accuracy by task and usage of the layers per method, over all completed seeds; and capacity and accuracy matrix of
    the first completed seed of every method that prunes (paper, Figs. 3 to 5)."""
    cells: dict[str, dict[str, list[AccuracyRow]]] = {}
    used: dict[str, dict[str, list[LayerCapacity]]] = {}
    charts: dict[str, chart.Chart] = {}
    for line, side in zip(lines, found.sides, strict=False):
        runs = [run for run in side.runs if run.counts]
        if not runs:
            continue
        cells[line.name] = {run.run: [cell for cell in reads.accuracy_matrix(run.run) if cell.after_task <= run.tasks]
                            for run in runs}
        if runs[0].used_percent is not None:
            used[line.name] = {run.run: [layer for layer in reads.capacity(run.run) if layer.task <= run.tasks] for run in runs}
            first = runs[0].run
            charts[f"{side.name}-accuracy"] = accuracy_figure(cells[line.name][first])
            charts[f"{side.name}-capacity"] = capacity_figure(used[line.name][first])
    if cells:
        charts["methods"] = methods_figure(cells)
    if used:
        charts["usage"] = usage_figure(used)
    return ({f"{name}.svg": chart.svg(figure).encode() for name, figure in charts.items()}
            | {f"{name}.png": chart.png(figure) for name, figure in charts.items()})


def _with_run(row: type, names: Sequence[str], of_runs: Sequence[Sequence[object]]) -> Frame:
    """Return rows of several runs, each prefixed with the run's name."""
    frames = [of_rows(row, rows) for rows in of_runs]
    return Frame(("run", *frames[0].columns), (str, *frames[0].kinds),
                 [(name, *cells) for name, frame in zip(names, frames, strict=True) for cells in frame.rows])
