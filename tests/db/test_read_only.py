"""A database where nothing can be written: read whole, with what a killed driver left beside it, and never changed."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from db.engine import open_database
from db.read_only import ReadOnlyFile
from db.url import file_url
from tests.db.read_only import files_in, run_read_only

READ = """
from db.reads.reads import Reads
from db.engine import open_database
from db.sql import run_sql
from db.url import file_url
engine = open_database(file_url("runs.db"))
print(Reads(engine).runs(), run_sql("SELECT name FROM clnp_run_groups", file_url("runs.db")).rows)
"""
WRITE = """
from db.engine import open_database
from db.store.store import Store
from db.url import file_url
from tests.db.builders import new_run
Store(open_database(file_url("runs.db"))).create_run(new_run())
"""
INSERT = "INSERT INTO clnp_run_groups (name, created_at) VALUES ('lab', '2026-01-01 00:00:00')"


@contextmanager
def written(file: Path) -> Iterator[None]:
    """A database whose last transaction is in its -wal alone as long as the block lasts."""
    open_database(file_url(file), create=True).dispose()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(INSERT)
        connection.commit()
        assert file.with_name(f"{file.name}-wal").stat().st_size > 0
        yield


def read(folder: Path) -> str:
    before = files_in(folder)
    ended = run_read_only(folder, ["-c", READ])
    assert ended.returncode == 0, ended.stderr
    assert files_in(folder) == before
    return ended.stdout.strip()


@pytest.mark.parametrize("left", [(), ("-wal", "-shm"), ("-wal",)])
def test_what_was_committed_is_read(tmp_path: Path, left: tuple[str, ...]) -> None:
    folder = tmp_path / "snap%20shot"
    folder.mkdir()
    with written(tmp_path / "runs.db"):
        for ending in left:
            shutil.copyfile(tmp_path / f"runs.db{ending}", folder / f"runs.db{ending}")
        if left:
            shutil.copyfile(tmp_path / "runs.db", folder / "runs.db")
    if not left:  # a driver that has ended leaves one file
        shutil.copyfile(tmp_path / "runs.db", folder / "runs.db")
    assert read(folder) == "[] (('lab',),)"


def test_a_database_that_another_process_writes_to_is_read_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    with written(folder / "runs.db"):
        assert "(('lab',),)" in read(folder)


def test_the_copy_is_removed_with_its_last_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "snapshot").mkdir()
    with written(tmp_path / "runs.db"):
        for name in ("runs.db", "runs.db-wal"):
            shutil.copyfile(tmp_path / name, tmp_path / "snapshot" / name)
    file = ReadOnlyFile(tmp_path / "snapshot" / "runs.db", 1.0)
    file._copy = file._copied()
    for _ in range(2):
        with closing(file.connect()) as connection:
            assert connection.execute("SELECT name FROM clnp_run_groups").fetchall() == [("lab",)]
    assert len(list((tmp_path / "temporary").iterdir())) == 1
    del file
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_write_is_refused_in_one_sentence(tmp_path: Path) -> None:
    open_database(file_url(tmp_path / "runs.db"), create=True).dispose()
    ended = run_read_only(tmp_path, ["-c", WRITE])
    assert ended.returncode == 1 and "cannot be written to" in ended.stderr.splitlines()[-2]
