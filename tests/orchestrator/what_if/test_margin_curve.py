"""The steps over all margins give the same answers as each margin alone, and nothing changes between two of them."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clnp_core.selection import SelectionRule, TrainedTrial, required_correct
from orchestrator.what_if.margin_curve import Candidate, Grid, Step, margin_steps
from orchestrator.what_if.margins import StageRecord, at_margin
from tests.orchestrator.what_if.test_margins import MARGINS, RULES, World, worlds


def steps_of(world: World, record: StageRecord) -> list[Step]:
    """The steps from all points of all curves."""
    points = [point for own in world.points().values() for point in own if record.believes(point)]
    most = {number: max(point.val_correct for point in own) for number, own in world.points().items() if own}
    return margin_steps(record, [
        Candidate(min(world.trained[point.number].val_correct, point.val_correct), point.val_correct, point.free_neurons,
                  point.number) for point in points], most)


@pytest.mark.parametrize(("rule", "weight"), RULES)
@given(world=worlds(), recorded=MARGINS, margins=st.lists(st.integers(0, 10_000), min_size=20, max_size=20))
def test_every_margin_is_as_the_last_step_before_it_says(world: World, rule: SelectionRule, weight: Decimal | None,
                                                         recorded: Decimal, margins: list[int]) -> None:
    record = world.recorded(rule, weight, recorded)
    steps = steps_of(world, record)
    assert [step.margin_points for step in steps] == sorted({step.margin_points for step in steps})
    assert steps[0].margin_points == 0 and recorded in [step.margin_points for step in steps]
    for margin in [*(Decimal(each) / 100 for each in margins), *(step.margin_points for step in steps)]:
        outcome = at_margin(record, margin, world.points())
        step = max((step for step in steps if step.margin_points <= margin), key=lambda step: step.margin_points)
        chosen = outcome.selection.chosen
        assert (step.number, step.val_correct, step.free_neurons, step.exact) == (
            chosen.number, chosen.val_correct, chosen.free_neurons, outcome.decided), margin


@pytest.mark.parametrize(("rule", "weight"), RULES)
@given(world=worlds(), recorded=MARGINS)
def test_two_steps_differ_unless_one_is_the_recorded_margin(world: World, rule: SelectionRule, weight: Decimal | None,
                                                            recorded: Decimal) -> None:
    steps = steps_of(world, world.recorded(rule, weight, recorded))
    for before, after in itertools.pairwise(steps):
        same = (before.number, before.val_correct, before.free_neurons, before.exact) == (
            after.number, after.val_correct, after.free_neurons, after.exact)
        assert not same or after.margin_points == recorded


def test_the_price_of_capacity_changes_the_choice_between_two_counts() -> None:
    """A sample is 2.5 points, and a neuron 0.15 fair shares: twelve are worth one at once, one alone from 16.67 on."""
    world = World((TrainedTrial(0, 40),), (((0.1, 40, 0), (0.2, 39, 12)),), ((0, 1),))
    steps = steps_of(world, world.recorded(SelectionRule.TRADE_OFF, None, Decimal(9)))
    assert [(step.margin_points, step.free_neurons) for step in steps if step.margin_points < 9] == [
        (Decimal(0), 0), (Decimal("2.5"), 12)]
    dear = World((TrainedTrial(0, 40),), (((0.1, 40, 0), (0.2, 39, 1)),), ((0, 1),))
    steps = steps_of(dear, dear.recorded(SelectionRule.TRADE_OFF, None, Decimal(9)))
    assert [(step.margin_points, step.free_neurons) for step in steps if step.margin_points > 9] == [
        (Decimal("9.01"), 0), (Decimal("16.67"), 1)]


@given(total=st.integers(1, 200_000), share=st.integers(0, 1000))
def test_the_grid_has_ten_margins_a_sample_and_tells_the_first_that_loses_it(total: int, share: int) -> None:
    grid, lost = Grid.of(total), total * share // 1000
    assert grid.scale * 100 >= 10 * total or total <= 1000
    first = grid.first_losing(lost)
    assert required_correct(total, total, grid.points(first)) == total - lost
    if first:
        assert required_correct(total, total, grid.points(first - 1)) > total - lost


def test_margins_are_told_as_they_are_recorded() -> None:
    assert [str(Grid(359, 2).points(each)) for each in (0, 5, 28, 100, 2000)] == ["0", "0.05", "0.28", "1", "20"]
    assert Grid(359, 2).after(Decimal("0.123")) == Decimal("0.13") and Grid(359, 2).after(Decimal("0.12")) == Decimal("0.13")
