"""What all handles share: where they point, and how they show themselves, as text in a console and as HTML in a notebook."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from clnp_core.errors import ClnpError
from orchestrator.notebook.figure_handle import Figure, Figures
from orchestrator.render.table import Column, one_line, render
from orchestrator.runs.location import Place

ROWS = 30
"""Rows that a handle shows at most; its DataFrames have them all."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A heading, and cells of text below it. Without titles the columns are names and values. ``total``: how many rows there
    are, where not all of them are given; ``notes``: sentences below."""

    heading: str
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[str]] = ()
    total: int = 0
    notes: Sequence[str] = ()

    def text(self) -> str:
        """For a console."""
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
        """For a notebook; every text is escaped, and nothing is styled but on which side numbers stand."""
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
    """Names and values, one pair a line."""
    return Shown(heading, (Column(""), Column("")), pairs)


def shown(name: str, what: Callable[[], Shown]) -> Shown:
    """What a handle shows of itself. A console and a debugger ask for it at any time, so an error of ours is shown, too, in
    place of the table, and not raised.

    Args:
        name: how the handle is called, for that case.
        what: reads what there is to show.
    """
    try:
        return what()
    except ClnpError as error:
        return Shown(f"{name} (cannot be shown: {error.message.splitlines()[0]})")


class Described(ABC):
    """A name for something that a database records. It holds no connection and no row: whatever is asked of it is read when it
    is asked for, so it is never out of date, costs nothing to keep, and may be pickled.

    Every read raises :class:`~clnp_core.errors.NotFoundError` when the run has been removed since, and
    :class:`~clnp_core.errors.DatabaseError` when the database cannot be read.
    """

    __slots__ = ()

    place: Place
    """The database and the artifact store."""

    @abstractmethod
    def _called(self) -> str:
        """How a person would call it."""

    @abstractmethod
    def _show(self) -> Shown:
        """What it shows of itself."""

    def __repr__(self) -> str:
        return shown(self._called(), self._show).text()

    def _repr_html_(self) -> str:
        return shown(self._called(), self._show).html()


class Drawn(Described):
    """One that has figures."""

    __slots__ = ()

    @property
    @abstractmethod
    def figures(self) -> Figures:
        """The figures there are, by name: ``figures["…"]``, and ``list(figures)`` names them."""

    def figure(self, name: str) -> Figure:
        """A figure of what is recorded now; it displays itself in a notebook, without the internet too.

        Raises:
            NotFoundError: there is no figure of that name, or nothing recorded yet that it could show.
        """
        return self.figures[name]
