"""What the steps of a run add up to."""

import pytest

from db.states import RunState
from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.stats import STAGE_SECONDS, Tally

POINT = GridPoint((1e-4,) * 3, 0.01)


def tally(done: int = 0) -> Tally:
    """Two tasks of four trials, two side by side, the first under way."""
    counted = Tally(clock=lambda: 0.0)
    counted.run_started("demo", [4, 4], 2, [done, 0])
    counted.stage_started(1, 4, done)
    return counted


def test_trials_under_way_count_by_their_epochs() -> None:
    counted = tally()
    counted.trial_started(0, POINT)
    counted.trial_started(1, POINT)
    assert counted.fraction_done() == 0
    counted.trial_epoch(0, 5, 10, 0.5)
    assert counted.fraction_done() == pytest.approx(0.5 / 8)
    counted.trial_finished(0, 0.9, 10.0)
    counted.trial_failed(1, "nan")
    assert (counted.trials_ended, counted.trials_total, counted.fraction_done()) == (2, 8, 0.25)
    assert (counted.ended_here, counted.trials_here, dict(counted.running)) == (2, 4, {})


def test_the_time_left_is_unknown_before_the_first_result_and_shrinks_within_a_trial() -> None:
    counted = tally()
    assert counted.seconds_left() is None
    counted.trial_started(0, POINT)
    counted.trial_finished(0, 0.9, 10.0)
    whole = counted.seconds_left()
    assert whole == pytest.approx(10.0 * 7 / 2 + 2 * STAGE_SECONDS)
    counted.trial_started(1, POINT)
    counted.trial_epoch(1, 8, 10, 0.5)
    assert counted.seconds_left() == pytest.approx(whole - 0.8 * 10.0 / 2)


def test_the_best_of_a_task_is_forgotten_with_it() -> None:
    counted = tally()
    assert counted.best_trial is None
    counted.trial_finished(2, 0.0, 1.0)
    counted.trial_finished(3, 0.8, 1.0)
    counted.trial_finished(1, 0.7, 1.0)
    assert (counted.best, counted.best_trial) == (0.8, 3)
    counted.selecting([3], 0.8)
    counted.committed(1, 3, 0.79, [10.0], "ab")
    counted.stage_started(2, 4, 0)
    assert (counted.best, counted.best_trial, counted.committed_tasks) == (0.0, None, {1})


def test_what_is_recorded_already_is_done() -> None:
    counted = tally(done=3)
    assert (counted.trials_ended, counted.ended_here) == (3, 3)
    counted.trial_epoch(7, 1, 2, 0.5)  # of no trial that is known
    counted.ended("demo", RunState.STOPPED, "")
    assert counted.fraction_done() == 3 / 8


def test_a_task_that_is_only_committed_costs_no_more_than_the_time_since_the_driver_began() -> None:
    now = iter([1e6, 1e6 + 5, 1e6 + 6, 1e6 + 6, 1e6 + 16])
    counted = Tally(clock=lambda: next(now))
    counted.run_started("demo", [1, 1], 1, [1, 0])
    counted.committed(1, 0, 0.9, [10.0], "ab")
    counted.stage_started(2, 1, 0)
    counted.trial_started(0, POINT)
    counted.trial_finished(0, 0.9, 10.0)
    assert counted.seconds_left() == pytest.approx(5)
