"""How the numbers of a comparison are written."""

from typing import TYPE_CHECKING

from orchestrator.text.words import NOTHING

if TYPE_CHECKING:
    from clnp_core.statistics import Summary


def spread(summary: "Summary") -> str:
    """Mean ± standard deviation with two decimals: ``98.31 ± 0.04``."""
    if summary.mean is None:
        return NOTHING
    return f"{summary.mean + 0.0:.2f}" + ("" if summary.deviation is None else f" ± {summary.deviation:.2f}")
