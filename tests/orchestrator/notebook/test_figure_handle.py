"""Figures that a handle gives: by name, and displaying themselves without the internet."""

import json
import shutil
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError, NotFoundError
from orchestrator import api
from orchestrator.figures.chart import DARK, LIGHT
from orchestrator.notebook.figure_handle import Figure
from tests.messages import naming, tells
from tests.orchestrator.cli.conftest import written


@pytest.fixture
def accuracy(tiny: api.Run) -> Figure:
    return tiny.figure("accuracy")


def test_their_names(tiny: api.Run) -> None:
    stage, trial = tiny.stage(1), tiny.trial(1, 0)
    assert (set(tiny.figures), set(stage.figures), set(trial.figures)) >= (
        {"accuracy", "capacity"}, {"trials"}, {"threshold-curve", "learning"})
    for handle in (tiny, stage, trial):
        assert handle.figures._ipython_key_completions_() == list(handle.figures)
        for name in handle.figures:
            assert handle.figure(name).specification()["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert repr(trial.figures) == "Figures of trial 0 of task 1 of run tiny: threshold-curve, learning"
    with pytest.raises(NotFoundError, match=naming("accuracy")):
        trial.figure("accuracy")


def test_nothing_to_draw_yet(tmp_path: Path) -> None:
    with written(tmp_path):
        demo = api.run("demo", url=f"sqlite:///{tmp_path}/.clnp/clnp.db")
        with pytest.raises(NotFoundError):
            demo.figure("accuracy")


def test_a_page_that_loads_nothing(accuracy: Figure) -> None:
    page = accuracy.html()
    assert "src=" not in page and "<link" not in page and "@import" not in page
    assert page.count("<script") == page.count("</script>") == 1, "what is drawn cannot end the script early"
    assert json.dumps(accuracy.specification()).replace("<", "\\u003c") in page


def test_a_notebook_gets_a_frame_and_a_picture(accuracy: Figure) -> None:
    bundle = accuracy._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert bundle["text/html"].startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert bundle["image/png"].startswith("iVBOR")
    assert bundle["text/plain"] == "Figure 'accuracy': a notebook displays it, .save(\"accuracy.svg\") writes a file"


@pytest.mark.parametrize(("ending", "beginning"), [
    ("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("html", b"<!doctype html>"), ("JSON", b"{")])
def test_it_is_saved_as_its_ending_says(accuracy: Figure, tmp_path: Path, ending: str, beginning: bytes) -> None:
    path = accuracy.save(tmp_path / f"accuracy.{ending}")
    assert path.read_bytes().startswith(beginning)


def test_a_folder_that_is_not_there(accuracy: Figure, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        accuracy.save(tmp_path / "nowhere" / "accuracy.svg")
    assert tells(caught.value, tmp_path, "nowhere/accuracy.svg", "No such file or directory")


def test_another_ending(accuracy: Figure, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        accuracy.save(tmp_path / "accuracy.bmp")
    assert tells(caught.value, "accuracy.bmp")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Playwright leaves its event loop to the collector
def test_a_browser_without_the_internet_draws_it_in_the_colours_of_the_notebook(accuracy: Figure, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    frame = accuracy._repr_mimebundle_()["text/html"]
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<body><div style='background: #111; color: #ddd'>{frame}</div>"
                        f"<div style='background: #fff; color: #222'>{frame}</div>", encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(offline=True)
        page, complaints, asked = context.new_page(), [], []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(notebook.as_uri())
        titles = []
        for index in (0, 1):
            drawn = page.frame_locator("iframe").nth(index)
            title = drawn.get_by_text("tested on task", exact=True).first
            title.wait_for()
            titles.append(title.get_attribute("fill"))
        heights = page.locator("iframe").evaluate_all("frames => frames.map(frame => frame.offsetHeight)")
        browser.close()
    assert titles == [DARK["axis"]["titleColor"], LIGHT["axis"]["titleColor"]]
    assert complaints == [] and [url for url in asked if url.startswith("http")] == []
    assert all(150 < height < 420 for height in heights), "a frame is as high as its figure"
