"""`clnp logs`: events of a run; attempts, epochs and output of a trial."""

import json
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clnp_core.errors import NotFoundError
from orchestrator.cli.errors import UsageProblem
from orchestrator.cli.options import MAX_COUNT, GlobalOptions, as_json_option, check_storage, reading, task_option
from orchestrator.render.format import NOTHING, alpha_text, bytes_text, plural, rate_text, time_text
from orchestrator.render.matrices import percent
from orchestrator.render.output import plain, say, say_json
from orchestrator.runs.location import storage_root
from orchestrator.runs.trial_logs import job_outputs, output_of, read_job_output
from workers.capture import file_of
from workers.storage.schemes import open_files

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from db.rows import EpochRow, EventRow, TrialRow

Line = TypeVar("Line")

LINES_OF_JOB = 100
"""Default of --lines for the output of a job."""

FOLLOW_SECONDS = 1.0
"""Polling interval of ``--follow``."""


@click.command()
@click.argument("run", metavar="RUN")
@task_option("Show only the events of one task.")
@click.option("--trial", metavar="N", type=click.IntRange(0, MAX_COUNT),
              help="Show one trial of that task: its attempts, its epochs, and the output of its process.")
@click.option("--follow", is_flag=True, help="Print new lines as they come, until no driver is running for RUN.")
@click.option("--lines", metavar="N", type=click.IntRange(0, MAX_COUNT),
              help="Show the last N events, or the last N lines of output.")
@as_json_option
@click.pass_obj
def logs(settings: GlobalOptions, run: str, task: int | None, trial: int | None, follow: bool, lines: int | None,
         as_json: bool) -> None:
    """Show the events of RUN, with times in UTC.

    With --task: also the output of the jobs between the trials of that task, including tracebacks of your own code.
    With --trial: the attempts and epochs of that trial, and everything that its process wrote to standard output and
    standard error during training. With --follow and --json, every line is a separate JSON document.
    """
    if trial is not None and task is None:
        raise UsageProblem("--trial needs --task: trials are numbered within their task",
                           f"for example `clnp logs {run} --task 1 --trial {trial}`")
    check_storage()

    storage = storage_root()
    with reading(settings) as reads:
        if trial is not None and task is not None:
            _show_trial(reads, storage, reads.trial(run, task, trial), follow, lines, as_json)
        else:
            _show_run(reads, storage, run, task, follow, lines, as_json)


def _show_run(reads: "Reads", storage: str, run: str, task: int | None, follow: bool, lines: int | None,
              as_json: bool) -> None:
    if task is not None:
        _refuse_unknown(reads, run, task)
    events = reads.events(run)
    seen = events[-1].id if events else 0
    events = list(_last([event for event in events if _is_of(event, task)], lines))
    if as_json and not follow:
        say_json({"run": run, "task": task, "events": events, "output_of_jobs": _job_outputs(storage, run, task, lines)})
        return
    _tell(events, as_json)
    while follow:
        lives = reads.run(run).driver_lives
        new = reads.events(run, seen)
        seen = new[-1].id if new else seen
        _tell([event for event in new if _is_of(event, task)], as_json)
        if not lives:
            return
        time.sleep(FOLLOW_SECONDS)
    if not as_json and task is not None:
        for job in _job_outputs(storage, run, task, LINES_OF_JOB if lines is None else lines):
            say(f"printed by a job: {job['file']} ({bytes_text(job['size_bytes'])})")
            _tell_printed(_lines(job["output"]), as_json)


def _show_trial(reads: "Reads", storage: str, row: "TrialRow", follow: bool, lines: int | None, as_json: bool) -> None:
    events, epochs = _events_of(reads, row), _epochs_of(reads, row)
    printed, missing = _printed(row, storage)
    if as_json and not follow:
        say_json({"trial": row, "events": events, "epochs": epochs,
                  "output": None if printed is None else "\n".join(_last(_lines(printed), lines)),
                  "output_missing": missing or None})
        return
    if as_json:
        _say_line({"trial": row})
    else:
        say(_heading(row))
    _tell(events, as_json)
    _tell_epochs(epochs, as_json)
    told = _whole_lines(printed or "") if follow and not row.state.has_ended else printed or ""
    _tell_printed(_last(_lines(told), lines), as_json)
    if printed is None and not as_json:
        say(missing)
    if follow:
        _follow_trial(reads, storage, row, (len(events), len(epochs), len(told)), as_json)


