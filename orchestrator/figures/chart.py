"""The frame of every figure: rows that travel with the chart, colours and themes, and the chart as a Vega-Lite
specification, as an image, or as a page's script. Nothing here asks any host for anything."""

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
"""Opacity of what is only there to be seen through: the margin."""

FAINT_GREY = f"{GREY}38"
"""The colour of what is free: the ground shines through it."""

WIDTH = 560
"""Pixels of a chart that nobody embeds. Whoever does sets ``width`` to ``"container"``: every chart is one view, so it may."""

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def _theme(text: str, quiet: str, grid: str, background: str | None) -> Mapping[str, object]:
    """A Vega-Lite config.

    Args:
        text: the colour of titles.
        quiet: the colour of numbers at an axis.
        grid: the colour of lines behind the marks.
        background: the colour behind it all; None is that of whatever it stands on.
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
"""Dark on white: for files, for paper and for a bright page."""

DARK = _theme("#e6e8eb", "#a3abb5", "#33383f", "#15181c")
"""Bright on near-black."""


NO_HOST: list[str] = []
"""The addresses from which a chart may load its data: it carries them."""


def specification(chart: "Chart") -> dict[str, object]:
    """The chart as Vega-Lite, with its data in it.

    The tests check what the figures make against Vega-Lite's schema; here, that would take seconds for 10,000 trials.
    """
    made = chart.to_dict(validate=False)
    made.pop("config", None)  # Altair's own, which would come before the theme of whoever embeds it
    return made


def svg(chart: "Chart", theme: Mapping[str, object] = LIGHT) -> str:
    """The chart as an SVG document; its text stays text."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(specification(chart), vl_version=_version(), config=dict(theme),
                                          allowed_base_urls=NO_HOST))


def png(chart: "Chart", scale: float = 2, theme: Mapping[str, object] = LIGHT) -> bytes:
    """The chart as a PNG image, so many pixels for one of the chart's own."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(specification(chart), vl_version=_version(), scale=scale, config=dict(theme),
                                            allowed_base_urls=NO_HOST))


def pdf(chart: "Chart", theme: Mapping[str, object] = LIGHT) -> bytes:
    """The chart as a PDF of one page that is as large as the chart: for a paper."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_pdf(specification(chart), vl_version=_version(), config=dict(theme),
                                            allowed_base_urls=NO_HOST))


@cache
def javascript() -> str:
    """Vega, Vega-Lite and vega-embed as one script, which puts ``vegaEmbed`` on a page's ``window``; about 0.9 MB.

    Give ``vegaEmbed`` the option ``ast: true`` on a page whose content security policy forbids to evaluate text as code.
    """
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=_version()))


@cache
def _version() -> str:
    """The version of Vega-Lite that Altair writes, in vl-convert's spelling: ``v6.1.0`` is ``6.1``."""
    import altair

    return ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])


def chart_of(values: Sequence[Mapping[str, object]]) -> "altair.Chart":
    """A chart that carries these rows.

    A plain dictionary holds them: Altair's own class for them checks every value of every row, seconds for 10,000 trials.
    """
    import altair as alt

    return alt.Chart({"values": [dict(value) for value in values]})


def layered(layers: "Sequence[altair.Chart | altair.LayerChart | altair.FacetChart]", height: int,
            **properties: object) -> "altair.LayerChart":
    """Layers over each other, the last on top: one view, which may be as wide as what it stands in.

    Args:
        layers: at least one.
        height: in pixels.
        properties: others of a layered chart.
    """
    import altair as alt

    return cast("alt.LayerChart", alt.layer(*layers).properties(width=WIDTH, height=height, **properties))
