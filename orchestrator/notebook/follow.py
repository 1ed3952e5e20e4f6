"""Watching a run that another process drives, from nothing but its database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from db.engine import open_database
from db.reads.reads import Reads
from db.retry import Patience, PatientReads
from db.rows import EventRow
from db.states import StageState
from orchestrator.render.format import plural
from orchestrator.runs.location import Place

POLL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""How long a database may be away before watching ends with its error."""


def events(place: Place, run: str, after_id: int = 0, poll_seconds: float = POLL_SECONDS) -> Iterator[EventRow]:
    """Every event of a run, oldest first, as they come; it ends when no driver is at work and all have been told.

    Args:
        place: where the run is.
        run: its name.
        after_id: only what was recorded after the event of this id.
        poll_seconds: between two looks at the database.

    Raises:
        NotFoundError: no such run, or it has been removed meanwhile.
        DatabaseError: the database cannot be read, or was away for more than a minute.
    """
    with _patient(place) as reads:
        while True:
            driven = reads.run(run).driver_lives  # asked first: whatever a driver wrote before it ended is read below
            for event in reads.events(run, after_id):
                after_id = event.id
                yield event
            if not driven:
                return
            time.sleep(poll_seconds)


def follow(place: Place, run: str, stream: TextIO, poll_seconds: float = POLL_SECONDS) -> None:
    """Print what happens to a run until no driver is at work: one plain line for each event and for each step of a sweep.

    Args:
        place: where the run is.
        run: its name.
        stream: where to print.
        poll_seconds: between two looks at the database.

    Raises as :func:`events`.
    """
    with _patient(place) as reads:
        last, driven, before = reads.last_event(run), reads.run(run).driver_lives, ""
        told = 0 if last is None else last.id
        if driven:
            _say(stream, _standing(reads, run))
        while driven:
            driven, now = reads.run(run).driver_lives, _sweep(reads, run)
            for event in reads.events(run, told):  # read last: what began the sweep is told before how far it is
                told = event.id
                _say(stream, f"{event.at:%H:%M:%S} UTC  {event.message}")
            if driven and now not in ("", before):
                before = now
                _say(stream, f"              {now}")
            if driven:
                time.sleep(poll_seconds)
        _say(stream, _standing(reads, run))


def _standing(reads: Reads, run: str) -> str:
    row = reads.run(run)
    return f"run {run} is {row.state.value}: {row.tasks_committed} of {plural(row.tasks, 'task')} committed"


def _sweep(reads: Reads, run: str) -> str:
    """How far the sweep is that goes on now; nothing where none does."""
    stage = next((stage for stage in reads.stages(run) if stage.state is StageState.SWEEPING), None)
    if stage is None:
        return ""
    ended = stage.trials_finished + stage.trials_failed
    failed = f", {stage.trials_failed} of them failed" if stage.trials_failed else ""
    return f"task {stage.task}: {ended} of {plural(stage.trials_total, 'trial')} ended{failed}"


def _say(stream: TextIO, text: str) -> None:
    print(text, file=stream, flush=True)


@contextmanager
def _patient(place: Place) -> Iterator[Reads]:
    engine = open_database(place.url)
    try:
        yield PatientReads(engine, Patience(PATIENCE_SECONDS))
    finally:
        engine.dispose()