def _follow_trial(reads: "Reads", storage: str, row: "TrialRow", told: tuple[int, int, int], as_json: bool) -> None:
    """Print what is new about a trial until it has ended or its run has no driver."""
    events_told, epochs_told, characters_told = told
    while True:
        row = reads.trial(row.run, row.task, row.number)
        over = row.state.has_ended or not reads.run(row.run).driver_lives
        events, epochs = _events_of(reads, row), _epochs_of(reads, row)
        _tell(events[events_told:], as_json)
        _tell_epochs(epochs[epochs_told:], as_json)
        printed = _printed(row, storage)[0] or ""
        whole = printed if over else _whole_lines(printed)
        _tell_printed(_lines(whole[characters_told:]), as_json)
        if over:
            if not as_json:
                say(_heading(row))
            return
        events_told, epochs_told, characters_told = len(events), len(epochs), max(characters_told, len(whole))
        time.sleep(FOLLOW_SECONDS)


def _refuse_unknown(reads: "Reads", run: str, task: int) -> None:
    reads.trials(run, task, limit=1)  # raises if there is no such task


def _is_of(event: "EventRow", task: int | None) -> bool:
    return task is None or event.details.get("task") == task


def _events_of(reads: "Reads", row: "TrialRow") -> list["EventRow"]:
    """Return the events of one trial, or of the pack that it was trained in."""
    return [event for event in reads.events(row.run) if event.details.get("task") == row.task
            and row.number in (event.details.get("numbers") or [event.details.get("number")])]


def _epochs_of(reads: "Reads", row: "TrialRow") -> list["EpochRow"]:
    return [epoch for attempt in range(1, row.attempts + 1)
            for epoch in reads.trial_history(row.run, row.task, row.number, attempt)]


def _printed(row: "TrialRow", storage: str) -> tuple[str | None, str]:
    """Return the output of a trial; or None and the reason why there is none."""

    try:
        return output_of(row, storage), ""
    except NotFoundError as error:
        return None, f"{error.message}: {error.hint}"


def _job_outputs(storage: str, run: str, task: int | None, lines: int | None) -> list[dict[str, Any]]:
    """Return the output of jobs between the trials, with their files: the last lines of each, or all."""

    return [{"file": open_files(storage).shown(file_of(run, task, job.name)), "size_bytes": job.size_bytes,
             "output": "\n".join(_last(_lines(read_job_output(storage, run, task, job.name)), lines))}
            for job in job_outputs(storage, run, task)]


def _heading(row: "TrialRow") -> str:
    where = f" on {row.host}, {row.device}" if row.host else ""
    began = time_text(row.started_at) if row.started_at else NOTHING
    text = (f"Trial {row.number} of task {row.task} of run {row.run} is {row.state.value}: α {alpha_text(row.alpha)}, rate "
            f"{rate_text(row.learning_rate)}; {plural(row.attempts, 'attempt')}{where}; began {began}")
    return text + (f", ended {time_text(row.finished_at)}" if row.finished_at else "")


def _tell(events: Sequence["EventRow"], as_json: bool) -> None:
    for event in events:
        if as_json:
            _say_line({"event": event})
        else:
            say(f"{time_text(event.at)}  {event.kind:<11}  {_clean(event.message)}")


def _tell_epochs(epochs: Sequence["EpochRow"], as_json: bool) -> None:
    for epoch in epochs:
        if as_json:
            _say_line({"epoch": epoch})
        else:
            loss = "not finite" if epoch.train_loss is None else f"{epoch.train_loss:.4f}"
            say(f"attempt {epoch.attempt}  epoch {epoch.epoch:>3}  training loss {loss}  "
                f"validation {percent(epoch.val_accuracy)} %  {epoch.seconds:.2f} s")


def _tell_printed(lines: Sequence[str], as_json: bool) -> None:
    for line in lines:
        if as_json:
            _say_line({"printed": line})
        else:
            say(_clean(line))


def _say_line(document: dict[str, Any]) -> None:
    say(json.dumps(plain(document), allow_nan=False))


def _lines(text: str) -> list[str]:
    """Return the lines as on a terminal: text that a carriage return overwrites belongs to the same line."""
    return text.removesuffix("\n").split("\n") if text else []


def _whole_lines(text: str) -> str:
    """Return the text without an incomplete last line."""
    return text[:text.rfind("\n") + 1]


def _last(lines: Sequence[Line], most: int | None) -> Sequence[Line]:
    return lines if most is None else tuple(deque(lines, maxlen=most))


def _clean(text: str) -> str:
    """Return what a terminal finally shows of a line: the last state of a progress bar, without control sequences."""
    last = text.rstrip("\r").rpartition("\r")[2]
    return "".join(char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode("ascii")
                   for char in last)
