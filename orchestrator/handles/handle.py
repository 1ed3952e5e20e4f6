"""What all handles have in common: where they point to, how they show themselves, and the figures of those that have some."""

from abc import ABC, abstractmethod

from orchestrator.notebook.figure_handle import Figure, Figures
from orchestrator.notebook.handle import Shown, shown
from orchestrator.runs.location import Place


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
