"""What a person reads while a run goes on, in a log or a pipe."""

import io

import pytest

from clnp_core.values import TrialRole
from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.console import ConsoleProgress

SHARED, PER_LAYER = GridPoint((1e-4,) * 3, 0.01), GridPoint((1e-7, 1e-5, 1e-6), 0.002)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def started(stream: io.StringIO, clock: Clock) -> ConsoleProgress:
    """Two tasks of two trials, the first under way."""
    progress = ConsoleProgress(clock, stream=stream)
    progress.run_started("demo", [2, 2], 2, [0, 0])
    progress.stage_started(1, 2, 0)
    return progress


def test_a_pipe_gets_plain_lines(clock: Clock) -> None:
    stream = io.StringIO()
    progress = started(stream, clock)
    progress.trial_started(0, SHARED)
    progress.trial_started(1, PER_LAYER)
    progress.trial_finished(1, 0.9, 10.0)
    progress.trial_failed(0, "the loss became nan in epoch 3\nmore")
    progress.selecting([1], 0.9)
    clock.now = 17.0
    progress.committed(1, 1, 0.89, [10.4, 52.0], "ab" * 32)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "run demo: 2 tasks, 4 trials, 4 of them still to run, 2 side by side",
        "task 1 of 2: sweeping 2 trials",
        "  1/2  trial 1, α [1e-07, 1e-05, 1e-06], rate 0.002: 90.00% in 10.0 s; best 90.00%, about 35 s left",
        "  2/2  trial 0, α 0.0001, rate 0.01: failed, the loss became nan in epoch 3; best 90.00%, about 30 s left",
        "  best on validation 90.00%; pruning what is within the margin: trial 1",
        "  committed task 1: trial 1, 89.00% on test after pruning, neurons used 10 % / 52 %",
    ]


def test_what_takes_a_while_is_told_before_it_begins(clock: Clock) -> None:
    stream = io.StringIO()
    progress = ConsoleProgress(clock, stream=stream)
    progress.step("demo", "starting Ray on this machine")
    progress.run_started("demo", [2], 2, [0])
    progress.step("demo", "loading task 1", 1)
    progress.stage_started(1, 2, 0)
    progress.step("demo", "starting 2 workers", 1)
    assert stream.getvalue().splitlines() == [
        "starting Ray on this machine …",
        "run demo: 1 task, 2 trials, 2 of them still to run, 2 side by side",
        "loading task 1 …",
        "task 1 of 1: sweeping 2 trials",
        "  starting 2 workers …",
    ]


def test_packs_are_counted_as_packs(clock: Clock) -> None:
    stream = io.StringIO()
    ConsoleProgress(clock, stream=stream).run_started("demo", [32], 2, [0], pack=16)
    assert stream.getvalue() == "run demo: 1 task, 32 trials, 32 of them still to run, 2 packs of 16 side by side\n"


def test_a_resumed_stage_says_what_is_recorded(clock: Clock) -> None:
    stream = io.StringIO()
    progress = ConsoleProgress(clock, stream=stream)
    progress.run_started("demo", [3], 1, [2])
    progress.stage_started(1, 3, 2)
    assert "1 of them still to run" in stream.getvalue()
    assert stream.getvalue().endswith("task 1 of 1: sweeping 3 trials, 2 already recorded\n")


def test_a_later_commit_says_what_it_proved(clock: Clock) -> None:
    stream = io.StringIO()
    progress = started(stream, clock)
    progress.stage_started(2, 2, 0)
    progress.committed(2, 0, 0.9, [50.0], "cd" * 32)
    assert stream.getvalue().endswith("neurons used 50 %; all earlier tasks bit-identical\n")


def test_long_trials_tell_a_pipe_how_far_they_are(clock: Clock) -> None:
    stream = io.StringIO()
    progress = started(stream, clock)
    progress.trial_started(0, SHARED)
    progress.trial_epoch(0, 1, 8, 0.5)
    clock.now = 30.0
    progress.trial_epoch(0, 3, 8, 0.6)
    progress.trial_epoch(0, 4, 8, 0.7)
    assert [line for line in stream.getvalue().splitlines() if "epoch" in line] == [
        "  task 1, trial 0, α 0.0001, rate 0.01: epoch 4 of 8, 70.00% on validation"]


def test_a_teacher_has_no_alpha_and_is_never_the_best(clock: Clock) -> None:
    stream = io.StringIO()
    progress = started(stream, clock)
    progress.trial_started(1, SHARED, TrialRole.TEACHER)
    progress.trial_finished(1, 0.99, 2.0)
    assert stream.getvalue().splitlines()[-1].startswith("  1/2  trial 1, teacher, rate 0.01: 99.00% in 2.0 s, about ")
    progress.trial_started(0, SHARED)
    progress.trial_finished(0, 0.9, 2.0)
    assert "trial 0, α 0.0001, rate 0.01: 90.00% in 2.0 s; best 90.00%" in stream.getvalue()


def test_before_the_first_result_there_is_no_best(clock: Clock) -> None:
    stream = io.StringIO()
    progress = started(stream, clock)
    progress.trial_failed(0, "the loss became nan in epoch 3")
    assert stream.getvalue().endswith("\n  1/2  trial 0: failed, the loss became nan in epoch 3\n")


def test_a_terminal_gets_the_same_lines(clock: Clock) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    progress = started(stream, clock)
    progress.trial_started(0, SHARED)
    progress.trial_epoch(0, 2, 8, 0.5)
    progress.close()
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()
    assert stream.getvalue().endswith("task 1 of 2: sweeping 2 trials\n")


@pytest.mark.parametrize(("seconds", "words"), [(40.0, "about 60 s left"), (400.0, "about 7 min left"),
                                                (9000.0, "about 2.5 h left")])
def test_the_time_left(clock: Clock, seconds: float, words: str) -> None:
    """Two more trials side by side on the second task, and what its stage costs beside them."""
    stream = io.StringIO()
    progress = started(stream, clock)
    progress.trial_started(0, SHARED)
    progress.trial_started(1, SHARED)
    progress.trial_finished(0, 0.9, seconds)
    progress.trial_finished(1, 0.9, seconds)
    assert stream.getvalue().rstrip().endswith(words)
