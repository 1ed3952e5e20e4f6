"""What other margins would have chosen, asked of a handle."""

from decimal import Decimal
from typing import Any

import pytest

from clnp_core.errors import ConfigError, NotFoundError
from orchestrator import api
from tests.messages import naming


def test_the_recorded_margin_chooses_what_was_chosen(tiny: api.Run) -> None:
    for margin in (2, 2.0, "2", Decimal("2.00")):
        answers = tiny.what_if(margin)
        assert list(answers.frame()["chosen"]) == list(tiny.selections()["chosen"])
        assert list(answers.frame()["changed"]) == [False, False] and list(answers.frame()["exact"]) == [True, True]
        assert list(answers.frame()["margin_points"]) == [2.0, 2.0]


def test_it_shows_itself(tiny: api.Run) -> None:
    answers = tiny.what_if(2, 0.5, task=1)
    lines = repr(answers).splitlines()
    assert lines[0] == "Run tiny under other margins; it was selected with 2 percentage points."
    assert lines[2].split("  ")[0] == "margin" and [line.split()[:2] for line in lines[4:6]] == [["2", "1"], ["0.5", "1"]]
    html = answers._repr_html_()
    for consequence in answers.what_if.consequences:
        assert consequence.sentence in repr(answers) and "<table>" in html


def test_all_margins(tiny: api.Run) -> None:
    curve = tiny.margin_curve(1)
    assert curve["margin_points"].dtype == float and curve["margin_points"].is_monotonic_increasing
    assert curve["margin_points"].iloc[0] == 0 and 2.0 in set(curve["margin_points"])
    assert curve["free_fraction"].is_monotonic_increasing
    recorded = curve[curve["recorded"]].iloc[0]
    assert recorded["chosen"] == tiny.selections()["chosen"].iloc[0]


@pytest.mark.parametrize("margin", [-1, 100.5, "a lot", float("nan"), float("inf")])
def test_no_margin(tiny: api.Run, margin: Any) -> None:
    with pytest.raises(ConfigError, match=naming(0, 100)):
        tiny.what_if(margin)


def test_small_ones_are_understood(tiny: api.Run) -> None:
    assert list(tiny.what_if(1e-7).frame()["margin_points"]) == [1e-7, 1e-7]


def test_no_task(tiny: api.Run) -> None:
    with pytest.raises(NotFoundError, match=naming("tiny", "task 3")):
        tiny.what_if(2, task=3)
