"""Opening databases: fresh, old, new, foreign, locked, damaged, unreachable; what each says."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from clnp_core.errors import DatabaseError
from db.dialect import WRITING, changing_schema, new_engine
from db.engine import MIGRATION_LOCK, open_database, upgrade
from db.reads.reads import Reads
from db.schema.types import REVISIONS, VERSION_TABLE
from db.store.store import Store
from db.url import resolve_url, shown
from tests.db.builders import new_run
from tests.messages import tells


def at_revision(url: str, revision: str) -> None:
    """Make a database whose schema is at a revision, known or not."""
    open_database(url, create=True).dispose()
    engine = new_engine(resolve_url(url))
    with changing_schema(engine, MIGRATION_LOCK) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"))
    engine.dispose()


def refusal(url: str, create: bool = False, seconds: float = 30.0) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        open_database(url, create, busy_timeout_seconds=seconds)
    return caught.value


class TestFresh:
    def test_is_created_on_request_only(self, empty_url: str) -> None:
        assert "yet" in refusal(empty_url).message
        engine = open_database(empty_url, create=True)
        Store(engine).create_run(new_run())
        engine.dispose()
        engine = open_database(empty_url)
        assert [run.name for run in Reads(engine).runs()] == ["demo"]
        engine.dispose()

    def test_lives_beside_other_tables_and_their_alembic(self, empty_url: str) -> None:
        foreign = new_engine(resolve_url(empty_url))
        with foreign.begin() as connection:
            connection.execute(text("CREATE TABLE trials (id INTEGER PRIMARY KEY)"))
            connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
            connection.execute(text("INSERT INTO alembic_version VALUES ('v3.0.0.d')"))
        engine = open_database(empty_url, create=True)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "v3.0.0.d"
            assert {"trials", "alembic_version", "clnp_runs", VERSION_TABLE} <= set(inspect(connection).get_table_names())
        engine.dispose()
        foreign.dispose()

    def test_refuses_tables_named_like_ours(self, empty_url: str) -> None:
        foreign = new_engine(resolve_url(empty_url))
        with foreign.begin() as connection:
            connection.execute(text("CREATE TABLE clnp_runs (id INTEGER PRIMARY KEY)"))
        for create in (False, True):
            assert str(refusal(empty_url, create)) == (
                f"{shown(empty_url)} has tables with clnp's names that clnp did not create: clnp_runs\n"
                "use another database, or rename those tables")
        foreign.dispose()

    def test_of_several_processes_at_once_is_created_once(self, empty_url: str) -> None:
        program = ("import sys; from db.engine import open_database\n"
                   "engine = open_database(sys.argv[1], create=True); engine.dispose()")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        processes = [subprocess.Popen([sys.executable, "-c", program, empty_url], env=environment, stderr=subprocess.PIPE)
                     for _ in range(2)]
        errors = [process.communicate()[1].decode() for process in processes]
        assert [process.returncode for process in processes] == [0, 0], errors
        open_database(empty_url).dispose()


class TestRevisions:
    def test_of_a_newer_clnp_is_refused(self, empty_url: str) -> None:
        at_revision(empty_url, "9999")
        expected = (f"{shown(empty_url)} has the schema 9999 of a newer clnp; this version supports up to {REVISIONS[-1]}\n"
                    "install the newer version; a schema cannot be downgraded")
        assert str(refusal(empty_url)) == str(refusal(empty_url, create=True)) == expected
        with pytest.raises(DatabaseError):
            upgrade(empty_url)

    def test_of_an_older_clnp_wants_an_upgrade(self, empty_url: str) -> None:
        at_revision(empty_url, REVISIONS[0])
        expected = (f"{shown(empty_url)} has the older schema {REVISIONS[0]}; this version of clnp works with "
                    f"{REVISIONS[-1]}\nmake a copy of the database, then run `clnp db upgrade`")
        assert str(refusal(empty_url)) == str(refusal(empty_url, create=True)) == expected

    def test_upgrade_of_an_empty_and_of_an_up_to_date_database(self, empty_url: str) -> None:
        assert upgrade(empty_url) == (None, REVISIONS[-1])
        assert upgrade(empty_url) == (REVISIONS[-1], REVISIONS[-1])


class TestSqlite:
    def test_reading_makes_no_folder(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'new' / 'clnp.db'}"
        assert str(refusal(url)) == (f"there is no database at {url} yet\n"
                                     "launch a run first, or say in CLNP_DB_URL where the database is")
        assert list(tmp_path.iterdir()) == []
        open_database(url, create=True).dispose()
        assert (tmp_path / "new" / "clnp.db").is_file()

    def test_an_empty_file_holds_no_runs_yet(self, tmp_path: Path) -> None:
        (tmp_path / "empty.db").touch()
        assert "holds no runs yet" in refusal(f"sqlite:///{tmp_path / 'empty.db'}").message

    def test_settings(self, tmp_path: Path) -> None:
        engine = open_database(f"sqlite:///{tmp_path / 'clnp.db'}", create=True, busy_timeout_seconds=12.5)
        with engine.connect() as connection:
            settings = {name: connection.execute(text(f"PRAGMA {name}")).scalar()
                        for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")}
        engine.dispose()
        assert settings == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 12500}

    def test_a_file_that_is_no_database_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("not a database, just some notes, and long enough to have a header" * 40)
        before = path.read_bytes()
        for create in (False, True):
            assert str(refusal(f"sqlite:///{path}", create)) == (
                f"sqlite:///{path} is not a SQLite database\n"
                "choose another file in CLNP_DB_URL; this one was not changed")
        assert path.read_bytes() == before

    def test_a_folder(self, tmp_path: Path) -> None:
        assert str(refusal(f"sqlite:///{tmp_path}", create=True)) == (
            f"sqlite:///{tmp_path} is a folder\nname a file in it: sqlite:///{tmp_path}/clnp.db")

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        error = refusal(f"sqlite:///{tmp_path}/file/clnp.db", create=True)
        assert tells(error, tmp_path, "file/clnp.db")

    def test_a_lock_that_is_held_too_long(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'clnp.db'}"
        engine = open_database(url, create=True, busy_timeout_seconds=0.05)
        other = sqlite3.connect(tmp_path / "clnp.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError) as caught:
            Store(engine).create_run(new_run())
        assert tells(caught.value, url, "PostgreSQL")
        assert Reads(engine).runs() == []  # a reader is never in a writer's way, nor a writer in its
        other.execute("ROLLBACK")
        Store(engine).create_run(new_run())
        other.close()
        engine.dispose()

    def test_a_writer_waits_for_the_lock_before_it_reads(self, tmp_path: Path) -> None:
        engine = open_database(f"sqlite:///{tmp_path / 'clnp.db'}", create=True)
        begun: list[str] = []
        with engine.execution_options(**{WRITING: True}).begin() as connection:
            other = sqlite3.connect(tmp_path / "clnp.db", timeout=0, isolation_level=None)
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                begun.append(str(error))
            connection.execute(text("SELECT 1"))
        other.close()
        engine.dispose()
        assert begun == ["database is locked"]

    def test_damage(self, tmp_path: Path) -> None:
        path = tmp_path / "clnp.db"
        engine = open_database(f"sqlite:///{path}", create=True)
        with engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        engine.dispose()
        pages = bytearray(path.read_bytes())
        pages[100:4096] = b"\xff" * 3996
        path.write_bytes(pages)
        assert str(refusal(f"sqlite:///{path}")) == (
            f"the SQLite database sqlite:///{path} is damaged\nrestore it from a backup, or try `sqlite3 FILE .recover`")


class TestPostgresql:
    def test_no_server(self) -> None:
        error = refusal("postgresql://anna:s3cret@127.0.0.1:1/clnp")
        assert tells(error, "PostgreSQL", "127.0.0.1:1")
        assert "refused" in error.message and "s3cret" not in str(error)
        assert tells(error, "CLNP_DB_URL")

    def test_no_such_database(self, postgres_url: str) -> None:
        url = resolve_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
        error = refusal(url, create=True)
        assert 'database "nowhere" does not exist' in error.message
        assert tells(error, "createdb NAME", "CLNP_DB_URL")

    def test_rows_that_are_held_too_long(self, postgres_url: str) -> None:
        engine = open_database(postgres_url, create=True, busy_timeout_seconds=0.05)
        store = Store(engine)
        store.create_run(new_run())
        with engine.begin() as other:
            other.execute(text("SELECT * FROM clnp_runs FOR UPDATE"))
            with pytest.raises(DatabaseError) as caught:
                store.remove_run("demo")
        engine.dispose()
        assert tells(caught.value, shown(postgres_url))


def test_an_engine_survives_a_lost_connection(engine: Engine, kind: str) -> None:
    if kind == "postgresql":
        with engine.connect() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        killer = new_engine(engine.url)
        with killer.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        killer.dispose()
    Store(engine).create_run(new_run())
    assert len(Reads(engine).runs()) == 1


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_new_database_is_readable_to_whom_the_umask_says(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        open_database(f"sqlite:///{tmp_path}/folder/clnp.db", create=True).dispose()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "folder" / "clnp.db").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~mask
