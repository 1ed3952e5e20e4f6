"""Follow a run that another process drives, through the database."""

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
"""How long the database may be unavailable before following ends with its error."""


def events(place: Place, run: str, after_id: int = 0, poll_seconds: float = POLL_SECONDS) -> Iterator[EventRow]:
    """Yield every event of a run as it is recorded, oldest first; end when no driver is running and all are yielded.

    Args:
        place: the place of the run.
        run: name of the run.
        after_id: yield only events after the event with this id.
        poll_seconds: interval between two queries.

    Raises:
        NotFoundError: no such run, or it was removed meanwhile.
        DatabaseError: the database cannot be read, or was unavailable for more than a minute.
    """
    with _patient(place) as reads:
        while True:
            driven = reads.run(run).driver_lives  # read first, so that all events of an ended driver are read below
            for event in reads.events(run, after_id):
                after_id = event.id
                yield event
            if not driven:
                return
            time.sleep(poll_seconds)


def follow(place: Place, run: str, stream: TextIO, poll_seconds: float = POLL_SECONDS) -> None:
    """Print the progress of a run until no driver is running: a line per event and per step of a sweep.

    Args:
        place: the place of the run.
        run: name of the run.
        stream: output stream.
        poll_seconds: interval between two queries.

    Raises as :func:`events`.
    """
    with _patient(place) as reads:
        last, driven, before = reads.last_event(run), reads.run(run).driver_lives, ""
        told = 0 if last is None else last.id
        if driven:
            _say(stream, _standing(reads, run))
        while driven:
            driven, now = reads.run(run).driver_lives, _sweep(reads, run)
            for event in reads.events(run, told):  # read last, so that the start of a sweep is printed before its progress
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
    """Return the progress of the current sweep; empty if there is none."""
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
