"""The live screen at the sizes that terminals have."""

import io

import pytest
from rich.console import Console

from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.console import Tone
from orchestrator.events.live_screen import ASCII, UNICODE, Happened, ScreenContent, Signs
from orchestrator.events.stats import Tally

POINT, LONG = GridPoint((3e-4,) * 3, 0.01), GridPoint((1e-7, 1e-5, 1e-6, 1e-4, 1e-3), 0.002)


def lines(tally: Tally, width: int = 80, height: int = 24, happened: int = 2, signs: Signs = UNICODE) -> list[str]:
    """The screen as text."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, color_system=None, legacy_windows=False)
    said = [Happened("08:00:00", f"line {number} " + "x" * 300, Tone.GOOD) for number in range(happened)]
    console.print(ScreenContent(tally, said, 75.0, height, signs), no_wrap=True, overflow="crop")
    return file.getvalue().splitlines()


def busy(running: int = 2, tasks: int = 5, trials: int = 400) -> Tally:
    """A run in its second task, with so many trials at work."""
    tally = Tally(clock=lambda: 0.0)
    tally.run_started("demo", [trials] * tasks, running, [0] * tasks)
    tally.stage_started(1, trials, trials)
    tally.committed(1, 3, 0.97, [5.0], "ab")
    tally.stage_started(2, trials, 0)
    for number in range(running):
        tally.trial_started(number, LONG if number % 2 else POINT)
        tally.trial_epoch(number, 12, 40, 0.9721)
    tally.trial_started(1000, POINT)
    tally.trial_finished(1000, 0.9861, 4.0)
    return tally


def test_everything_that_is_asked_of_a_screen_is_on_it() -> None:
    shown = lines(busy())
    assert shown[0] == "run demo is running: sweeping task 2 of 5, 2 side by side" + " " * 19 + "1:15"
    assert shown[1].rstrip() == "tasks 1 ■ 2 ▶ 3 · 4 · 5 ·"
    assert shown[2].endswith("20 %  401 of 2,000 trials, about 53 min left") and shown[2].startswith("━━━━")
    assert [line.split() for line in shown[4:7]] == [
        ["trial", "α", "rate", "epoch", "val", "%", "seconds"], ["0", "0.0003", "0.01", "12/40", "97.21", "75"],
        ["1", "[1e-07,", "1e-05,", "1e-06,", "0.0001,", "0.001]", "0.002", "12/40", "97.21", "75"]]
    assert shown[7] == "best so far 98.61%, trial 1000   1 of 400 trials of this task have ended"
    assert shown[9].startswith("08:00:00  line 0 xxx") and shown[9].endswith("…")
    assert shown[-1] == "Ctrl-C stops cleanly, and so does `clnp stop demo` anywhere; `clnp resume demo`…"


@pytest.mark.parametrize("signs", [UNICODE, ASCII])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (50, 12), (30, 8), (20, 5), (10, 4), (1, 1)])
@pytest.mark.parametrize(("running", "tasks"), [(0, 1), (2, 5), (200, 300)])
def test_no_line_is_too_long_and_none_too_many(width: int, height: int, running: int, tasks: int, signs: Signs) -> None:
    shown = lines(busy(running, tasks) if tasks > 1 else Tally(clock=lambda: 0.0), width, height, 100, signs)
    assert 1 <= len(shown) <= max(1, height - 1)
    assert max(map(len, shown)) <= width
    assert signs is UNICODE or "".join(shown).replace("α", "").isascii()


def test_of_two_hundred_trials_the_first_are_shown_and_the_others_counted() -> None:
    shown = lines(busy(200), happened=100)
    numbers = [int(line.split()[0]) for line in shown if line.split()[:1] and line.split()[0].isdigit()]
    assert numbers == list(range(len(numbers))) and len(numbers) >= 8
    assert f"… and {200 - len(numbers)} more" in shown
    assert sum(line.startswith("08:00:00") for line in shown) == 3
    assert "line 99" in "".join(shown), "the latest of what happened"
    assert len([line for line in lines(busy(200), 200, 60) if "12/40" in line]) > 40


def test_very_many_tasks_are_shown_around_the_one_at_hand() -> None:
    strip = lines(busy(2, 300))[1]
    assert strip.startswith("tasks ■▶····") and strip.endswith("  1 of 300 done")


def test_where_there_is_no_room_for_a_table_the_count_and_the_best_remain() -> None:
    assert "2 running   best so far 98.61%, trial 1000   1 of…" in lines(busy(), 50, 10)


def test_before_anything_is_known() -> None:
    tally = Tally(clock=lambda: 0.0)
    tally.run_started("demo", [3], 1, [0])
    shown = "\n".join(lines(tally, happened=0))
    assert "run demo is running: starting, 1 side by side" in shown and "no trial runs   no result yet" in shown
    assert "0 %  0 of 3 trials\n" in shown
