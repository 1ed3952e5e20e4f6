"""Copy a whole database into another one, for example from SQLite on a laptop to PostgreSQL."""

from sqlalchemy import URL, Connection, Table, func, insert, select

from clnp_core.errors import BusyError, DatabaseError
from clnp_core.words import plural
from db.dialect import WRITING, continue_numbering, of_one_moment
from db.engine import open_database
from db.errors import translated
from db.reads.reads import Reads
from db.schema.models import DatabaseIdentity, Run
from db.schema.types import Base
from db.url import resolve_url, shown

ROWS_AT_ONCE = 1000

LEASE = ("owner_host", "owner_pid", "owner_process_started", "owner_driver_id", "lease_ttl_seconds", "heartbeat_at")


def copy_database(source: str | URL, target: str | URL) -> dict[str, int]:
    """Copy every row with its id in one transaction. Artifacts are not touched: both databases name them by digest.

    Args:
        source: a database with the newest schema, which is only read.
        target: a database without runs; it is created, or given the newest schema if it is empty.

    Returns:
        Table name → rows copied.

    Raises:
        BusyError: a driver of a run in the source is alive and would continue to write there.
        DatabaseError: the target already holds runs, it is the source, or one of the two cannot be opened.
    """
    if resolve_url(source) == resolve_url(target):
        raise DatabaseError(f"{shown(resolve_url(source))} cannot be copied onto itself", "name another target")
    reading = open_database(source)
    try:
        driven = [run.name for run in Reads(reading).runs() if run.driver_lives]
        if driven:
            raise BusyError(f"a driver is running {', '.join(driven)}",
                            f"`clnp stop {driven[0]}` first, so that nothing is written during the copy")
        writing = open_database(target, create=True)
        try:
            with (translated(writing.url), writing.execution_options(**{WRITING: True}).begin() as into,
                  translated(reading.url), of_one_moment(reading).begin() as out_of):
                _refuse_runs(into)
                copied = {table.name: _copy_table(out_of, into, table) for table in _copied_tables()}
                continue_numbering(into, _copied_tables())
                return copied
        finally:
            writing.dispose()
    finally:
        reading.dispose()


def _refuse_runs(into: Connection) -> None:
    runs = into.scalar(select(func.count()).select_from(Run.__table__))
    if runs:
        raise DatabaseError(f"{shown(into.engine.url)} already holds {plural(runs, 'run')}",
                            "copy into a database without runs")


def _copied_tables() -> list[Table]:
    """Return all tables except the name of the database, of which the copy has its own."""
    return [table for table in Base.metadata.sorted_tables if table is not DatabaseIdentity.__table__]


def _copy_table(out_of: Connection, into: Connection, table: Table) -> int:
    """Copy rows in the order of their keys, so that a fork follows the run that it refers to."""
    copied = 0
    found = out_of.execution_options(stream_results=True).execute(select(table).order_by(*table.primary_key)).mappings()
    for rows in found.partitions(ROWS_AT_ONCE):
        values = [dict(row) for row in rows]
        for row in values if table is Run.__table__ else ():
            row.update(dict.fromkeys(LEASE))
        into.execute(insert(table), values)
        copied += len(values)
    return copied
