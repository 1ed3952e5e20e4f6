"""The folder of an export: written atomically, never replacing anything but an earlier export."""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clnp_core.errors import ConfigError
from orchestrator.export.formats import ModelFormat
from workers.storage.schemes import open_files, store_type

CARD, CARD_TEXT = "model_card.json", "model_card.md"
FILES = (*(form.file for form in ModelFormat), CARD, CARD_TEXT)
"""Files of an export."""

Write = Callable[[str, bytes], Path]
"""Writes a file durably, and returns its temporary path."""


def checked(output: str | Path, run: str, task: int) -> Path:
    """Return the output folder, if an export of that task may be written there.

    Raises:
        ConfigError: it is not a folder, contains something else, or its parent folder is missing.
    """
    store = store_type(output)
    if not store.is_local:
        raise ConfigError(f"{output} is a {store.kind}", "name a folder with --output, and copy it from there")
    target = Path(output).expanduser().resolve()
    other = "name another folder with --output; nothing was written"
    if not target.parent.is_dir():
        raise ConfigError(f"{target} cannot be created: there is no folder {target.parent}",
                          "create it first, or correct --output")
    if not target.exists():
        return target
    if not target.is_dir():
        raise ConfigError(f"{target} is a file, and an export is a folder", other)
    try:
        names = sorted(entry.name for entry in target.iterdir())
    except OSError as error:
        raise ConfigError(f"{target} cannot be read: {error.strerror or error}", other) from error
    strange = [name for name in names if name not in FILES]
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise ConfigError(f"{target} contains files that are not of an export: {', '.join(strange[:3])}{more}", other)
    if names and _whose(target / CARD) != (run, task):
        raise ConfigError(f"{target} contains an export that is not of task {task} of run {run!r}", other)
    return target


@contextmanager
def whole(target: Path, run: str, task: int) -> Iterator[Write]:
    """Fill a folder that becomes visible when the block ends without an error; until then the old one stays.

    Args:
        target: from :func:`checked`; it is checked again at the end.
        run: as in :func:`checked`.
        task: as in :func:`checked`.

    Raises:
        ConfigError: it cannot be written, or something else has been created there.
    """
    building = target.with_name(f".{target.name}.exporting-{secrets.token_hex(4)}")
    try:
        try:
            building.mkdir()
            files = open_files(building)

            def write(name: str, content: bytes) -> Path:
                files.write(name, content)
                return building / name

            yield write
            _put(building, checked(target, run, task))
        except OSError as error:
            raise ConfigError(f"{target} cannot be written: {error.strerror or error}",
                              "fix that, or name another folder with --output; nothing was written") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _put(building: Path, target: Path) -> None:
    """Rename the folder to its final name. An existing one is moved aside first: a rename cannot replace a non-empty folder."""
    if target.is_dir() and any(target.iterdir()):
        aside = building.with_name(building.name.replace(".exporting-", ".replaced-"))
        target.rename(aside)
        try:
            building.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    else:
        building.rename(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whose(card: Path) -> tuple[str, int] | None:
    """Return the run and task of a card; None if it is not a card."""
    try:
        about = json.loads(card.read_text(encoding="utf-8"))["task"]
        return str(about["run"]), int(about["task"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
