"""SQL that can only read, whatever it tries."""

from pathlib import Path

import pytest

from clnp_core.errors import DatabaseError
from db.reads import Reads
from db.sqlshell import TABLES, run_sql
from tests.db.builders import Driver

WRITES = [
    "DELETE FROM clnp_runs",
    "UPDATE clnp_runs SET name = 'gone'",
    "DROP TABLE clnp_events",
    "CREATE TABLE extra (id INTEGER)",
    "INSERT INTO clnp_run_groups (name, created_at) VALUES ('g', '2026-01-01 00:00:00')",
    "SELECT 1; DELETE FROM clnp_runs",
    "COMMIT; DELETE FROM clnp_runs; SELECT 1",
]


def test_reads_tables_and_views(driver: Driver, url: str) -> None:
    driver.commit()
    result = run_sql("SELECT run, state, tasks FROM clnp_v_runs WHERE run LIKE 'de%'", url)
    assert result.columns == ("run", "state", "tasks") and result.rows == (("demo", "running", 3),)
    assert len(run_sql("SELECT * FROM clnp_trials", url, max_rows=2).rows) == 2
    assert run_sql("WITH t AS (SELECT number FROM clnp_trials) SELECT max(number) FROM t;", url).rows == ((2,),)


@pytest.mark.parametrize("statement", WRITES)
def test_writes_nothing(driver: Driver, reads: Reads, url: str, statement: str) -> None:
    before = reads.runs(), reads.events("demo")
    with pytest.raises(DatabaseError, match="the statement was refused: "):
        run_sql(statement, url)
    assert (reads.runs(), reads.events("demo")) == before
    assert run_sql("SELECT count(*) FROM clnp_events", url).rows[0][0] == len(before[1])


def test_a_write_is_told_what_writes(driver: Driver, url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        run_sql("DELETE FROM clnp_runs", url)
    assert caught.value.hint == "`clnp sql` only reads; a run is changed by clnp's own commands"


def test_a_setting_that_would_allow_writes_is_gone_with_its_statement(driver: Driver, url: str, kind: str) -> None:
    if kind == "postgresql":
        run_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", url)
    else:
        run_sql("PRAGMA query_only = OFF", url)
    with pytest.raises(DatabaseError, match=r"read-only|readonly"):
        run_sql("DELETE FROM clnp_runs", url)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_no_other_file_is_reached(driver: Driver, url: str, tmp_path: Path) -> None:
    for statement in (f"ATTACH DATABASE '{tmp_path / 'other.db'}' AS other", f"VACUUM INTO '{tmp_path / 'copy.db'}'"):
        with pytest.raises(DatabaseError):
            run_sql(statement, url)
    assert not (tmp_path / "other.db").exists() and not (tmp_path / "copy.db").exists()


def test_a_mistake_is_said_in_one_line(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        run_sql("SELECT count(*) FROM nowhere", url)
    assert "nowhere" in caught.value.message and "\n" not in caught.value.message
    assert caught.value.hint == TABLES


def test_a_statement_without_a_result(url: str) -> None:
    assert run_sql("  -- only a comment", url).rows == ()
