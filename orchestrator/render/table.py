"""Tables as plain text: aligned, never coloured, never cut off.

A table that is too wide for the terminal wraps its prose columns; in a pipe every row is one line.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

GAP = "  "
NARROWEST_PROSE = 14
"""Minimum width of a wrapped prose column."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title and alignment: numbers are right-aligned; prose may be wrapped."""

    title: str
    right: bool = False
    prose: bool = False


def number(title: str) -> Column:
    """Return a column of numbers."""
    return Column(title, right=True)


def prose(title: str) -> Column:
    """Return a column of sentences."""
    return Column(title, prose=True)


def render(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None, gap: str = GAP) -> str:
    """Return the table, without a trailing newline.

    Args:
        columns: from left to right.
        rows: one text per column each; control characters in them are shown escaped.
        width: line width in characters, if limited.
        gap: separator of columns.
    """
    clean = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(column.title), *(len(row[index]) for row in clean)) if clean else len(column.title)
              for index, column in enumerate(columns)]
    if width is not None:
        _squeeze(columns, widths, width - len(gap) * (len(widths) - 1))
    lines = [_line(columns, [column.title for column in columns], widths, gap), gap.join("-" * each for each in widths)]
    for row in clean:
        lines += _wrapped(columns, row, widths, gap)
    return "\n".join(lines)


def one_line(text: str) -> str:
    """Return text as one printable line: white space becomes single spaces, control characters are escaped."""
    spaced = " ".join(text.split())
    if spaced.isprintable():
        return spaced
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in spaced)


def _squeeze(columns: Sequence[Column], widths: list[int], available: int) -> None:
    """Shrink the widest prose column repeatedly until the table fits."""
    flexible = [index for index, column in enumerate(columns) if column.prose]
    excess = sum(widths) - available
    while excess > 0:
        index = max(flexible, key=lambda each: widths[each], default=None)
        if index is None or widths[index] <= max(NARROWEST_PROSE, len(columns[index].title)):
            return
        widths[index] -= 1
        excess -= 1


def _wrapped(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int], gap: str) -> list[str]:
    cells = [textwrap.wrap(cell, each, break_on_hyphens=False) if column.prose and len(cell) > each else [cell]
             for column, cell, each in zip(columns, row, widths, strict=True)]
    height = max(len(cell) for cell in cells)
    return [_line(columns, [cell[index] if index < len(cell) else "" for cell in cells], widths, gap)
            for index in range(height)]


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int], gap: str) -> str:
    padded = [cell.rjust(each) if column.right else cell.ljust(each)
              for column, cell, each in zip(columns, cells, widths, strict=True)]
    return gap.join(padded).rstrip()
