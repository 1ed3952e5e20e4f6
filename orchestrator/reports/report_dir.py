"""The folder of a report, and which of its files may be overwritten.

``report.json`` lists the report's own files with the SHA-256 of their bytes. If a file would be overwritten that is
not listed, or that has been changed since, nothing is written. Files of an earlier report of the same run that are not written
again, because other formats were requested, stay.
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
    """Write the files of a report, each atomically.

    Args:
        folder: created if it is missing.
        run: the run's name.
        files: path within the folder → content.

    Raises:
        ConfigError: a file would be overwritten (then nothing was written), or the folder cannot be written.
    """
    try:
        before = check_folder(folder, run, files)
        for path in (LISTING, *files):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        now = {path: [hashlib.sha256(content).hexdigest()] for path, content in files.items()}
        # Until all files are written, both old and new digests are listed, so that an interrupted report can be repeated.
        _list(folder, run, {**before, **{path: before.get(path, []) + digests for path, digests in now.items()}})
        for path, content in files.items():
            write_whole(folder / path, content)
        _list(folder, run, {**before, **now})
    except OSError as error:
        raise _unwritable(folder, error) from error
    return [WrittenFile(path, len(content)) for path, content in files.items()]


def prepare_folder(folder: Path, run: str, paths: Sequence[str]) -> None:
    """Check early that a report can be written: create the folder, and refuse files that would be overwritten.

    Args:
        folder, run: as above.
        paths: the known files of the report.

    Raises:
        ConfigError: a file would be overwritten, or the folder cannot be written.
    """
    check_folder(folder, run, tuple(paths))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def check_folder(folder: Path, run: str, files: "Mapping[str, Any] | tuple[str, ...]") -> dict[str, list[str]]:
    """Return the files of an earlier report of this run: path → the digests that its content may have.

    Args:
        folder, run: as above.
        files: the files to write.

    Raises:
        ConfigError: a file would be overwritten, or would be outside the folder, because it is named after a run with an
            invalid name in the database.
    """
    for path in files:
        if not all(map(is_part, path.split("/"))):
            raise ConfigError(f"a report cannot have a file {path!r}, which may be outside {folder}: it is not a valid run "
                              "name", "another program wrote the name to the database: rename it there; nothing was written")
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder", "name another one with --output")
    owner, listed = _listed(folder)
    if owner is not None and owner != run:
        raise ConfigError(f"{folder} contains the report of run {owner}", "name another folder with --output")
    if owner is None and (folder / LISTING).exists():
        raise ConfigError(f"{folder / LISTING} was not written by clnp, and would be overwritten",
                          "name another folder with --output")
    for path in files:
        there = folder / path
        if not there.exists() and not there.is_symlink():
            continue
        if path not in listed:
            raise ConfigError(f"{there} is not part of an earlier report, and would be overwritten",
                              "move it away, or name another folder with --output")
        if not there.is_file() or hashlib.sha256(there.read_bytes()).hexdigest() not in listed[path]:
            raise ConfigError(f"{there} has been changed since the report was made, and would be overwritten",
                              "move it away, or name another folder with --output")
    return listed


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{folder} cannot be written: {error.strerror or error}", "name another folder with --output")


def _listed(folder: Path) -> tuple[str | None, dict[str, list[str]]]:
    """Return the run and the files of the report in a folder; None if there is none."""
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
