"""Asking the driver of a run to stop, wherever it runs: for now, or for good."""

from clnp_core.errors import StateError
from db.reads import Reads
from db.rows import RunRow
from db.session import open_database
from db.states import RequestKind, RunState
from db.store import Store


def request_stop(run: str, *, url: str | None = None) -> RunRow:
    """Ask the driver of a run, wherever it runs, to stop cleanly; it obeys within seconds.

    Raises:
        NotFoundError: no such run.
        StateError: nobody drives it.
    """
    engine = open_database(url)
    try:
        row = Reads(engine).run(run)
        if not row.driver_lives:
            raise StateError(f"run {run!r} is {row.state.value}: no driver runs that could stop",
                             f"`clnp status {run}` shows where it stands")
        Store(engine).request(run, RequestKind.STOP)
        return row
    finally:
        engine.dispose()


def request_cancel(run: str, *, url: str | None = None) -> RunRow:
    """End a run for good: its driver, wherever it runs, stops within seconds, and no other one takes it up. Commits stay, and
    can be forked.

    Returns:
        The run as it was when it was asked; ``driver_lives`` says whether a driver has to obey first.

    Raises:
        NotFoundError: no such run.
        StateError: it has ended already.
    """
    engine = open_database(url)
    try:
        row = Reads(engine).run(run)
        if row.state in (RunState.COMPLETED, RunState.DEPLETED, RunState.CANCELLED):
            raise StateError(f"run {run!r} is {row.state.value}: there is nothing to cancel",
                             f"`clnp show {run}` shows it; `clnp rm {run}` removes it")
        Store(engine).request(run, RequestKind.CANCEL)
        return row
    finally:
        engine.dispose()
