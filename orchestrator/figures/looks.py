"""The colours of marks, and the two themes that charts stand in.

A chart fixes neither a background nor the colour of its words: a theme, given when it is drawn, does. So the colours of marks
stand out from white and from near-black alike, by a contrast of at least 3 to 1, and the colour-blind can tell them apart: blue
and orange carry what matters, grey what does not.
"""

from collections.abc import Mapping
from typing import Any

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


def _theme(text: str, quiet: str, grid: str, background: str | None) -> Mapping[str, Any]:
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
