"""Base classes of handles: what they refer to, and their display as text in a console and as HTML in a notebook."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from clnp_core.errors import ClnpError
from orchestrator.notebook.figure_handle import Figure, Figures
from orchestrator.render.table import Column, one_line, render
from orchestrator.runs.location import Place

ROWS = 30
"""Maximum number of rows that a handle displays; its DataFrames have all."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A heading with a table of text cells. Without titles the columns are names and values. ``total``: number of all rows, if
    not all are given; ``notes``: sentences below the table."""

    heading: str
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[str]] = ()
    total: int = 0
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return text for a console."""
        if not self.rows:
            return self.heading
        if self._has_titles:
            table = render(self.columns, self.rows[:ROWS])
        else:
            longest = max(len(name) for name, _ in self.rows)
            table = "\n".join(f"{name.ljust(longest)}  {one_line(value)}" for name, value in self.rows[:ROWS])
        notes = ["", *map(one_line, self.notes)] if self.notes else []
        return "\n".join([self.heading, "", table, *self._left_out, *notes])

    def html(self) -> str:
        """Return HTML for a notebook; all text is escaped, and only the alignment of numbers is styled."""
        lines = [f"<p>{escape(one_line(self.heading))}</p>"]
        if self.rows:
            lines.append("<table>")
            if self._has_titles:
                titles = "".join(self._cell("th", column, column.title) for column in self.columns)
                lines.append(f"<thead><tr>{titles}</tr></thead>")
            lines.append("<tbody>")
            for row in self.rows[:ROWS]:
                cells = (self._cell("td", column, cell) for column, cell in zip(self.columns, row, strict=True))
                lines.append(f"<tr>{''.join(cells)}</tr>")
            lines += ["</tbody>", "</table>"]
        return "\n".join([*lines, *(f"<p>{escape(one_line(line))}</p>" for line in (*self._left_out, *self.notes))])

    @staticmethod
    def _cell(tag: str, column: Column, text: str) -> str:
        return f'<{tag} style="text-align: {"right" if column.right else "left"}">{escape(one_line(text))}</{tag}>'

    @property
    def _has_titles(self) -> bool:
        return any(column.title for column in self.columns)

    @property
    def _left_out(self) -> list[str]:
        more = max(self.total, len(self.rows)) - min(len(self.rows), ROWS)
        return [f"… and {more:,} more"] if more else []


def facts(heading: str, pairs: Sequence[tuple[str, str]]) -> Shown:
    """Return a display of names and values, one pair per line."""
    return Shown(heading, (Column(""), Column("")), pairs)


def shown(name: str, what: Callable[[], Shown]) -> Shown:
    """Return the display of a handle. Consoles and debuggers call it at any time, so an error of this project is displayed
    instead of the table, and not raised.

    Args:
        name: name of the handle for that case.
        what: reads the display.
    """
    try:
        return what()
    except ClnpError as error:
        return Shown(f"{name} (cannot be shown: {error.message.splitlines()[0]})")


class Described(ABC):
    """A reference to a record of a database. It holds neither a connection nor a row: every access reads the database, so it is
    never out of date, is cheap to keep, and can be pickled.

    Every read raises :class:`~clnp_core.errors.NotFoundError` when the run has been removed, and
    :class:`~clnp_core.errors.DatabaseError` when the database cannot be read.
    """

    __slots__ = ()

    place: Place
    """The database and the artifact store."""

    @abstractmethod
    def _called(self) -> str:
        """Return its name for readers."""

    @abstractmethod
    def _show(self) -> Shown:
        """Return its display."""

    def __repr__(self) -> str:
        return shown(self._called(), self._show).text()

    def _repr_html_(self) -> str:
        return shown(self._called(), self._show).html()


class Drawn(Described):
    """A handle with figures."""

    __slots__ = ()

    @property
    @abstractmethod
    def figures(self) -> Figures:
        """Its figures by name: ``figures["…"]``; ``list(figures)`` lists the names."""

    def figure(self, name: str) -> Figure:
        """Return a figure of the current records, which notebooks display without network access.

        Raises:
            NotFoundError: there is no figure of that name, or no data for it yet.
        """
        return self.figures[name]
