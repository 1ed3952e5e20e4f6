"""Every read as a pandas DataFrame, for notebooks::

    from db.dataframes import trials
    trials("demo", task=1).sort_values("val_accuracy")

``url`` is the database; None means ``CLNP_DB_URL``, or SQLite in the working folder. Columns are the fields of the rows in
:mod:`db.rows`, with the same names and units; states and verdicts are text. The dtype of a column does not depend on its rows:
nullable integers are ``Int64``, times are in UTC, text is ``object`` with None for missing values. The database is only read.
Errors are those of :class:`db.reads.reads.Reads`. pandas is imported with the first DataFrame.
"""

import types
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from clnp_core.values import LayerCapacity
from db.engine import open_database
from db.reads.reads import Reads
from db.rows import (
    AccuracyRow,
    ArtifactRow,
    CommitRow,
    EpochRow,
    EventRow,
    RequestRow,
    RunRow,
    SelectionRow,
    StageRow,
    ThresholdRow,
    TrialRow,
    VerdictRow,
    columns_by_layer,
)

if TYPE_CHECKING:
    from pandas import DataFrame

MOMENTS = "datetime64[us, UTC]"


@contextmanager
def reading(url: str | None) -> Iterator[Reads]:
    """Open a database for reading, and close it afterwards."""
    engine = open_database(url)
    try:
        yield Reads(engine)
    finally:
        engine.dispose()


def frame(row: type[Any], rows: Sequence[Any]) -> "DataFrame":
    """Return a DataFrame with one column per field of the row class, of the dtype of its annotation, even without rows."""
    import pandas as pd

    hints = typing.get_type_hints(row)
    return pd.DataFrame({field.name: pd.Series([_plain(getattr(item, field.name)) for item in rows],
                                               dtype=_dtype(hints[field.name])) for field in fields(row)})


def _dtype(annotation: object) -> str:
    options = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else (annotation,)
    [kind, *others] = [option for option in options if option is not type(None)]
    if others:
        return "object"
    if len(options) > 1:
        return {int: "Int64", bool: "boolean", float: "float64", datetime: MOMENTS}.get(kind, "object")
    return {int: "int64", bool: "bool", float: "float64", datetime: MOMENTS}.get(kind, "object")


def _plain(value: object) -> Any:
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return [asdict(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def runs(group: str | None = None, url: str | None = None) -> "DataFrame":
    """Return all runs, or those of one group, oldest first."""
    with reading(url) as reads:
        return frame(RunRow, reads.runs(group))


def stages(run: str, url: str | None = None) -> "DataFrame":
    """Return the tasks of a run, in order."""
    with reading(url) as reads:
        return frame(StageRow, reads.stages(run))


def trials(run: str, task: int | None = None, url: str | None = None) -> "DataFrame":
    """Return the trials of a run, or of one task, with their verdicts, by task and number. The tuples ``alpha`` and
    ``thresholds`` are followed by one column per layer: ``alpha_1``, …, ``alpha_out`` and ``threshold_1``, …"""
    import pandas as pd

    with reading(url) as reads:
        rows = reads.trials(run, task)
    found = frame(TrialRow, rows)
    for behind, columns in columns_by_layer(rows).items():
        place = int(found.columns.get_indexer([behind])[0]) + 1
        for offset, (name, values) in enumerate(columns.items()):
            found.insert(place + offset, name, pd.Series(values, dtype="float64"))
    return found


def trial_history(run: str, task: int, number: int, url: str | None = None) -> "DataFrame":
    """Return the epochs of a trial's last attempt."""
    with reading(url) as reads:
        return frame(EpochRow, reads.trial_history(run, task, number))


def threshold_curve(run: str, task: int, number: int, url: str | None = None) -> "DataFrame":
    """Return validation accuracy and sparsity of a trained trial as a function of the threshold."""
    with reading(url) as reads:
        return frame(ThresholdRow, reads.threshold_curve(run, task, number))


def verdicts(run: str, task: int | None = None, url: str | None = None) -> "DataFrame":
    """Return the selector's verdict on each trial, with its reason."""
    with reading(url) as reads:
        return frame(VerdictRow, reads.verdicts(run, task))


def selections(run: str, task: int | None = None, url: str | None = None) -> "DataFrame":
    """Return the chosen trial of each task."""
    with reading(url) as reads:
        return frame(SelectionRow, reads.selections(run, task))


def commits(run: str, task: int | None = None, url: str | None = None) -> "DataFrame":
    """Return the committed network of each task."""
    with reading(url) as reads:
        return frame(CommitRow, reads.commits(run, task))


def capacity(run: str, url: str | None = None) -> "DataFrame":
    """Return the neurons used, new, reused and free per hidden layer after each task."""
    with reading(url) as reads:
        return frame(LayerCapacity, reads.capacity(run))


def evaluations(run: str, url: str | None = None) -> "DataFrame":
    """Return the accuracy matrix with one row per cell and exact counts."""
    with reading(url) as reads:
        return frame(AccuracyRow, reads.accuracy_matrix(run))


def accuracy_matrix(run: str, url: str | None = None) -> "DataFrame":
    """Return the test accuracy, a fraction: one row per commit (``after_task``), one column per task (``on_task``)."""
    return evaluations(run, url).pivot(index="after_task", columns="on_task", values="test_accuracy").astype("float64")


def group_evaluations(group: str, url: str | None = None) -> "DataFrame":
    """Return the accuracy matrices of all runs of a group with one row per cell, and the run, its seed and its state."""
    import pandas as pd

    with reading(url) as reads:
        parts = [(run, frame(AccuracyRow, reads.accuracy_matrix(run.name))) for run in reads.group(group)]
    cells = [part.assign(run=run.name, seed=run.seed, state=run.state.value) for run, part in parts if len(part)]
    found = pd.concat(cells, ignore_index=True) if cells else parts[0][1].assign(run=[], seed=[], state=[])
    return found[["run", "seed", "state", *parts[0][1].columns]]


def group_accuracy_matrix(group: str, url: str | None = None) -> "DataFrame":
    """Return the test accuracy of all runs of a group, a fraction: one row per run and commit, one column per task
    (``on_task``). Incomplete runs have fewer rows; ``group_evaluations`` returns their states."""
    cells = group_evaluations(group, url)
    return cells.pivot(index=["run", "after_task"], columns="on_task", values="test_accuracy").astype("float64")


def events(run: str, url: str | None = None) -> "DataFrame":
    """Return the events of a run, oldest first."""
    with reading(url) as reads:
        return frame(EventRow, reads.events(run))


def requests(run: str, url: str | None = None) -> "DataFrame":
    """Return the requests to a run's drivers, oldest first."""
    with reading(url) as reads:
        return frame(RequestRow, reads.requests(run))


def artifacts(url: str | None = None) -> "DataFrame":
    """Return every recorded artifact and the runs that refer to it."""
    with reading(url) as reads:
        return frame(ArtifactRow, reads.artifacts())
