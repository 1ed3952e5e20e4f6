"""The folder of a report: what lies in it, and what of it may be overwritten.

``report.json`` lists the report's own files with the SHA-256 of their bytes. Where a file is in the way that is not
listed, or that has been changed since, nothing at all is written. Files of an earlier report of the same run that this one does
not make again, because other formats were asked for, stay.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clnp_core.errors import ConfigError
from orchestrator.render.output import write_whole
from workers.storage.files import is_part

LISTING = "report.json"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a report: its path within the folder, and its size."""

    path: str
    file_bytes: int


def write_folder(folder: Path, run: str, files: Mapping[str, bytes]) -> list[WrittenFile]:
    """Write the files of a report, each whole or not at all.

    Args:
        folder: is made if it is not there.
        run: the run's name.
        files: path within the folder → content.

    Raises:
        ConfigError: something is in the way, or the folder cannot be written; in the first case nothing was written.
    """
    try:
        before = check_folder(folder, run, files)
        for path in (LISTING, *files):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        now = {path: [hashlib.sha256(content).hexdigest()] for path, content in files.items()}
        # Until all is written a file may be the old one or the new one: a report that is cut off can be made again.
        _list(folder, run, {**before, **{path: before.get(path, []) + digests for path, digests in now.items()}})
        for path, content in files.items():
            write_whole(folder / path, content)
        _list(folder, run, {**before, **now})
    except OSError as error:
        raise _unwritable(folder, error) from error
    return [WrittenFile(path, len(content)) for path, content in files.items()]


def prepare_folder(folder: Path, run: str, paths: Sequence[str]) -> None:
    """See to it, long before there is something to write, that a report can be written: the folder is made, and nothing of
    another one is in the way.

    Args:
        folder, run: as above.
        paths: the files that the report will have, as far as they are known.

    Raises:
        ConfigError: something is in the way, or the folder cannot be written.
    """
    check_folder(folder, run, tuple(paths))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def check_folder(folder: Path, run: str, files: "Mapping[str, Any] | tuple[str, ...]") -> dict[str, list[str]]:
    """What an earlier report of this run left there: path → the digests that its content may have.

    Args:
        folder, run: as above.
        files: those that are to be written.

    Raises:
        ConfigError: something is in the way, or a file would lie outside of the folder, because it is named after a run whose
            name in the database is none that a run can have.
    """
    for path in files:
        if not all(map(is_part, path.split("/"))):
            raise ConfigError(f"a report cannot have a file {path!r}, which may lie outside of {folder}: no run can be called "
                              "that", "somebody has written the name into the database: rename it there; nothing was written")
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder", "name another one with --output")
    owner, listed = _listed(folder)
    if owner is not None and owner != run:
        raise ConfigError(f"{folder} holds the report of run {owner}", "name another folder with --output")
    if owner is None and (folder / LISTING).exists():
        raise ConfigError(f"{folder / LISTING} is not of clnp, and a report would overwrite it",
                          "name another folder with --output")
    for path in files:
        there = folder / path
        if not there.exists() and not there.is_symlink():
            continue
        if path not in listed:
            raise ConfigError(f"{there} is not of an earlier report, and would be overwritten",
                              "move it away, or name another folder with --output")
        if not there.is_file() or hashlib.sha256(there.read_bytes()).hexdigest() not in listed[path]:
            raise ConfigError(f"{there} has been changed since the report was made, and would be overwritten",
                              "move it away, or name another folder with --output")
    return listed


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{folder} cannot be written: {error.strerror or error}", "name another folder with --output")


def _listed(folder: Path) -> tuple[str | None, dict[str, list[str]]]:
    """The run and the files of the report that lies there; None where none does."""
    try:
        document = json.loads((folder / LISTING).read_text(encoding="utf-8"))
        files = document["files"]
        if all(isinstance(path, str) and isinstance(digests, list) for path, digests in files.items()):
            return str(document["run"]), dict(files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    return None, {}


def _list(folder: Path, run: str, files: Mapping[str, list[str]]) -> None:
    text = json.dumps({"run": run, "files": dict(sorted(files.items()))}, indent=1)
    write_whole(folder / LISTING, f"{text}\n".encode())
