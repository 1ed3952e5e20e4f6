"""What goes to standard output: one JSON document, or text that fits the terminal and is whole in a pipe.

Standard output belongs to the results of a command. While one runs, what anything else prints (a user's own module, Ray, a
library in C) goes to standard error: :func:`take_standard_output` does that for the file descriptor, and
:func:`results_apart` for Python's stream.
"""

import dataclasses
import io
import json
import math
import os
import re
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TextIO, cast

from clnp_core.analysis.statistics import SEEDS
from orchestrator.render.secrets import without_passwords

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7f, 0xa0)) if chr(code) not in "\n\t"}
_DIRECTIONS = {code: f"\\u{code:04x}" for code in (0x200e, 0x200f, *range(0x2028, 0x202f), *range(0x2066, 0x206a))}

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")

_results: list[TextIO] = []
"""The stream of results, while ``sys.stdout`` is another one."""

LARGEST_EXACT = 2**53 - 1
"""The largest whole number up to which none is rounded by readers that take numbers for doubles, such as JavaScript and jq."""


def say(text: str = "") -> None:
    """A line for people."""
    print(printable(text), file=results())


def note(text: str) -> None:
    """A line for people about what goes on, beside the result: on standard error."""
    print(printable(text), file=sys.stderr, flush=True)


def note_step(text: str, as_json: bool) -> None:
    """Write the first step of a command that drives a run, before what takes a while to import: a line as of
    :class:`orchestrator.events.console.ConsoleProgress`, or an event as of :class:`orchestrator.events.jsonl.JsonProgress`.
    An argument that it repeats may be an address: its password is masked."""
    text = without_passwords(text, [text])
    if as_json:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = {"at": at, "run": None, "task": None, "trial": None, "event": "step", "text": text}
        print(json.dumps(event), file=sys.stderr, flush=True)
    else:
        note(f"{text} …")


def say_json(document: object) -> None:
    """The one document of a command under ``--json``."""
    print(json_text(document), file=results())


def results() -> TextIO:
    """The stream that results are written to."""
    return _results[-1] if _results else sys.stdout


@contextmanager
def results_apart(prints: "Lines | None" = None) -> Iterator[None]:
    """Let ``sys.stdout`` be another stream than that of the results, for whoever prints without being asked to.

    Args:
        prints: where that goes; None means standard error.
    """
    own = sys.stdout
    other = sys.stderr if prints is None else cast(TextIO, prints)
    _results.append(results())
    sys.stdout = other
    try:
        yield
    finally:
        _results.pop()
        if sys.stdout is other:  # and not one that a user's code has put there
            sys.stdout = own
        if prints is not None:
            prints.end()


def take_standard_output() -> None:
    """Keep standard output for results to the end of this process: ``sys.stdout`` writes to it, and descriptor 1, which
    libraries in C and processes that are started here write to, is standard error."""
    own = sys.stdout
    own.flush()
    kept = os.dup(own.fileno())
    os.dup2(sys.stderr.fileno(), own.fileno())
    at_once = own.line_buffering or getattr(own, "write_through", False)
    sys.stdout = os.fdopen(kept, "w", buffering=1 if at_once else -1, encoding=own.encoding, errors=own.errors)


class Lines(io.TextIOBase):
    """A stream that hands on what is printed line by line, without the codes that colour a terminal.

    Args:
        tell: is called with every line that is not empty. Threads may print at the same time.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._begun, self._lock = tell, "", threading.RLock()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Take a part of what is printed; a line that has not ended waits for its rest."""
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._hand_on(line)
        return len(text)

    def end(self) -> None:
        """Hand on a last line without an end."""
        with self._lock:
            line, self._begun = self._begun, ""
        self._hand_on(line)

    def _hand_on(self, line: str) -> None:
        shown = _COLOURS.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip()
        if shown:
            self._tell(shown)


def printable(text: str) -> str:
    """Text of any origin as a terminal may see it: what would move the cursor, colour, or turn the direction of writing is
    escaped. Line ends and tabs stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_CONTROLS | _DIRECTIONS)


def json_text(document: object) -> str:
    """JSON in ASCII, so that no terminal or pipe can spoil it."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def plain(value: object) -> Any:
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


def _named(name: str, value: object, seeds: bool = False) -> Any:
    """The value of a field. Seeds are always text, so that their type does not depend on how large they are."""
    if not seeds and name not in ("seed", "seeds") and not name.endswith("_seed"):
        return plain(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_named(name, item, True) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else plain(value)


def terminal_width() -> int | None:
    """Characters of a line of the terminal; None where the output is no terminal and lines have no end."""
    stream = results()
    if not stream.isatty():
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


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
