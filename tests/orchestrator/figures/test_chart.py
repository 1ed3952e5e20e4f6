"""Charts as specifications, images and a script."""

import json
import struct
import xml.etree.ElementTree as ET

import pytest

from orchestrator.figures.chart import BLUE, DARK, GREY, LIGHT, ORANGE, PURPLE, SLATE, javascript, pdf, png, specification, svg
from orchestrator.figures.run_charts import capacity_figure
from tests.orchestrator.figures.rows import capacity

CHART = capacity_figure([capacity(1, 1, 10, 4, 4, 0)])


def test_a_specification_is_json_that_carries_its_data_and_leaves_colours_to_its_embedder() -> None:
    made = specification(CHART)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["$schema"].startswith("https://vega.github.io/schema/vega-lite/v6")
    assert "url" not in json.dumps({key: value for key, value in made.items() if key != "$schema"})
    assert "config" not in made and "background" not in made


def test_an_svg_is_xml_with_its_words_as_text() -> None:
    words = {element.text for element in ET.fromstring(svg(CHART)).iter() if element.text}
    assert {"task", "layer 1: 10 neurons"} <= words


def test_a_png_has_as_many_pixels_as_were_asked_for() -> None:
    sizes = []
    for scale in (1, 2):
        image = png(CHART, scale=scale)
        assert image.startswith(b"\x89PNG")
        sizes.append(struct.unpack(">II", image[16:24]))
    assert sizes[1] == pytest.approx((2 * sizes[0][0], 2 * sizes[0][1]), abs=2)


def test_a_pdf_is_one() -> None:
    assert pdf(CHART).startswith(b"%PDF-")


def test_themes_change_the_ground() -> None:
    assert f'fill="{LIGHT["background"]}"' in svg(CHART) and f'fill="{DARK["background"]}"' in svg(CHART, DARK)


def test_the_script_puts_vega_embed_on_the_window_and_fits_into_a_page() -> None:
    script = javascript()
    assert "window.vegaEmbed=" in script.replace(" ", "") and len(script) > 500_000
    assert "</script" not in script and "<!--" not in script and "import(" not in script
    assert javascript() is script


def _luminance(colour: str) -> float:
    parts = [int(colour[place:place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [BLUE, ORANGE, PURPLE, SLATE, GREY])
def test_marks_stand_out_from_both_grounds(colour: str) -> None:
    for theme in (LIGHT, DARK):
        bright, dark = sorted((_luminance(colour), _luminance(theme["background"])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 3
