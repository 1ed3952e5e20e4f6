"""Rows as a table for people, or as JSON, CSV or Parquet for programs. Only the table rounds and leaves columns out."""

import csv
import io
import json
import sys
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum, StrEnum
from errno import EISDIR
from pathlib import Path
from typing import Any

from clnp_core.errors import ConfigError
from orchestrator.text.output import json_text, plain, say, terminal_width, write_whole


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def is_binary(self) -> bool:
        """A terminal cannot show it."""
        return self is Format.PARQUET


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns and rows. A column's kind is the annotation of its field; None where only its values tell."""

    columns: tuple[str, ...]
    kinds: tuple[Any, ...]
    rows: Sequence[tuple[Any, ...]]


def of_rows(row: type[Any], rows: Sequence[Any]) -> Frame:
    """A frame with a column for every field of a row class of :mod:`db.rows`, also where there are no rows."""
    names = tuple(field.name for field in fields(row))
    hints = typing.get_type_hints(row)
    return Frame(names, tuple(hints[name] for name in names), [tuple(getattr(each, name) for name in names) for each in rows])


def write(frame: Frame, form: Format, output: Path | None, table: Callable[[int | None], str]) -> None:
    """Write a frame to a file, whole or not at all, or to standard output.

    Args:
        frame: the rows.
        form: how.
        output: the file; None is standard output.
        table: the text for people, given the width of a line if it has one.

    Raises:
        ConfigError: the file cannot be written, or a terminal would be sent bytes.
    """
    if form.is_binary and output is None and sys.stdout.isatty():
        raise ConfigError(f"{form.value} is binary, and this is a terminal", "name a file with --output, or use a pipe")
    if output is None and not form.is_binary:
        say(table(terminal_width()) if form is Format.TABLE else _text(frame, form).rstrip("\n"))
        return
    content = parquet_bytes(frame) if form.is_binary else (
        f"{table(None)}\n" if form is Format.TABLE else _text(frame, form)).encode()
    if output is None:
        sys.stdout.buffer.write(content)
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
    """CSV with a header. An empty field is NULL; lists are JSON; times are ISO 8601."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.rows:
        writer.writerow([_field(plain(cell)) for cell in row])
    return text.getvalue()


def _field(cell: Any) -> Any:
    if isinstance(cell, list | dict):
        return json.dumps(cell)
    return repr(cell) if isinstance(cell, float) else cell


def parquet_bytes(frame: Frame) -> bytes:
    """Parquet with one type per column, whatever the rows at hand happen to hold."""
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
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):  # a column of SQLite may mix its types
            arrays.append(pyarrow.array([None if cell is None else str(plain(cell)) for cell in cells], pyarrow.string()))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names=list(frame.columns)), sink)
    return sink.getvalue()


def _scalar(cell: Any) -> Any:
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
