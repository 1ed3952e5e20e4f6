"""What another margin would commit, from the recorded candidates of a search."""

from decimal import Decimal

from orchestrator.what_if.recorded_stages import search_answers
from tests.orchestrator.render.test_run_summary import SEARCH


def test_the_sparsest_recorded_candidate_within_another_margin() -> None:
    narrow, same, wide, none = search_answers([(3, SEARCH)], [Decimal("0.1"), Decimal("0.25"), Decimal("1"), Decimal("0")])
    assert (narrow.cut, narrow.within_margin, narrow.at_most, narrow.required_val_correct) == (0, True, False, 1982)
    assert (same.cut, same.recorded_cut, same.neurons, same.at_most) == (1, 1, (64, 28), False)
    assert same.sentence == "task 3, margin 0.25: cut 1 as it was, 92 neurons (64 / 28) at 99.00 % on validation"
    assert (wide.cut, wide.at_most) == (2, True), "the search would have gone on"
    assert "cut 2 instead of cut 1, at most 84 neurons" in wide.sentence
    assert (none.cut, none.within_margin) == (0, False)
    assert "no recorded candidate is within it, so cut 0 instead of cut 1, 100 neurons" in none.sentence
