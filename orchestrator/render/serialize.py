"""Rows as a text table, or as JSON, CSV or Parquet. Only the table rounds values and omits columns."""

import io
import json
import re
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum, StrEnum
from errno import EISDIR
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clnp_core.errors import ConfigError
from orchestrator.render.output import json_text, plain, results, say, terminal_width, write_whole

if TYPE_CHECKING:
    from db.rows import TrialRow

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of text that a spreadsheet treats as a formula."""

NUMBER = re.compile(r"[-+]?(\d[\d.,]*(e[-+]?\d+)?|inf|nan)?( (±|to) [-+]?\d[\d.,]*)?( \(\d+ runs?\))?",
                    re.IGNORECASE | re.ASCII)
"""Text that is a number, an interval, a mean with its deviation, or a dash."""


QUOTED_NOTHING = '""'
"""A line with one empty field, since readers skip empty lines."""


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def is_binary(self) -> bool:
        """Whether the format is binary."""
        return self is Format.PARQUET


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns and rows. A column's type is the annotation of its field; None if it is inferred from the values."""

    columns: tuple[str, ...]
    kinds: tuple[Any, ...]
    rows: Sequence[tuple[Any, ...]]


def of_rows(row: type[Any], rows: Sequence[Any]) -> Frame:
    """Return a frame with a column for every field of a row class of :mod:`db.rows`, also without rows."""
    names = tuple(field.name for field in fields(row))
    hints = typing.get_type_hints(row)
    return Frame(names, tuple(hints[name] for name in names), [tuple(getattr(each, name) for name in names) for each in rows])


def of_trials(rows: "Sequence[TrialRow]") -> Frame:
    """Return a frame of trials with a column per layer after the lists ``alpha`` and ``thresholds``."""
    from db.rows import TrialRow, columns_by_layer

    frame = of_rows(TrialRow, rows)
    columns, kinds, cells = list(frame.columns), list(frame.kinds), [list(row) for row in frame.rows]
    for behind, by_layer in columns_by_layer(rows).items():
        place = columns.index(behind) + 1
        columns[place:place], kinds[place:place] = by_layer, [float] * len(by_layer)
        for row, values in zip(cells, zip(*by_layer.values(), strict=True), strict=False):
            row[place:place] = values
    return Frame(tuple(columns), tuple(kinds), [tuple(row) for row in cells])


def write(frame: Frame, form: Format, output: Path | None, table: Callable[[int | None], str]) -> None:
    """Write a frame to a file, atomically, or to standard output.

    Args:
        frame: the rows.
        form: the format.
        output: the file; None is standard output.
        table: makes the text table, given the line width if there is one.

    Raises:
        ConfigError: the file cannot be written, or binary data would go to a terminal.
    """
    if form.is_binary and output is None and results().isatty():
        raise ConfigError(f"{form.value} is binary, and this is a terminal", "name a file with --output, or use a pipe")
    if output is None and not form.is_binary:
        if form is Format.TABLE or results().isatty():
            say(table(terminal_width()) if form is Format.TABLE else _text(frame, form).rstrip("\n"))
        else:
            results().write(_text(frame, form))
        return
    content = parquet_bytes(frame) if form.is_binary else (
        f"{table(None)}\n" if form is Format.TABLE else _text(frame, form)).encode()
    if output is None:
        results().buffer.write(content)
        return
    try:
        if output.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        write_whole(output, content)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror or error}",
                          "name another file with --output; its folder must exist") from error


def _text(frame: Frame, form: Format) -> str:
    if form is Format.JSON:
        return json_text([dict(zip(frame.columns, row, strict=True)) for row in frame.rows]) + "\n"
    return csv_text(frame)


def csv_text(frame: Frame) -> str:
    """Return CSV with a header. An empty field is NULL; lists are JSON; times are ISO 8601. Text that a spreadsheet would treat
    as a formula is prefixed with an apostrophe."""
    lines = [[_no_formula(name) for name in frame.columns], *([_field(plain(cell)) for cell in row] for row in frame.rows)]
    return "".join(f"{','.join(map(_quoted, line)) or QUOTED_NOTHING}\n" for line in lines)


def _field(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, list | dict):
        return json.dumps(cell)
    return _no_formula(cell) if isinstance(cell, str) else str(cell)


def _quoted(field: str) -> str:
    """Quote a field; Python's csv does not quote a lone carriage return, which its own reader rejects."""
    return '"' + field.replace('"', '""') + '"' if any(sign in field for sign in ',"\r\n') else field


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_SIGNS) and not NUMBER.fullmatch(text) else text


def parquet_bytes(frame: Frame) -> bytes:
    """Return Parquet with one type per column, independent of the values."""
    import pyarrow
    import pyarrow.parquet

    arrays = []
    for index, kind in enumerate(frame.kinds):
        cells = [_scalar(row[index]) for row in frame.rows]
        if kind is not None:
            arrays.append(pyarrow.array(cells, _arrow_type(kind)))
            continue
        try:
            arrays.append(pyarrow.array(cells))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):  # a SQLite column may mix types
            arrays.append(pyarrow.array([None if cell is None else str(plain(cell)) for cell in cells], pyarrow.string()))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names=list(frame.columns)), sink)
    return sink.getvalue()


def _scalar(cell: object) -> Any:
    if isinstance(cell, Enum):
        return cell.value
    return json.dumps(plain(cell)) if isinstance(cell, dict) else list(cell) if isinstance(cell, tuple) else cell


def _arrow_type(annotation: Any) -> Any:
    import pyarrow

    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        annotation = next(option for option in typing.get_args(annotation) if option is not type(None))
    if typing.get_origin(annotation) is tuple:
        return pyarrow.list_(_arrow_type(typing.get_args(annotation)[0]))
    if annotation is datetime:
        return pyarrow.timestamp("us", "UTC")
    return {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}.get(annotation, pyarrow.string())
