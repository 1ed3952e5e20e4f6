"""Databases that earlier schemas wrote still open, hold what they held, and can be gone on with.

The assets are whole SQLite databases as SQL, each written by the release with that schema: a finished run of two tasks, and
one whose driver was killed in the second task's sweep. The first released schema is 0002. A new revision brings its own.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, create_engine, text

from clnp_core.errors import DatabaseError
from db.dialect import changing_schema, new_engine
from db.engine import MIGRATION_LOCK, open_database, upgrade
from db.liveness import this_owner
from db.reads.reads import Reads
from db.schema.migrate import upgrade_to
from db.schema.types import REVISIONS, VERSION_TABLE
from db.states import RunState, StageState, TrialState
from db.store.store import Store
from db.url import resolve_url
from tests.messages import naming

ASSETS = sorted((Path(__file__).parent / "assets").glob("*.sql"))


def written(asset: Path, folder: Path) -> Path:
    """The asset as a SQLite file."""
    file = folder / f"{asset.stem}.db"
    connection = sqlite3.connect(file)
    connection.executescript(asset.read_text(encoding="utf-8"))
    connection.close()
    return file


def rows(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in the order of the tables' dependence."""
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {table.name: [{key: _utc(value) for key, value in row.items()} for row in
                             connection.execute(table.select().order_by(*table.primary_key)).mappings()]
                for table in metadata.sorted_tables}


def _utc(value: Any) -> Any:
    """SQLite has no time zones: what stands there is UTC."""
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moved(before: dict[str, list[dict[str, Any]]], revision: str, engine: Engine) -> None:
    """The same database on PostgreSQL: the schema by its own revisions, the rows one to one."""
    with changing_schema(engine, MIGRATION_LOCK) as connection:
        upgrade_to(connection, revision)
    target = MetaData()
    target.reflect(engine)
    with engine.begin() as connection:
        for name in before:
            connection.execute(target.tables[name].delete())
        for name, found in before.items():
            table = target.tables[name]
            if found:
                connection.execute(table.insert(), found)
            if "id" in table.c and table.c.id.autoincrement is not False and found:
                connection.execute(text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
                                   {"name": name, "last": max(row["id"] for row in found)})


@pytest.fixture(params=ASSETS, ids=lambda path: path.stem)
def asset(request: pytest.FixtureRequest) -> Path:
    """One of them; its name is its revision."""
    return Path(request.param)


@pytest.fixture
def old(asset: Path, empty_url: str, tmp_path: Path) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The address of an old database on either server, and every row of it."""
    file = written(asset, tmp_path)
    source = create_engine(f"sqlite:///{file}")
    before = rows(source)
    source.dispose()
    if empty_url.startswith("sqlite"):
        return f"sqlite:///{file}", before
    engine = new_engine(resolve_url(empty_url))
    moved(before, asset.stem, engine)
    engine.dispose()
    return empty_url, before


def test_every_released_schema_has_its_asset() -> None:
    assert [asset.stem for asset in ASSETS] == list(REVISIONS[1:]), "0001 was never released"


def test_an_old_database_asks_for_an_upgrade_and_loses_nothing_by_it(asset: Path, old: tuple[str, Any]) -> None:
    url, before = old
    if asset.stem != REVISIONS[-1]:
        with pytest.raises(DatabaseError, match=naming("db upgrade")):
            open_database(url)
        assert upgrade(url) == (asset.stem, REVISIONS[-1])
    engine = open_database(url)
    after = rows(engine)
    engine.dispose()
    for name, found in before.items():
        if name != VERSION_TABLE:
            assert [{key: row[key] for key in was} for row, was in zip(after[name], found, strict=True)] == found, name


def test_its_runs_read_as_they_were(old: tuple[str, Any]) -> None:
    url, before = old
    upgrade(url)
    engine = open_database(url)
    reads = Reads(engine)
    assert {run.name: run.state for run in reads.runs()} == {"finished": RunState.COMPLETED, "interrupted": RunState.STOPPED}
    for run, tasks in (("finished", 2), ("interrupted", 1)):
        commits = reads.commits(run)
        assert [commit.task for commit in commits] == list(range(1, tasks + 1))
        assert {commit.digest for commit in commits} <= {row["digest"] for row in before["clnp_commits"]}
        assert len(reads.selections(run)) == tasks
        assert len(reads.accuracy_matrix(run)) == tasks * (tasks + 1) // 2
        assert len(reads.capacity(run)) == 2 * tasks and reads.events(run)
        for trial in reads.trials(run):
            if trial.state is TrialState.FINISHED:
                assert len(reads.trial_history(run, trial.task, trial.number)) == trial.epochs_run
                assert reads.threshold_curve(run, trial.task, trial.number)
    assert reads.artifacts()
    engine.dispose()


def test_a_driver_goes_on_with_the_interrupted_run(old: tuple[str, Any]) -> None:
    url, _ = old
    upgrade(url)
    engine = open_database(url)
    store, reads = Store(engine), Reads(engine)
    lease = store.acquire_lease("interrupted", this_owner(), ttl_seconds=0.0)
    store.release_trials(lease, 2)
    waiting = [trial for trial in reads.trials("interrupted", 2) if trial.state is not TrialState.FINISHED]
    assert 0 < len(waiting) < 4 and reads.stages("interrupted")[1].state is StageState.SWEEPING
    store.trial_started(lease, 2, waiting[0].number, "again", "host", "cpu")
    assert reads.trial("interrupted", 2, waiting[0].number).state is TrialState.RUNNING
    store.release_lease(lease)
    engine.dispose()
