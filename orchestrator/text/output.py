"""What goes to standard output: one JSON document, or text that fits the terminal and is whole in a pipe."""

import dataclasses
import json
import math
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from clnp_core.statistics import SEEDS

LARGEST_EXACT = 2**53 - 1
"""The largest whole number up to which none is rounded by readers that take numbers for doubles, such as JavaScript and jq."""


def say(text: str = "") -> None:
    """A line for people."""
    print(text, file=sys.stdout)


def note(text: str) -> None:
    """A line for people about what goes on, beside the result: on standard error."""
    print(text, file=sys.stderr, flush=True)


def say_json(document: Any) -> None:
    """The one document of a command under ``--json``."""
    print(json_text(document), file=sys.stdout)


def json_text(document: Any) -> str:
    """JSON in ASCII, so that no terminal or pipe can spoil it."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """Rows, states, times and tuples as JSON values. JSON has no infinity: what is not finite becomes its name. Many readers
    take every number for a double: seeds, and other whole numbers that would be rounded, become text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _named(field.name, getattr(value, field.name), field.metadata.get(SEEDS, False))
                for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _named(str(key), item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= LARGEST_EXACT else str(value)
    return value if value is None or isinstance(value, bool | str) else str(value)


def _named(name: str, value: Any, seeds: bool = False) -> Any:
    """The value of a field. Seeds are always text, so that their type does not depend on how large they are."""
    if not seeds and name not in ("seed", "seeds") and not name.endswith("_seed"):
        return plain(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_named(name, item, True) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else plain(value)


def terminal_width() -> int | None:
    """Characters of a line of the terminal; None where the output is no terminal and lines have no end."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def paragraph(text: str) -> str:
    """Sentences, wrapped where the output is a terminal; a line break in them stays."""
    width = terminal_width()
    if width is None:
        return text
    return "\n".join(textwrap.fill(line, max(width, 20), break_on_hyphens=False, break_long_words=False)
                     for line in text.split("\n"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
