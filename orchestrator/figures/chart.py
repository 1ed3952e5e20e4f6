"""Common parts of the figures: embedded data, colours and themes, and output as a Vega-Lite specification, an image, or a
page's script. Nothing is loaded from the network."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import altair
    Chart = altair.Chart | altair.LayerChart

BLUE = "#2b83c6"
ORANGE = "#d9700f"
PURPLE = "#9a6cc9"
SLATE = "#7a8899"
GREY = "#858585"

FAINT = 0.18
"""Opacity of the margin's band."""

FAINT_GREY = f"{GREY}38"
"""The translucent colour of free neurons."""

WIDTH = 560
"""Default width in pixels. Embedding pages set ``width`` to ``"container"``, which works because every chart is one view."""

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def _theme(text: str, quiet: str, grid: str, background: str | None) -> Mapping[str, object]:
    """Return a Vega-Lite config.

    Args:
        text: the colour of titles.
        quiet: the colour of axis labels.
        grid: the colour of grid lines.
        background: the background colour; None is transparent.
    """
    return {
        "background": background, "font": FONT, "view": {"stroke": None},
        "axis": {"labelColor": quiet, "titleColor": text, "gridColor": grid, "domainColor": grid, "tickColor": grid,
                 "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"},
        "legend": {"labelColor": text, "titleColor": text, "labelFontSize": 12, "titleFontSize": 12,
                   "titleFontWeight": "normal"},
        "title": {"color": text}, "text": {"color": text}, "rule": {"color": quiet},
    }


LIGHT = _theme("#1f2328", "#57606a", "#e3e6ea", "#ffffff")
"""Dark on white: for files, print and light pages."""

DARK = _theme("#e6e8eb", "#a3abb5", "#33383f", "#15181c")
"""Bright on near-black."""


NO_HOST: list[str] = []
"""The URLs from which a chart may load data: none, since data is embedded."""


def specification(chart: "Chart") -> dict[str, object]:
    """Return the chart as Vega-Lite with its data embedded.

    It is not validated here, which would take seconds for 10,000 trials; the tests validate the figures.
    """
    made = chart.to_dict(validate=False)
    made.pop("config", None)  # Altair's defaults, which would override the theme of an embedding page
    return made


def svg(chart: "Chart", theme: Mapping[str, object] = LIGHT) -> str:
    """Return the chart as an SVG document, with text as text."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(specification(chart), vl_version=_version(), config=dict(theme),
                                          allowed_base_urls=NO_HOST))


def png(chart: "Chart", scale: float = 2, theme: Mapping[str, object] = LIGHT) -> bytes:
    """Return the chart as a PNG image, scaled by ``scale``."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(specification(chart), vl_version=_version(), scale=scale, config=dict(theme),
                                            allowed_base_urls=NO_HOST))


def pdf(chart: "Chart", theme: Mapping[str, object] = LIGHT) -> bytes:
    """Return the chart as a one-page PDF of the chart's size."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_pdf(specification(chart), vl_version=_version(), config=dict(theme),
                                            allowed_base_urls=NO_HOST))


@cache
def javascript() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script that sets ``window.vegaEmbed``; about 0.9 MB.

    Use the option ``ast: true`` of ``vegaEmbed`` on a page whose content security policy forbids ``eval``.
    """
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=_version()))


@cache
def _version() -> str:
    """Return the version of Vega-Lite that Altair writes, as vl-convert spells it: ``6.1`` for ``v6.1.0``."""
    import altair

    return ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])


def chart_of(values: Sequence[Mapping[str, object]]) -> "altair.Chart":
    """Return a chart with these rows as data.

    They are set as a plain dictionary: Altair's own class validates every value, which takes seconds for 10,000 trials.
    """
    import altair as alt

    return alt.Chart({"values": [dict(value) for value in values]})


def layered(layers: "Sequence[altair.Chart | altair.LayerChart | altair.FacetChart]", height: int,
            **properties: object) -> "altair.LayerChart":
    """Return a layered chart, the last layer on top: a single view, which can adapt to its container's width.

    Args:
        layers: at least one.
        height: in pixels.
        properties: further properties of a layered chart.
    """
    import altair as alt

    return cast("alt.LayerChart", alt.layer(*layers).properties(width=WIDTH, height=height, **properties))
