"""How the numbers of a comparison are written."""

from typing import TYPE_CHECKING

from orchestrator.text.words import NOTHING

if TYPE_CHECKING:
    from clnp_core.statistics import Summary
    from orchestrator.comparison.compare import Comparison


def left_out(found: "Comparison") -> list[str]:
    """A sentence for every run that is not averaged, with what befell it."""
    return [f"{run.run} is {run.state.value}" + (f" ({', '.join(run.failures)})" if run.failures else "")
            + f" with {run.tasks_learnt} of {run.tasks} tasks learnt: it is not averaged."
            for side in found.sides for run in side.runs if not run.counts]


def spread(summary: "Summary") -> str:
    """Mean ± standard deviation with two decimals: ``98.31 ± 0.04``."""
    if summary.mean is None:
        return NOTHING
    return f"{summary.mean + 0.0:.2f}" + ("" if summary.deviation is None else f" ± {summary.deviation:.2f}")
