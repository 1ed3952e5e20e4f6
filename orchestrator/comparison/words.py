"""How the numbers of a comparison are written."""

from typing import TYPE_CHECKING

from orchestrator.render.format import NOTHING, plural, ranges

if TYPE_CHECKING:
    from clnp_core.analysis.statistics import Summary
    from orchestrator.reports.compare import Comparison


def cautions(found: "Comparison") -> list[str]:
    """What a reader of the numbers must know: which runs are not averaged, and in what the environments of runs differ."""
    return [*_not_to_the_end(found), *_left_out(found), *_at_chance(found), *_made_otherwise(found)]


def _at_chance(found: "Comparison") -> list[str]:
    """A sentence for every run that learnt a task no better than by guessing, and is averaged all the same."""
    return [f"{run.run} learnt {'task' if len(run.at_chance) == 1 else 'tasks'} {ranges(run.at_chance)} no better than by "
            "guessing, which counts like any other." for side in found.sides for run in side.runs if run.at_chance]


def _not_to_the_end(found: "Comparison") -> list[str]:
    if found.after_task is None:
        return []
    return [f"Everything is as it was after {plural(found.after_task, 'task')}, whatever the runs have learnt since."]


def _left_out(found: "Comparison") -> list[str]:
    """A sentence for every run that is not averaged, with what befell it."""
    return [f"{run.run} is {run.state.value}" + (f" ({', '.join(run.failures)})" if run.failures else "")
            + f" with {run.tasks_learnt} of {run.tasks} tasks learnt: it is not averaged."
            for side in found.sides for run in side.runs if not run.counts]


def _made_otherwise(found: "Comparison") -> list[str]:
    """A sentence for everything in which the environments of the runs differ, with whose is which."""
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
    """Mean ± standard deviation with two decimals: ``98.31 ± 0.04``; with ``(2 runs)`` behind it where not all of the runs that
    the line is of have the number."""
    if summary.mean is None:
        return NOTHING
    fewer = f" ({plural(summary.n, 'run')})" if summary.n < of_runs else ""
    return f"{summary.mean + 0.0:.2f}" + ("" if summary.deviation is None else f" ± {summary.deviation:.2f}") + fewer


def interval(summary: "Summary") -> str:
    """The confidence interval of the mean: ``98.26 to 98.36``."""
    return NOTHING if summary.interval is None else f"{summary.interval[0]:.2f} to {summary.interval[1]:.2f}"


def seconds(summary: "Summary") -> str:
    """What a run took on a kind of processor; nothing where it took none."""
    return whole(summary.mean or None)


def whole(mean: float | None) -> str:
    """A mean without its decimals: ``12,345``."""
    return NOTHING if mean is None else f"{mean:,.0f}"
