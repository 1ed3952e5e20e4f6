"""SQL that can only read, whatever it tries."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from clnp_core.errors import DatabaseError
from db.reads.reads import Reads
from db.sql import READING_ROLE, READS_ONLY, TABLES, distinct, first_word, run_sql
from tests.db.builders import Driver
from tests.messages import naming

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


def test_no_two_columns_have_one_name(url: str) -> None:
    result = run_sql("SELECT 1 AS n, 2 AS n, 3 AS n_2, 4 AS n", url)
    assert dict(zip(result.columns, result.rows[0], strict=True)) == {"n": 1, "n_3": 2, "n_2": 3, "n_4": 4}
    assert distinct(["a", "b"]) == ("a", "b") and distinct([]) == ()
    assert distinct(["n", "n", "n"]) == ("n", "n_2", "n_3")


@pytest.mark.parametrize("statement", WRITES)
def test_writes_nothing(driver: Driver, reads: Reads, url: str, statement: str) -> None:
    before = reads.runs(), reads.events("demo")
    with pytest.raises(DatabaseError):
        run_sql(statement, url)
    assert (reads.runs(), reads.events("demo")) == before
    assert run_sql("SELECT count(*) FROM clnp_events", url).rows[0][0] == len(before[1])


def test_a_write_is_told_what_writes(driver: Driver, url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        run_sql("DELETE FROM clnp_runs", url)
    assert caught.value.hint == READS_ONLY


def test_a_setting_that_would_allow_writes_is_gone_with_its_statement(driver: Driver, url: str, kind: str) -> None:
    if kind == "postgresql":
        run_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", url)
    else:
        with pytest.raises(DatabaseError, match=naming("not authorized")):
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


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_pragma_tells_and_sets_nothing(driver: Driver, url: str) -> None:
    for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA journal_mode(DELETE)", "PRAGMA user_version = 3",
                      "PRAGMA wal_checkpoint", "PRAGMA optimize", "PRAGMA main.WRITABLE_SCHEMA = 1"):
        with pytest.raises(DatabaseError, match=naming("not authorized")) as caught:
            run_sql(statement, url)
        assert caught.value.hint == READS_ONLY
    assert run_sql("PRAGMA journal_mode", url).rows == (("wal",),)
    assert run_sql("PRAGMA integrity_check", url).rows == (("ok",),)
    columns = {row[1] for row in run_sql("PRAGMA table_info(clnp_runs)", url).rows}
    assert columns == {row[0] for row in run_sql("SELECT name FROM pragma_table_info('clnp_runs')", url).rows} > {"name"}


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_no_file_and_no_program_of_the_server_is_reached(driver: Driver, url: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    for statement in (f"COPY (SELECT 1) TO PROGRAM 'touch {made}'", f"/* a /* b */ */ -- c\n ; copy (SELECT 1) TO '{made}'",
                      f"DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM $p$touch {made}$p$'; END $$"):
        with pytest.raises(DatabaseError, match=naming("the server")) as caught:
            run_sql(statement, url)
        assert caught.value.hint == READS_ONLY
    assert not made.exists()


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("statement", [
    "SELECT lo_export(lo_import('/etc/hostname'), '/tmp/x')", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_catalog . \"pg_cancel_backend\" (1)", "LOCK TABLE clnp_runs", "SELECT PG_Advisory_Lock(1)", "CHECKPOINT",
    "SELECT query_to_xml('select 1', true, true, '')", "SELECT * FROM ts_stat('SELECT to_tsvector(''a'')')",
    "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery')", "SELECT set_config('role', 'postgres', true)",
    "SELECT U&\"lo\\005fexport\"(1, 'x')", "EXPLAIN ANALYZE SELECT pg_read_file('/etc/passwd')", "NOTIFY x"])
def test_nothing_acts_on_the_server(driver: Driver, url: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match=naming("the server")) as caught:
        run_sql(statement, url)
    assert caught.value.hint == READS_ONLY


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_superuser_reads_as_a_role_that_may_only_read(
        driver: Driver, engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_sql("SELECT session_user <> current_user, current_user", url).rows == ((True, READING_ROLE),)
    monkeypatch.setattr("db.sql.ACTING_FUNCTIONS", re.compile("$x"))  # the server refuses what a look would miss
    for statement in ("SELECT lo_export(1, '/tmp/x')", "SELECT pg_read_file('/etc/hostname')", "SELECT pg_reload_conf()"):
        with pytest.raises(DatabaseError, match=naming("permission denied")):
            run_sql(statement, url)
    with engine.connect() as other:
        pid = other.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with pytest.raises(DatabaseError, match=naming("permission denied")):
            run_sql(f"SELECT pg_terminate_backend({pid})", url)
        assert other.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_one_without_that_role_reads_as_itself(driver: Driver, url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in ("CREATE ROLE clnp_plain LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO clnp_plain"):
            connection.execute(text(statement))
    try:
        plain = make_url(url).set(username="clnp_plain").render_as_string(hide_password=False)
        assert run_sql("SELECT run, current_user FROM clnp_v_runs", plain).rows == (("demo", "clnp_plain"),)
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY clnp_plain"))
            connection.execute(text("DROP ROLE clnp_plain"))


@pytest.mark.parametrize(("statement", "word"), [
    ("SELECT 1", "SELECT"), ("  \n\tcopy(SELECT 1) TO STDOUT", "COPY"), ("-- COPY\rselect 1", "SELECT"), ("/* COPY", ""),
    ("/**/COPY", "COPY"), ("/*/ COPY */with x", "WITH"), ("(SELECT 1)", ""), ("", ""), ("-- a comment", ""), ("- - x", "")])
def test_the_word_that_a_statement_begins_with(statement: str, word: str) -> None:
    assert first_word(statement) == word


def test_ctrl_c_ends_a_long_statement(driver: Driver, url: str, kind: str) -> None:
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    endless = rows if kind == "sqlite" else "SELECT pg_sleep(600)"
    script = "import sys, db.engine\nfrom db.sql import run_sql\nprint('ready', flush=True)\nrun_sql(*sys.argv[1:])"
    shell = subprocess.Popen([sys.executable, "-c", script, endless, url], cwd=Path(__file__).parents[2], text=True,
                             env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert shell.stdout is not None and shell.stdout.readline() == "ready\n"
        time.sleep(1.5)
        shell.send_signal(signal.SIGINT)
        _, err = shell.communicate(timeout=60)
        assert err.rstrip().endswith("KeyboardInterrupt")
    finally:
        shell.kill()
