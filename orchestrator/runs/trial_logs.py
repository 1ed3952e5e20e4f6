"""Output of trials and jobs (:mod:`workers.capture`) in the artifact store, removed with their run."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from clnp_core.errors import ArtifactError, NotFoundError
from db.reads.reads import Reads
from db.rows import TrialRow
from workers.capture import FOLDER, HEADING, SUFFIX, file_of, folder_of
from workers.storage.files import Files, StoredFile, is_part
from workers.storage.schemes import open_files, store_type

_HEADING = re.compile(rf"^{HEADING}\S+ host=\S+ pid=\d+ run=\S+ task=\S+ trials=([\d,]+) attempt=\d+$", re.MULTILINE)

SHORT_BYTES = 1_000
"""A file that is larger than this contains more than a heading and need not be read to know that."""


@dataclass(frozen=True, slots=True)
class JobOutput:
    """Output of a job between trials: its file name, such as ``scan-1a2b…``, and size."""

    name: str
    size_bytes: int


def read_output(storage: str, run: str, task: int, ray_trial_id: str | None) -> str:
    """Return the output of a trial's process, one section with a heading per attempt.

    Args:
        storage: root of the artifact store.
        run: its name.
        task: counted from 1.
        ray_trial_id: as recorded for the trial; None if it has not begun.

    Raises:
        NotFoundError: no output is kept, with the reason.
        ArtifactError: the store cannot be read.
    """
    if not ray_trial_id:
        raise NotFoundError("the trial has not begun, so there is no output",
                            f"`clnp status {run}` shows the progress of its task")
    files, name = open_files(storage), file_of(run, task, ray_trial_id.partition(".")[0])
    try:
        return _read(files, name)
    except FileNotFoundError:
        raise NotFoundError("no output of the trial is kept",
                            "it printed nothing, CLNP_STORAGE is not the store of its run, or it was trained by an older "
                            "version; in a bucket, output appears when the attempt ends") from None


def output_of_trial(reads: Reads, storage: str, run: str, task: int, number: int) -> str:
    """Return the output of a trial, of all attempts that are found.

    Raises:
        NotFoundError: no such run, task or trial; or no output is kept, with the reason.
        ArtifactError: the store cannot be read.
    """
    return output_of(reads.trial(run, task, number), storage)


def output_of(row: TrialRow, storage: str) -> str:
    """Return the output of a trial's row; as :func:`output_of_trial`.

    Attempts under other drivers have other Ray ids; in a folder, they are found by their headings.
    """
    if row.reused_from is not None:
        match row.reused_from.split("/"):
            case [source, task, number]:
                hint = f"`clnp logs {source} --task {task} --trial {number}` shows what it printed"
            case _:  # not written by clnp
                hint = f"the database names {row.reused_from!r} as its source, which is not of the form run/task/trial"
        raise NotFoundError(f"trial {row.number} of task {row.task} was not trained in run {row.run!r}: its result was "
                            "reused", hint)
    missing, last = None, ""
    try:
        last = read_output(storage, row.run, row.task, row.ray_trial_id)
    except NotFoundError as error:
        missing = error
    before = []
    if row.attempts > _attempts_in(last) and store_type(storage).is_local:
        before = [text for text in _of_other_drivers(row, storage) if text != last]
    if missing is not None and not before:
        raise missing
    return "".join([*before, last])


def job_outputs(storage: str, run: str, task: int | None) -> list[JobOutput]:
    """Return the kept output of jobs between the trials of a task, or of jobs without a task; empty output is left out.

    Raises:
        ArtifactError: the store cannot be read.
    """
    folder = folder_of(run, task)
    with _worded(storage):
        files = open_files(storage)
        names = [(file.name.removeprefix(f"{folder}/").removesuffix(SUFFIX), file.size_bytes)
                 for file in files.list(folder) if not _has_only_begun(files, file)]
    return [JobOutput(name, size) for name, size in names if "/" not in name and "-" in name]


def read_job_output(storage: str, run: str, task: int | None, name: str) -> str:
    """Return one of :func:`job_outputs`; empty if it has been removed since.

    Raises:
        ArtifactError: the store cannot be read.
    """
    try:
        return _read(open_files(storage), file_of(run, task, name))
    except FileNotFoundError:
        return ""


def _has_only_begun(files: Files, file: StoredFile) -> bool:
    """Whether a file contains only the heading: the job's process was ended right after its result, before its cleanup."""
    return file.size_bytes < SHORT_BYTES and all(line.startswith(HEADING) for line in _read(files, file.name).splitlines())


def remove_output(storage: str, run: str) -> int:
    """Remove the output of a run's trials and jobs; return the bytes freed. What cannot be removed is left to ``clnp gc``.
    A run with an invalid name, written to the database by another program, has no output."""
    freed = 0
    if not is_part(run):
        return freed
    with contextlib.suppress(OSError, ArtifactError):
        files = open_files(storage)
        for file in list(files.list(folder_of(run))):
            freed += files.remove(file.name)
    drop_empty_folders(storage, [run])
    return freed


def stored_output(files: Files) -> list[tuple[str, StoredFile]]:
    """Return every output file with the name of its run."""
    return [(file.name.split("/")[1], file) for file in files.list(FOLDER) if file.name.count("/") > 1]


def drop_empty_folders(storage: str, runs: Sequence[str]) -> None:
    """Remove the empty output folders of these runs."""
    files = open_files(storage)
    for run in filter(is_part, runs):
        files.remove_empty(folder_of(run))


def _read(files: Files, name: str) -> str:
    with _worded(files.shown(name)):
        return files.read(name).decode("utf-8", errors="replace")


@contextmanager
def _worded(where: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArtifactError(f"{where} cannot be read: {error.strerror or error}",
                            "fix its permissions, or check CLNP_STORAGE") from error


def _attempts_in(text: str) -> int:
    return len(_HEADING.findall(text))


def _of_other_drivers(row: TrialRow, storage: str) -> list[str]:
    """Return the contents of the files of a task that name the trial, oldest first."""
    files, found = open_files(storage), []
    with contextlib.suppress(FileNotFoundError):
        for file in list(files.list(folder_of(row.run, row.task))):
            text = _read(files, file.name)
            headings = _HEADING.finditer(text)
            if any(str(row.number) in heading[1].split(",") for heading in headings):
                found.append((text.partition("\n")[0], text))  # a heading starts with its time
    return [text for _, text in sorted(found)]
