"""The revisions: up and down on both databases, and the same schema as the models."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from clnp_core.selection import SelectionRule, Verdict
from db.dialect import changing_schema, new_engine
from db.engine import MIGRATION_LOCK, open_database, upgrade
from db.reads.reads import Reads
from db.schema.migrate import configuration, upgrade_to
from db.schema.new_revision import write_revision
from db.schema.types import REVISIONS, VERSION_TABLE, Base
from db.store.store import Store
from db.url import resolve_url
from tests.db.builders import Driver, downgrade_to, selection, verdicts


@pytest.fixture
def empty_engine(empty_url: str) -> Iterator[Engine]:
    engine = new_engine(resolve_url(empty_url))
    yield engine
    engine.dispose()


def tables_and_views(connection: Connection) -> set[str]:
    found = inspect(connection)
    return {*found.get_table_names(), *found.get_view_names()} - {VERSION_TABLE}


def test_the_known_revisions_are_alembics(empty_engine: Engine) -> None:
    with empty_engine.connect() as connection:
        scripts = ScriptDirectory.from_config(configuration(connection))
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert scripts.get_heads() == [REVISIONS[-1]]


def test_every_revision_up_and_down_and_up_again(empty_engine: Engine) -> None:
    after: dict[str, set[str]] = {}
    for revision in REVISIONS:
        with changing_schema(empty_engine, MIGRATION_LOCK) as connection:
            upgrade_to(connection, revision)
            after[revision] = tables_and_views(connection)
    assert {table.name for table in Base.metadata.sorted_tables} <= after[REVISIONS[-1]]
    for revision, before in reversed(list(zip(REVISIONS, ("base", *REVISIONS), strict=False))):
        with changing_schema(empty_engine, MIGRATION_LOCK) as connection:
            assert tables_and_views(connection) == after[revision]
            downgrade_to(connection, before)
    with changing_schema(empty_engine, MIGRATION_LOCK) as connection:
        assert tables_and_views(connection) == set()
        upgrade_to(connection)
        assert tables_and_views(connection) == after[REVISIONS[-1]]


def test_the_models_are_the_migrated_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={
            "compare_type": True, "version_table": VERSION_TABLE,
            "include_name": lambda name, kind, parents: kind != "table" or str(name).startswith("clnp_")})
        assert compare_metadata(context, Base.metadata) == []


def test_the_checks_of_the_models_are_migrated_too(engine: Engine, empty_engine: Engine) -> None:
    """Alembic does not compare CHECK constraints, so they are compared with those that the models themselves make."""
    def checks(of: Engine) -> set[tuple[str, str, str]]:
        with of.connect() as connection:
            return {(table.name, str(check["name"]), check["sqltext"]) for table in Base.metadata.sorted_tables
                    for check in inspect(connection).get_check_constraints(table.name)}

    with changing_schema(empty_engine, MIGRATION_LOCK) as connection:
        Base.metadata.create_all(connection)
    assert checks(engine) == checks(empty_engine)
    assert len(checks(engine)) >= 9


def test_an_upgrade_keeps_every_row(empty_url: str) -> None:
    engine = open_database(empty_url, create=True)
    driver = Driver.of_new_run(Store(engine))
    driver.commit()
    driver.begin(2)
    reads = Reads(engine)

    def everything() -> tuple[object, ...]:
        return (reads.run("demo"), reads.stages("demo"), reads.trials("demo"), reads.verdicts("demo"), reads.selections("demo"),
                reads.commits("demo"), reads.capacity("demo"), reads.accuracy_matrix("demo"), reads.events("demo"))

    before = everything()
    with changing_schema(engine, MIGRATION_LOCK) as connection:
        downgrade_to(connection, REVISIONS[-2])
    assert upgrade(empty_url) == (REVISIONS[-2], REVISIONS[-1])
    assert before == everything()
    assert [selection.rule for selection in reads.selections("demo")] == [SelectionRule.SPARSEST]
    engine.dispose()


def test_0003_admits_the_new_words_and_no_others(empty_url: str) -> None:
    engine = open_database(empty_url, create=True)
    driver, reads = Driver.of_new_run(Store(engine)), Reads(engine)
    driver.sweep()
    judged = [dataclasses.replace(verdict, verdict=Verdict.BETTER_TRADE_OFF_EXISTS) if verdict.number == 2 else verdict
              for verdict in verdicts()]
    chosen = selection(rule=SelectionRule.TRADE_OFF, capacity_weight_points="0.50")
    driver.store.record_selection(driver.lease, 1, chosen, judged)
    for table, column in (("clnp_verdicts", "verdict"), ("clnp_selections", "rule")):
        with pytest.raises(IntegrityError, match=f"ck_{table}_{column}"), changing_schema(engine, MIGRATION_LOCK) as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = 'another word'"))
    with changing_schema(engine, MIGRATION_LOCK) as connection:
        downgrade_to(connection, "0002")
        assert set(connection.scalars(text("SELECT verdict FROM clnp_verdicts"))) == {"chosen", "sparser one exists"}
    assert upgrade(empty_url) == ("0002", REVISIONS[-1])
    (found,) = reads.selections("demo")
    assert (found.rule, found.capacity_weight_points) == (SelectionRule.SPARSEST, None)
    engine.dispose()


def test_a_revision_that_fails_changes_nothing(empty_engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), changing_schema(empty_engine, MIGRATION_LOCK) as connection:
        upgrade_to(connection)
        raise ZeroDivisionError
    with empty_engine.connect() as connection:
        assert tables_and_views(connection) == set()


def test_a_revision_that_leaves_rows_dangling_is_taken_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('dangling') / 'clnp.db'}"
    engine = open_database(url, create=True)
    Driver.of_new_run(Store(engine))
    with (pytest.raises(Exception, match="refer to rows that do not exist"),
          changing_schema(engine, MIGRATION_LOCK) as connection):
        connection.execute(text("DELETE FROM clnp_runs"))
    assert [run.name for run in Reads(engine).runs()] == ["demo"]
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()


def test_a_draft_of_a_revision_spells_its_types_out(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'clnp.db'}", create=True)
    with changing_schema(engine, MIGRATION_LOCK) as connection:
        connection.execute(text("DROP TABLE clnp_events"))
    (tmp_path / "versions").mkdir()
    draft = write_revision(engine, "events again", tmp_path / "versions").read_text()
    engine.dispose()
    compile(draft, "draft", "exec")
    assert f"down_revision = {REVISIONS[-1]!r}" in draft and "op.create_table('clnp_events'" in draft
    assert "db.schema.types" not in draft and "sa.DateTime(timezone=True), nullable=False" in draft
