"""How every figure is put together: rows that travel with the chart, and layers in one view."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from orchestrator.figures.looks import WIDTH

if TYPE_CHECKING:
    import altair


def chart_of(values: Sequence[Mapping[str, Any]]) -> "altair.Chart":
    """A chart that carries these rows.

    A plain dictionary holds them: Altair's own class for them checks every value of every row, seconds for 10,000 trials.
    """
    import altair as alt

    return alt.Chart({"values": [dict(value) for value in values]})


def layered(layers: "Sequence[altair.Chart | altair.LayerChart | altair.FacetChart]", height: int,
            **properties: Any) -> "altair.LayerChart":
    """Layers over each other, the last on top: one view, which may be as wide as what it stands in.

    Args:
        layers: at least one.
        height: in pixels.
        properties: others of a layered chart.
    """
    import altair as alt

    return cast("alt.LayerChart", alt.layer(*layers).properties(width=WIDTH, height=height, **properties))
