"""Figures that a handle gives: by name, and displaying themselves without the internet."""

import json
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError, NotFoundError
from orchestrator import api
from orchestrator.handles.figures import Figure
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
    with pytest.raises(NotFoundError, match="a trial has no figure 'accuracy'\nits figures are threshold-curve, learning"):
        trial.figure("accuracy")


def test_nothing_to_draw_yet(tmp_path: Path) -> None:
    with written(tmp_path):
        demo = api.run("demo", url=f"sqlite:///{tmp_path}/.clnp/clnp.db")
        with pytest.raises(NotFoundError, match="there is nothing to draw"):
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


def test_another_ending(accuracy: Figure, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        accuracy.save(tmp_path / "accuracy.bmp")
    assert str(caught.value) == "a figure cannot be saved as accuracy.bmp\nend the name in .svg, .png, .pdf, .html, .json"
