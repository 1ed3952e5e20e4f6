"""Calls measured against each other."""

from orchestrator.export.latency import FEWEST, MOST, timed


def test_calls_take_turns_and_the_first_round_does_not_count() -> None:
    called: list[str] = []
    first, second = timed([lambda: called.append("a"), lambda: called.append("b")], budget_seconds=0.0)
    assert called == ["a", "b"] * (FEWEST + 1)
    for each in (first, second):
        assert each.repeats == FEWEST
        assert 0 < each.lower_quartile_ms <= each.median_ms <= each.upper_quartile_ms


def test_short_calls_end_with_the_most_repeats() -> None:
    assert timed([lambda: None], budget_seconds=1e9)[0].repeats == MOST
