"""A live screen while a driver runs; important lines stay in the terminal afterwards.

Only the screen's thread draws, a whole frame in one write; the driver's steps only update the state. So a signal handler, which
may run at any moment, needs only the terminal: it removes the screen and writes its line.
"""

import contextlib
import io
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console

from clnp_core.values import TrialRole
from orchestrator.config.sweep_section import GridPoint
from orchestrator.events import console
from orchestrator.events.console import ConsoleProgress, Tone
from orchestrator.events.live_screen import ASCII, UNICODE, Happened, ScreenContent
from orchestrator.events.stats import Tally
from orchestrator.render.output import printable

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
"""Switch to the alternate screen and hide the cursor."""

LEAVE = "\x1b[?25h\x1b[?1049l"
"""Leave the alternate screen."""

REDRAW_SECONDS = 0.5
LINES_KEPT = 200
"""Number of lines kept; more than a terminal has."""


def can_show(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that can show a live screen."""
    return stream.isatty() and environment.get("TERM", "dumb") not in ("", "dumb", "unknown")


@dataclass
class LiveProgress(ConsoleProgress):
    """A screen on a terminal until the driver is asked to stop or closes the progress; plain lines before and after.

    ``stream`` is the terminal. Its scrollback keeps the start, every task, selection, commit, failure and notice.
    """

    time_of_day: Callable[[], str] = lambda: time.strftime("%H:%M:%S")
    no_color: bool = False
    _kept: list[str] = field(default_factory=list)
    _happened: deque[Happened] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    _shown: bool = False
    _changes: threading.Lock = field(default_factory=threading.Lock)  # guards the state; never taken in a signal handler
    _drawing: threading.Lock = field(default_factory=threading.Lock)  # taken by the screen's thread and to leave the screen
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        with self._changes:
            if self._shown:  # shown in the title, and irrelevant after the screen
                Tally.step(self, run, text, task)
                self._happened.append(Happened(self.time_of_day(), console.step_line(text)))
            else:
                super().step(run, text, task)

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        with self._changes:
            super().run_started(run, trials_by_task, parallel, done, pack)
        if not self._over.is_set():
            self._shown = True
            self._write(ENTER)
            self._thread = threading.Thread(target=self._draw_on, name="clnp-screen", daemon=True)
            self._thread.start()

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        with self._changes:
            super().stage_started(task, trials, finished)

    def trial_started(self, number: int, point: GridPoint, role: TrialRole = TrialRole.CANDIDATE) -> None:
        with self._changes:
            super().trial_started(number, point, role)

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        with self._changes:
            if self._shown:
                Tally.trial_epoch(self, number, epoch, epochs, accuracy)
            else:
                super().trial_epoch(number, epoch, epochs, accuracy)

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        with self._changes:
            if self._shown:
                Tally.trial_finished(self, number, accuracy, seconds)
            else:
                super().trial_finished(number, accuracy, seconds)

    def trial_failed(self, number: int, reason: str) -> None:
        with self._changes:
            if self._shown:
                Tally.trial_failed(self, number, reason)
                self.say(f"  task {self.task}, trial {number} failed: {reason.splitlines()[0]}", Tone.BAD)
            else:
                super().trial_failed(number, reason)

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        with self._changes:
            super().selecting(picked, best_accuracy)

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        with self._changes:
            super().committed(task, chosen, test_accuracy, used_percent, digest)

    def notice(self, text: str) -> None:
        with self._changes:
            super().notice(text)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a line on the screen and keep it for afterwards; without a screen, print it."""
        if not self._shown:
            super().say(text, tone)
            return
        text = printable(text)
        self._kept.append(text)
        self._happened.extend(Happened(self.time_of_day(), line.strip(), tone) for line in text.splitlines())

    def stopping(self, reason: str) -> None:
        """Remove the screen at once, and write the line below the kept lines."""
        self._leave(printable(f"{console.stopping_line(reason)}\n"))

    def close(self) -> None:
        self._leave("")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5 * REDRAW_SECONDS)

    def _leave(self, last: str) -> None:
        """Remove the screen and write the kept lines. The main thread never holds the drawing lock when a signal arrives, so
        the wait for it is short; a blocked terminal is not waited for."""
        held = self._drawing.acquire(timeout=2 * REDRAW_SECONDS)
        try:
            self._over.set()
            shown, self._shown = self._shown, False
            lines, self._kept = self._kept, []
            text = (LEAVE if shown else "") + "".join(f"{line}\n" for line in lines) + last
            if text:
                self._write(text)
        finally:
            if held:
                self._drawing.release()

    def _draw_on(self) -> None:
        before, size = "", os.terminal_size((0, 0))
        while not self._over.is_set():
            with contextlib.suppress(OSError, ValueError):
                now = os.get_terminal_size(self.stream.fileno())
                picture = self.picture(now)
                with self._drawing:
                    if not self._over.is_set() and (picture != before or now != size):
                        self._write(("\x1b[2J" if now != size else "") + picture)
                before, size = picture, now
            self._over.wait(REDRAW_SECONDS)

    def picture(self, size: os.terminal_size) -> str:
        """Return the whole screen as text with escape codes, starting in the upper left corner."""
        columns, lines = size.columns or 80, size.lines or 24
        unicode = "utf" in (self.stream.encoding or "").lower()
        drawn = io.StringIO()
        console = Console(file=drawn, force_terminal=True, width=columns, height=lines, no_color=self.no_color,
                          color_system="standard", legacy_windows=False, highlight=False, markup=False, emoji=False)
        with self._changes:
            console.print(ScreenContent(self, tuple(self._happened), self.clock(), lines, UNICODE if unicode else ASCII),
                          no_wrap=True, overflow="crop")
        rows = drawn.getvalue().splitlines()
        return "\x1b[H" + "".join(f"{row}\x1b[K\r\n" for row in rows) + "\x1b[J"

    def _write(self, text: str) -> None:
        """Write without Python's buffers, which may be in any state in a signal handler."""
        data = text.encode(self.stream.encoding or "utf-8", errors="backslashreplace")
        with contextlib.suppress(OSError, ValueError):
            while data:
                data = data[os.write(self.stream.fileno(), data):]
