"""Standard output of the commands: one JSON document, or text that fits the terminal and is complete in a pipe.

Standard output is reserved for the results of a command. Other output (of user modules, Ray, C libraries) goes to standard
error: :func:`take_standard_output` redirects the file descriptor, and :func:`results_apart` Python's stream. Passwords in
messages are masked (:func:`without_passwords`).
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TextIO, cast

from clnp_core.analysis.statistics import SEEDS

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7f, 0xa0)) if chr(code) not in "\n\t"}
_DIRECTIONS = {code: f"\\u{code:04x}" for code in (0x200e, 0x200f, *range(0x2028, 0x202f), *range(0x2066, 0x206a))}

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")

_results: list[TextIO] = []
"""The stream of results, while ``sys.stdout`` is redirected."""

LARGEST_EXACT = 2**53 - 1
"""The largest whole number that readers with double precision, such as JavaScript and jq, do not round."""


def say(text: str = "") -> None:
    """Print a line of text output."""
    print(printable(text), file=results())


def note(text: str) -> None:
    """Print a line about the progress, on standard error."""
    print(printable(text), file=sys.stderr, flush=True)


def note_step(text: str, as_json: bool) -> None:
    """Report the first step of a command that drives a run, before slow imports: a line as of
    :class:`orchestrator.events.console.ConsoleProgress`, or an event as of :class:`orchestrator.events.jsonl.JsonProgress`.
    Passwords of URLs in the text are masked."""
    text = without_passwords(text, [text])
    if as_json:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = {"at": at, "run": None, "task": None, "trial": None, "event": "step", "text": text}
        print(json.dumps(event), file=sys.stderr, flush=True)
    else:
        note(f"{text} …")


def say_json(document: object) -> None:
    """Print the JSON document of a command with ``--json``."""
    print(json_text(document), file=results())


def results() -> TextIO:
    """Return the stream of results."""
    return _results[-1] if _results else sys.stdout


@contextmanager
def results_apart(prints: "Lines | None" = None) -> Iterator[None]:
    """Redirect ``sys.stdout``, so that unrelated prints do not mix with the results.

    Args:
        prints: target of prints; None means standard error.
    """
    own = sys.stdout
    other = sys.stderr if prints is None else cast(TextIO, prints)
    _results.append(results())
    sys.stdout = other
    try:
        yield
    finally:
        _results.pop()
        if sys.stdout is other:  # unless user code has replaced it
            sys.stdout = own
        if prints is not None:
            prints.end()


def take_standard_output() -> None:
    """Reserve standard output for results until this process ends: ``sys.stdout`` writes to it, and descriptor 1, which C
    libraries and child processes use, becomes standard error."""
    own = sys.stdout
    own.flush()
    kept = os.dup(own.fileno())
    os.dup2(sys.stderr.fileno(), own.fileno())
    at_once = own.line_buffering or getattr(own, "write_through", False)
    sys.stdout = os.fdopen(kept, "w", buffering=1 if at_once else -1, encoding=own.encoding, errors=own.errors)


class Lines(io.TextIOBase):
    """A stream that passes on what is printed line by line, without colour codes.

    Args:
        tell: called with every non-empty line. Thread-safe.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._begun, self._lock = tell, "", threading.RLock()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Accept a part of the output; an incomplete line is buffered."""
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._hand_on(line)
        return len(text)

    def end(self) -> None:
        """Pass on the last incomplete line."""
        with self._lock:
            line, self._begun = self._begun, ""
        self._hand_on(line)

    def _hand_on(self, line: str) -> None:
        shown = _COLOURS.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip()
        if shown:
            self._tell(shown)


def printable(text: str) -> str:
    """Return text that is safe for a terminal: characters that move the cursor, set colours or change the writing direction are
    escaped. Newlines and tabs stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_CONTROLS | _DIRECTIONS)


def json_text(document: object) -> str:
    """Return JSON in ASCII, independent of the terminal's encoding."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def plain(value: object) -> Any:
    """Convert rows, states, times and tuples to JSON values. Numbers that are not finite become their name. Seeds, and whole
    numbers that would be rounded as doubles, become text."""
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
    """Convert the value of a field. Seeds are always text, so that their type does not depend on their size."""
    if not seeds and name not in ("seed", "seeds") and not name.endswith("_seed"):
        return plain(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_named(name, item, True) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else plain(value)


def terminal_width() -> int | None:
    """Return the width of the terminal; None if the output is not a terminal."""
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
    """Wrap text if the output is a terminal; line breaks stay."""
    width = terminal_width()
    if width is None:
        return text
    return "\n".join(textwrap.fill(line, max(width, 20), break_on_hyphens=False, break_long_words=False)
                     for line in text.split("\n"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


ADDRESS_VARIABLES = ("CLNP_DB_URL", "CLNP_STORAGE")


def without_passwords(text: str, arguments: Iterable[str]) -> str:
    """Return the text with the passwords of URLs masked.

    Args:
        text: a message, a hint or a traceback.
        arguments: arguments of the command line, which may contain URLs; those of the environment are always masked.
    """
    words = [*arguments, *(os.environ.get(name, "") for name in ADDRESS_VARIABLES)]
    if "password" not in text.lower() and not any(":/" in part for part in (text, *words)):
        return text
    try:
        from db.url import masked  # slow import, only if needed
    except ImportError:  # a broken installation: hide more than the password
        return re.sub(r"(:/+)\S*@|(password\s*=\s*)\S+", r"\1\2***", text, flags=re.IGNORECASE)
    return masked(text, words)
