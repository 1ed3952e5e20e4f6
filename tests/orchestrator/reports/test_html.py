"""The page says what is recorded, and no text in it is markup."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from orchestrator.render.matrices import TASK_INCREMENTAL
from orchestrator.reports.html import page, script_json
from orchestrator.reports.report import still_form
from orchestrator.reports.report_charts import figures_of
from orchestrator.reports.report_data import Gathered
from tests.orchestrator.reports.conftest import EVIL


class Parsed(HTMLParser):
    """A page as a browser would take it apart."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def _parsed(gathered: Gathered) -> Parsed:
    return Parsed(page(gathered, [(figure, still_form(figure)) for figure in figures_of(gathered)]))


@pytest.fixture
def whole(tiny: Gathered) -> Parsed:
    """The page of the real run."""
    return _parsed(tiny)


def test_it_says_what_the_run_is_and_what_is_proven(tiny: Gathered, whole: Parsed) -> None:
    run = tiny.run
    for told in (run.name, run.config_digest, run.code_version, f"torch {(run.environment or {})['torch']}",
                 tiny.claim.sentence, TASK_INCREMENTAL, "Run tiny is completed: 2 of 2 tasks committed.",
                 "early_stopping_patience"):
        assert told in whole.words, told
    for name, version in run.package_versions.items():
        assert name in whole.words and str(version) in whole.words
    assert "not complete" not in whole.words


def test_every_task_has_its_selection_with_the_reason_its_verdicts_and_its_commit(tiny: Gathered, whole: Parsed) -> None:
    for part in tiny.tasks:
        assert part.selection is not None and part.commit is not None
        assert part.selection.reason in whole.words and part.commit.digest in whole.words
        for trial in part.trials:
            assert html.escape(trial.verdict_reason or "") and (trial.verdict_reason or "") in whole.words


def test_every_figure_is_there_twice_for_the_screen_and_for_paper(tiny: Gathered, whole: Parsed) -> None:
    names = [f"figure-{figure.name}" for figure in figures_of(tiny)]
    assert [each["id"] for each in whole.all("div") if "data-figure" in each] == names
    assert len(whole.all("img")) == len(names)
    assert all((each["src"] or "").startswith("data:image/") and each["alt"] for each in whole.all("img"))
    specifications = [each["id"] for each in whole.all("script") if each.get("type") == "application/json"]
    assert specifications == [*(f"{name}-specification" for name in names), "themes"]


def test_nothing_is_loaded_from_anywhere(whole: Parsed) -> None:
    addresses = [value for _, attributes in whole.tags for name, value in attributes.items()
                 if name in ("src", "href", "srcset")]
    assert addresses and all((value or "").startswith(("data:", "#")) for value in addresses)
    assert {tag for tag, _ in whole.tags}.isdisjoint({"iframe", "object", "embed", "form", "base"})


def test_the_policy_names_the_scripts_of_the_page_and_nothing_else(whole: Parsed) -> None:
    policy = next(each["content"] or "" for each in whole.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    kinds = [each.get("type") for each in whole.all("script")]
    code = [script for script, kind in zip(whole.scripts, kinds, strict=True) if kind is None]
    digests = [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in code]
    assert len(code) == 2 and f"script-src {' '.join(digests)};" in policy
    assert policy.startswith("default-src 'none';") and "unsafe-eval" not in policy


def test_hostile_texts_are_texts(hostile: Callable[[], Gathered]) -> None:
    parsed = _parsed(hostile())
    assert parsed.words.count(EVIL) >= 5  # name, reason, benchmark, code version, package
    assert len(parsed.scripts) == 4 and "alert(1)" not in parsed.scripts[-1] + parsed.scripts[-2]
    assert json.loads(parsed.scripts[0])["layer"]


def test_an_unfinished_run_says_so_and_why(hostile: Callable[[], Gathered]) -> None:
    words = " ".join(_parsed(hostile()).words.split())
    assert "This run is not complete. The report has what is recorded so far." in words
    assert "No task is committed yet." in words and "Task 1 failed:" in words and "0 of 2 tasks committed" in words
    assert "1 finished, 0 failed, 0 running, 1 pending" in words


def test_json_in_a_script_cannot_end_it() -> None:
    text = script_json({"name": EVIL, "more": "\u2028é"})
    assert not re.search(r"[<>&\u2028é]", text) and json.loads(text) == {"name": EVIL, "more": "\u2028é"}
