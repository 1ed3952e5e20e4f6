"""A chart as a Vega-Lite specification, as an image, or as a page's script. Nothing here asks any host for anything."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.figures.looks import LIGHT

if TYPE_CHECKING:
    import altair

    Chart = altair.Chart | altair.LayerChart

NO_HOST: list[str] = []
"""The addresses from which a chart may load its data: it carries them."""


def specification(chart: "Chart") -> dict[str, Any]:
    """The chart as Vega-Lite, with its data in it.

    The tests check what the figures make against Vega-Lite's schema; here, that would take seconds for 10,000 trials.
    """
    made = chart.to_dict(validate=False)
    made.pop("config", None)  # Altair's own, which would come before the theme of whoever embeds it
    return made


def svg(chart: "Chart", theme: Mapping[str, Any] = LIGHT) -> str:
    """The chart as an SVG document; its text stays text."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(specification(chart), vl_version=_version(), config=dict(theme),
                                          allowed_base_urls=NO_HOST))


def png(chart: "Chart", scale: float = 2, theme: Mapping[str, Any] = LIGHT) -> bytes:
    """The chart as a PNG image, so many pixels for one of the chart's own."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(specification(chart), vl_version=_version(), scale=scale, config=dict(theme),
                                            allowed_base_urls=NO_HOST))


def pdf(chart: "Chart", theme: Mapping[str, Any] = LIGHT) -> bytes:
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
