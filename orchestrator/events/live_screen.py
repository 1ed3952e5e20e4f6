"""The content of the live screen as a rich renderable: a function of the tally, the last lines and the terminal's size."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from orchestrator.events.console import Tone, alpha_words, duration
from orchestrator.events.stats import Running, Tally

NARROWEST = 20
"""Minimum number of columns; a narrower terminal is treated as if it had this many."""

FEWEST_EVENTS = 3
"""Minimum number of event lines, however many trials run."""


STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.BAD: "red"}


@dataclass(frozen=True, slots=True)
class Signs:
    """Characters of the task strip and the bars, for terminals with or without Unicode."""

    done: str
    now: str
    to_come: str
    full: str
    empty: str
    rule: str
    more: str


UNICODE = Signs("■", "▶", "·", "━", "─", "─", "…")
ASCII = Signs("#", ">", ".", "=", "-", "-", "...")


@dataclass(frozen=True, slots=True)
class Happened:
    """An event line with its time of day."""

    at: str
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class ScreenContent:
    """One frame of the live screen.

    Attributes:
        tally: the state of the run.
        happened: the last lines, oldest first; as many as fit are shown.
        now: the time of the tally's clock.
        height: lines of the terminal. The frame has one less, so that nothing scrolls.
        signs: characters that the terminal can show.
    """

    tally: Tally
    happened: Sequence[Happened]
    now: float
    height: int
    signs: Signs = UNICODE

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines from top to bottom, none wider than the terminal."""
        width = max(NARROWEST, options.max_width)
        top = [self._title(width), self._strip(width), self._bar(width), Text()]
        bottom = [Text(), self._hint(width)]
        left = max(0, self.height - 1 - len(top) - len(bottom))
        running = sorted(self.tally.running.items())
        events = min(len(self.happened), max(min(FEWEST_EVENTS, left - 2), left - len(running) - 4, 0))
        table_lines = max(0, left - events - (1 if events else 0))
        middle = self._running(running, table_lines, width)
        lines = [*top, *middle]
        if events:
            lines += [self._rule(width), *(self._event(line, width) for line in self.happened[-events:])]
        yield from [*lines, *bottom][:max(1, self.height - 1)]

    def _title(self, width: int) -> Text:
        tally = self.tally
        where = tally.step_text or (f"{tally.doing} task {tally.task} of {len(tally.tasks)}" if tally.task else tally.doing)
        time = _clock(self.now - tally.began)
        title = Text.assemble((f"run {tally.run}", "bold"), " is running: ", (where, "cyan"),
                              f", {tally.parallel} side by side")
        self._fit(title, max(1, width - len(time) - 1))
        title.append(" " * max(1, width - title.cell_len - len(time)))
        title.append(time, "dim")
        return title

    def _strip(self, width: int) -> Text:
        """Return one sign per task; if there are too many, those around the current task."""
        tally, text = self.tally, Text.assemble(("tasks ", "dim"))
        many = len(tally.tasks)
        numbered = sum(len(str(task)) + 3 for task in range(1, many + 1)) <= width - 6
        room = many if numbered else min(many, max(4, width - 24))
        first = max(1, min(tally.task - room // 2, many - room + 1))
        for task in range(first, first + room):
            done, now = task in tally.committed_tasks, task == tally.task and task not in tally.committed_tasks
            sign, style = ((self.signs.done, "green") if done else (self.signs.now, "bold cyan") if now else
                           (self.signs.to_come, "dim"))
            text.append(f"{task} {sign} " if numbered else sign, style)
        if not numbered:
            text.append(f"  {len(tally.committed_tasks)} of {many} done")
        text.truncate(width)
        return text

    def _bar(self, width: int) -> Text:
        tally, fraction = self.tally, self.tally.fraction_done()
        seconds = tally.seconds_left()
        left = "" if seconds is None else f", about {duration(seconds)} left"
        words = f" {100 * fraction:3.0f} %  {tally.trials_ended:,} of {tally.trials_total:,} trials{left}"
        cells = max(0, min(60, width - len(words)))
        full = int(cells * fraction)
        bar = Text()
        bar.append(self.signs.full * full, "green")
        bar.append(self.signs.empty * (cells - full), "dim")
        bar.append(words)
        self._fit(bar, width)
        return bar

    def _running(self, running: Sequence[tuple[int, Running]], lines: int, width: int) -> list[Text]:
        """Return the table of running trials: the first ones, how many more there are, and the best so far."""
        tally = self.tally
        best = Text("no result yet" if tally.best_trial is None and not tally.best else
                    f"best so far {tally.best:.2%}" + ("" if tally.best_trial is None else f", trial {tally.best_trial}"))
        best.append(f"   {tally.ended_here:,} of {tally.trials_here:,} trials of this task have ended", "dim")
        self._fit(best, width)
        if not running or lines < 4:
            few = Text.assemble((f"{len(running):,} running   " if running else "no trial runs   ", "dim"), best)
            self._fit(few, width)
            return [few][:lines]
        rows = running if len(running) <= lines - 2 else running[:lines - 3]
        cells = [("trial", "α" if self.signs is UNICODE else "alpha", "rate", "epoch", "val %", "seconds")]
        cells += [(str(number), alpha_words(trial.point) if trial.role.can_be_chosen else trial.role.value,
                   f"{trial.point.learning_rate:g}",
                   f"{trial.epoch}/{trial.epochs}" if trial.epochs else "starts",
                   "" if trial.accuracy is None else f"{100 * trial.accuracy:.2f}", f"{self.now - trial.began:.0f}")
                  for number, trial in rows]
        table = [self._row(row, [max(len(line[column]) for line in cells) for column in range(6)], width, index == 0)
                 for index, row in enumerate(cells)]
        if len(rows) < len(running):
            table.append(Text(f"{self.signs.more} and {len(running) - len(rows):,} more", "dim"))
        return [*table, best]

    def _row(self, cells: Sequence[str], widths: Sequence[int], width: int, heading: bool) -> Text:
        """Return a table row; α is cut if the terminal is too narrow."""
        most = max(5, width - sum(widths) + widths[1] - 2 * (len(widths) - 1))
        alpha = cells[1] if len(cells[1]) <= most else cells[1][:most - len(self.signs.more)] + self.signs.more
        shown = [cells[0].rjust(widths[0]), alpha.rjust(min(most, widths[1])),
                 *(cell.rjust(each) for cell, each in zip(cells[2:], widths[2:], strict=True))]
        row = Text("  ".join(shown), "dim" if heading else "")
        row.truncate(width)
        return row

    def _fit(self, text: Text, width: int) -> None:
        """Truncate text that is too long, with an ellipsis."""
        if text.cell_len > width:
            text.truncate(max(0, width - len(self.signs.more)))
            text.append(self.signs.more)

    def _rule(self, width: int) -> Text:
        return Text(self.signs.rule * width, "dim")

    def _event(self, line: Happened, width: int) -> Text:
        text = Text.assemble((f"{line.at}  ", "dim"), (line.text, STYLES[line.tone]))
        self._fit(text, width)
        return text

    def _hint(self, width: int) -> Text:
        hint = Text(f"Ctrl-C stops cleanly, and so does `clnp stop {self.tally.run}` anywhere; "
                    f"`clnp resume {self.tally.run}` continues", "dim")
        self._fit(hint, width)
        return hint


def _clock(seconds: float) -> str:
    """``0:07``, ``12:34``, ``1:02:03``."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
