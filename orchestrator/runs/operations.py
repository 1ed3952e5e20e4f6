"""Asking the driver of a run, or those of a group, to stop, wherever they are: for now, or for good."""

from collections.abc import Callable, Sequence

from clnp_core.errors import StateError
from db.engine import open_database
from db.reads.reads import Reads
from db.rows import RunRow
from db.states import RequestKind, RunState
from db.store.store import Store

ENDED = (RunState.COMPLETED, RunState.DEPLETED, RunState.CANCELLED)
"""States of a run in which there is nothing left to cancel."""


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
            state = "without its driver, which is gone" if row.lost_its_driver else row.state.value
            raise StateError(f"run {run!r} is {state}: no driver runs that could stop",
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
        if row.state in ENDED:
            raise StateError(f"run {run!r} is {row.state.value}: there is nothing to cancel",
                             f"`clnp show {run}` shows it; `clnp rm {run}` removes it")
        Store(engine).request(run, RequestKind.CANCEL)
        return row
    finally:
        engine.dispose()


def request_stop_of_group(group: str, *, url: str | None = None) -> Sequence[str]:
    """Ask the drivers of a group's runs, wherever they are, to stop cleanly.

    Returns:
        The runs that have a driver, and were asked.

    Raises:
        NotFoundError: no such group.
        StateError: nobody drives any of them.
    """
    return _request_of_group(group, RequestKind.STOP, lambda row: row.driver_lives, url,
                             f"no run of group {group!r} has a driver that could stop")


def request_cancel_of_group(group: str, *, url: str | None = None) -> Sequence[str]:
    """End all runs of a group for good that have not ended.

    Returns:
        The runs that were asked.

    Raises:
        NotFoundError: no such group.
        StateError: all of them have ended already.
    """
    return _request_of_group(group, RequestKind.CANCEL, lambda row: row.state not in ENDED, url,
                             f"every run of group {group!r} has ended: there is nothing to cancel")


def _request_of_group(group: str, kind: RequestKind, concerns: Callable[[RunRow], bool], url: str | None,
                      nothing: str) -> Sequence[str]:
    engine = open_database(url)
    try:
        asked = [row.name for row in Reads(engine).group(group) if concerns(row)]
        if not asked:
            raise StateError(nothing, f"`clnp status {group}` shows where its runs stand")
        store = Store(engine)
        for run in asked:
            store.request(run, kind)
        return asked
    finally:
        engine.dispose()
