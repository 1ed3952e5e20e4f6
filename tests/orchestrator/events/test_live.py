"""The live screen on a real pseudo-terminal: there while a driver runs, gone afterwards, and gone at once for a stop."""

import fcntl
import os
import pty
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.live import ENTER, LEAVE, LiveProgress, can_show

POINT = GridPoint((3e-4,) * 3, 0.01)


@dataclass
class Terminal:
    """A pseudo-terminal, and all that was written to it."""

    controller: int
    device: int
    written: bytearray = field(default_factory=bytearray)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_on(self) -> None:
        while True:
            try:
                self.written += os.read(self.controller, 65536)
            except OSError:
                return

    @property
    def text(self) -> str:
        return self.written.decode().replace("\r\n", "\n")

    def wait_for(self, words: str, behind: int = 0) -> None:
        deadline = time.monotonic() + 60
        while words not in self.text[behind:]:
            assert time.monotonic() < deadline, self.text[-2000:]
            time.sleep(0.02)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal(*pty.openpty())
    made.resize(80, 24)
    reader = threading.Thread(target=made.read_on, daemon=True)
    reader.start()
    yield made
    os.close(made.device)
    reader.join(timeout=10)
    os.close(made.controller)


@pytest.fixture
def progress(terminal: Terminal) -> Iterator[LiveProgress]:
    """A run of two tasks, in its first."""
    with os.fdopen(os.dup(terminal.device), "w", encoding="utf-8") as stream:
        shown = LiveProgress(stream=stream)
        shown.notice("before the run")
        shown.run_started("demo", [2, 2], 2, [0, 0])
        shown.stage_started(1, 2, 0)
        shown.trial_started(0, POINT)
        shown.trial_epoch(0, 3, 8, 0.5)
        yield shown
        shown.close()


def test_the_screen_is_there_and_then_gone_and_what_matters_stays(terminal: Terminal, progress: LiveProgress) -> None:
    terminal.wait_for("3/8")
    assert terminal.text.startswith(
        f"before the run\nrun demo: 2 tasks, 4 trials, 4 of them still to run, 2 side by side\n{ENTER}")
    progress.trial_finished(0, 0.9, 4.0)
    progress.trial_failed(1, "the loss became nan\nin epoch 3")
    progress.selecting([0], 0.9)
    progress.committed(1, 0, 0.89, [10.4, 52.0], "ab" * 32)
    terminal.wait_for("committed task 1: trial 0")
    progress.close()
    terminal.wait_for(LEAVE)
    progress.notice("after the screen")
    terminal.wait_for("after the screen\n")
    assert terminal.text.rpartition(LEAVE)[2].splitlines() == [
        "task 1 of 2: sweeping 2 trials",
        "  task 1, trial 1 failed: the loss became nan",
        "  best on validation 90.00%; pruning what is within the margin: trial 0",
        "  committed task 1: trial 0, 89.00% on test after pruning, neurons used 10 % / 52 %",
        "after the screen"]
    assert terminal.text.count(ENTER) == terminal.text.count(LEAVE) == 1


def test_a_step_is_on_the_screen_until_something_else_happens_and_leaves_no_line(terminal: Terminal,
                                                                                 progress: LiveProgress) -> None:
    terminal.wait_for("3/8")
    progress.step("demo", "loading task 2", 2)
    terminal.wait_for("loading task 2")
    size = os.terminal_size((80, 24))
    assert "loading task 2" in progress.picture(size).splitlines()[0]
    progress.trial_started(1, POINT)
    assert "loading task 2" not in progress.picture(size).splitlines()[0]
    progress.close()
    progress.notice("after the screen")
    terminal.wait_for("after the screen\n")
    assert terminal.text.rpartition(LEAVE)[2].splitlines() == ["task 1 of 2: sweeping 2 trials", "after the screen"]


def test_a_stop_takes_the_screen_away_at_once_and_lines_follow(terminal: Terminal, progress: LiveProgress) -> None:
    terminal.wait_for("3/8")
    progress.stopping("clnp stop")
    terminal.wait_for("stopping cleanly (clnp stop)\n")
    progress.trial_finished(0, 0.9, 4.0)
    progress.close()
    terminal.wait_for("best 90.00%, about ")
    assert terminal.text.rpartition(LEAVE)[2].splitlines() == [
        "task 1 of 2: sweeping 2 trials", "stopping cleanly (clnp stop)",
        "  1/2  trial 0, α 0.0003, rate 0.01: 90.00% in 4.0 s; best 90.00%, about 26 s left"]


def test_a_signal_in_the_middle_of_a_step_is_told_at_once(terminal: Terminal, progress: LiveProgress) -> None:
    """The step holds what the screen's thread needs, and the handler must need none of it."""
    before = signal.signal(signal.SIGUSR1, lambda number, frame: progress.stopping("Ctrl-C"))
    try:
        with progress._changes:
            os.kill(os.getpid(), signal.SIGUSR1)
            terminal.wait_for("stopping cleanly (Ctrl-C); once more to interrupt at once\n")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert LEAVE in terminal.text


def test_a_resized_terminal_is_drawn_anew(terminal: Terminal, progress: LiveProgress) -> None:
    terminal.wait_for("3/8")
    assert progress.picture(os.terminal_size((80, 24))).count("\r\n") <= 23
    so_far = len(terminal.text)
    terminal.resize(40, 10)
    terminal.wait_for("\x1b[2J", so_far)
    terminal.wait_for("─" * 40 + "\x1b", so_far)


@pytest.mark.parametrize(("no_color", "has_color"), [(True, False), (False, True)])
def test_without_colour_there_is_none(progress: LiveProgress, no_color: bool, has_color: bool) -> None:
    progress.no_color = no_color
    assert ("\x1b[36m" in progress.picture(os.terminal_size((80, 24)))) is has_color


def test_a_terminal_without_unicode_gets_none(terminal: Terminal) -> None:
    with os.fdopen(os.dup(terminal.device), "w", encoding="ascii") as stream:
        shown = LiveProgress(stream=stream)
        shown.run_started("demo", [2, 2], 2, [0, 0])
        shown.trial_started(0, POINT)
        shown.close()
        assert shown.picture(os.terminal_size((80, 24))).isascii()


@pytest.mark.parametrize(("term", "shows"), [
    ("xterm-256color", True), ("screen", True), ("dumb", False), ("", False), (None, False)])
def test_what_can_show_a_screen(terminal: Terminal, term: str | None, shows: bool) -> None:
    with os.fdopen(os.dup(terminal.device), "w") as stream:
        assert can_show(stream, {} if term is None else {"TERM": term}) is shows


def test_a_pipe_can_show_none(pipe: Callable[[], int]) -> None:
    with os.fdopen(pipe(), "w") as stream:
        assert not can_show(stream, {"TERM": "xterm"})


@pytest.fixture
def pipe() -> Iterator[Callable[[], int]]:
    reader, writer = os.pipe()
    yield lambda: writer
    os.close(reader)
