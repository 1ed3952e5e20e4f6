"""Figures by name, displayed in a notebook with tooltips and without network access."""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from clnp_core.errors import ConfigError
from db.reads.reads import Reads
from orchestrator.figures import chart
from orchestrator.figures.chart import DARK, LIGHT, javascript, png, specification
from orchestrator.render.output import write_whole
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from orchestrator.figures.chart import Chart

_PAGE = """<!doctype html>
<meta charset="utf-8">
<style>body { margin: 0; } #figure { width: 100%; }</style>
<div id="figure"></div>
<script type="module">
const draw = async () => {
  let theme = LIGHT_THEME;
  try {  // the background is transparent, so the theme follows the text colour of the notebook
    const [red, green, blue] = getComputedStyle(frameElement.parentElement).color.match(/[0-9.]+/g).map(Number);
    theme = {...(red + green + blue > 382 ? DARK_THEME : LIGHT_THEME), background: null};
  } catch { }
  const actions = {export: true, source: false, compiled: false, editor: false};
  await vegaEmbed("#figure", SPECIFICATION, {config: theme, renderer: "svg", actions});
  const height = Math.max(document.getElementById("figure").scrollHeight, 150);  // with room for the menu
  try { frameElement.style.height = `${height + 8}px`; } catch { }
};
const packed = Uint8Array.from(atob("PACKED_SCRIPT"), letter => letter.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
const script = document.createElement("script");
script.type = "module";
window.drawFigure = draw;
script.textContent = await new Response(unpacked).text() + "\\nwindow.drawFigure();";
document.head.append(script);
</script>
"""
"""A self-contained page. Its script is compressed, since a notebook stores one per figure."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the records at the time of its creation, displayed by notebooks.

    Attributes:
        name: name of the figure.
        chart: the Altair chart, which may be changed or combined; displayed directly, it loads its script from the internet.
    """

    name: str
    chart: "Chart"

    def specification(self) -> dict[str, object]:
        """Return the Vega-Lite specification with its data embedded."""
        return specification(self.chart)

    def html(self) -> str:
        """Return a self-contained page with the figure."""
        parts = {"LIGHT_THEME": _json(LIGHT), "DARK_THEME": _json(DARK), "SPECIFICATION": _json(self.specification()),
                 "PACKED_SCRIPT": _packed_script()}
        return re.sub("|".join(parts), lambda found: parts[found[0]], _PAGE)

    def save(self, path: str | Path) -> Path:
        """Write the figure to a file in the format of its suffix: .svg, .png, .pdf, .html or .json (Vega-Lite).

        Raises:
            ConfigError: another suffix, or the file cannot be written.
        """
        path = Path(path)
        contents: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: chart.svg(self.chart).encode(), ".png": lambda: chart.png(self.chart),
            ".pdf": lambda: chart.pdf(self.chart), ".html": lambda: self.html().encode(),
            ".json": lambda: json.dumps(self.specification(), indent=1).encode()}
        if path.suffix.lower() not in contents:
            raise ConfigError(f"a figure cannot be saved as {path.name}", f"end the name in {', '.join(contents)}")
        try:
            write_whole(path, contents[path.suffix.lower()]())
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror or error}",
                              "name another file; its folder must exist") from error
        return path

    def __repr__(self) -> str:
        return f"Figure {self.name!r}: a notebook displays it, .save(\"{self.name}.svg\") writes a file"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """Return a frame, which isolates the figure from other scripts of the notebook, with an image as fallback."""
        frame = (f'<iframe srcdoc="{escape(self.html())}" style="width: 100%; height: 420px; border: 0" '
                 f'title="{escape(self.name)}"></iframe>')
        return {"text/html": frame, "image/png": base64.b64encode(png(self.chart)).decode("ascii"), "text/plain": repr(self)}


@dataclass(frozen=True, slots=True, repr=False)
class Figures:
    """The figures of a run, task or trial, by name. Each is drawn on access.

    Attributes:
        of: what they show, as text.
        names: names of all figures, including those without data yet.
    """

    of: str
    names: Sequence[str]
    place: Place
    draw: "Callable[[Reads, str], Chart]"

    def __getitem__(self, name: str) -> Figure:
        """Raises :class:`~clnp_core.errors.NotFoundError` for an unknown name, or if there is no data yet."""
        with self.place.reads() as reads:
            return Figure(name, self.draw(reads, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Figures of {self.of[:1].lower() + self.of[1:]}: {', '.join(self.names)}"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)


def _json(value: object) -> str:
    """Return a value as JSON that is safe in a script of a page."""
    return json.dumps(value).replace("<", "\\u003c")


@cache
def _packed_script() -> str:
    """Return Vega, Vega-Lite and vega-embed for a page, compressed to a third."""
    return base64.b64encode(gzip.compress(javascript().encode(), mtime=0)).decode("ascii")
