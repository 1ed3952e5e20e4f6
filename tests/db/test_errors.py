"""What a database driver raises, in words: PostgreSQL's errors apart by their SQLSTATE, and rows that clnp did not write."""

import threading

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from clnp_core.errors import DatabaseError
from db.errors import translate, translated
from db.reads.reads import Reads
from db.url import resolve_url
from tests.db.builders import Driver
from tests.messages import tells

SERVER = resolve_url("postgresql://ada:s3cret@h/clnp")


@pytest.mark.parametrize(("state", "message", "may_pass"), [
    (None, "the PostgreSQL server of postgresql://ada:***@h/clnp cannot be reached: *** failed", True),
    ("08006", "the PostgreSQL server of postgresql://ada:***@h/clnp cannot be reached: *** failed", True),
    ("57P01", "the PostgreSQL server of postgresql://ada:***@h/clnp cannot be reached: *** failed", True),
    ("40P01", "a transaction in postgresql://ada:***@h/clnp conflicted with another: *** failed", True),
    ("40001", "a transaction in postgresql://ada:***@h/clnp conflicted with another: *** failed", True),
    ("55P03", "rows of postgresql://ada:***@h/clnp are locked by another session", True),
    ("57014", "the server of postgresql://ada:***@h/clnp cancelled a statement: *** failed", False),
    ("53100", "no space is left for the database postgresql://ada:***@h/clnp", False),
    ("53200", "the server of postgresql://ada:***@h/clnp lacks memory or another resource: *** failed", False),
    ("58030", "the database postgresql://ada:***@h/clnp refused: *** failed", False),
])
def test_an_error_of_postgresql_is_what_its_state_says(state: str | None, message: str, may_pass: bool) -> None:
    kind = psycopg.errors.lookup(state) if state else psycopg.OperationalError
    told = translate(OperationalError("SELECT 1", {}, kind("s3cret failed")), SERVER)
    assert (told.message, told.may_pass) == (message, may_pass) and told.hint


def test_a_mistake_in_a_statement_is_no_database_that_is_missing() -> None:
    error = ProgrammingError("SELECT 1", {}, psycopg.errors.UndefinedTable('relation "x" does not exist'))
    assert tells(translate(error, SERVER), "h/clnp")


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_statement_that_takes_too_long_for_the_server(engine: Engine) -> None:
    with pytest.raises(DatabaseError) as caught, \
            translated(engine.url), engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 100"))
        connection.execute(text("SELECT pg_sleep(60)"))
    assert not caught.value.may_pass


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_deadlock_may_pass(driver: Driver, engine: Engine) -> None:
    both, raised = threading.Barrier(2), []

    def lock(*tables: str) -> None:
        try:
            with translated(engine.url), engine.begin() as connection:
                for table in tables:
                    connection.execute(text(f"LOCK TABLE {table}"))
                    if table == tables[0]:
                        both.wait(timeout=30)
        except DatabaseError as error:
            raised.append(error)

    orders = ("clnp_runs", "clnp_events"), ("clnp_events", "clnp_runs")
    threads = [threading.Thread(target=lock, args=order) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (error,) = raised
    assert error.may_pass and "deadlock detected" in error.message


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("setting", "reason"), [
    ("config = '{'", "'{' is not JSON"), ("created_at = 'yesterday'", "Invalid isoformat string: 'yesterday'"),
])
def test_a_row_that_clnp_did_not_write(driver: Driver, reads: Reads, engine: Engine, setting: str, reason: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE clnp_runs SET {setting}")
    with pytest.raises(DatabaseError) as caught:
        reads.runs()
    assert tells(caught.value) and not caught.value.may_pass
    assert caught.value.message.endswith(f" contains a value that clnp did not write: {reason}")


def test_a_mistake_of_our_own_stays_what_it_is(engine: Engine) -> None:
    for kind in (ValueError, KeyError, TypeError):
        with pytest.raises(kind), translated(engine.url):
            raise kind("ours")
