"""The model of a disk that loses power must be as unkind as a real one, or it proves nothing."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.disk import STRACE, Disk, Operation, operations

WRITE_AND_RENAME = [Operation("folder", "ab"), Operation("create", "ab/.new"), Operation("write", "ab/.new", b"bits"),
                    Operation("rename", "ab/.new", target="ab/name")]


def ends(done: list[Operation]) -> dict[str, dict[str, bytes | None]]:
    disk = Disk()
    for operation in done:
        disk.apply(operation)
    return dict(disk.after_power_loss())


def test_nothing_is_safe_before_it_was_synced() -> None:
    left = ends(WRITE_AND_RENAME)
    assert left["everything"] == {"ab": None, "ab/name": b"bits"}
    assert left["only what was synced"] == {}
    assert left["names without contents"] == {"ab": None, "ab/name": b""}
    assert left["contents without names"] == {}


def test_a_synced_file_keeps_its_content_and_not_its_name() -> None:
    done = [*WRITE_AND_RENAME[:3], Operation("sync", "ab/.new"), *WRITE_AND_RENAME[3:]]
    assert ends(done)["names without contents"]["ab/name"] == b"bits"
    assert ends(done)["only what was synced"] == {}


def test_a_synced_folder_keeps_names_only_if_it_survives_itself() -> None:
    synced = [*WRITE_AND_RENAME[:3], Operation("sync", "ab/.new"), *WRITE_AND_RENAME[3:], Operation("sync", "ab")]
    assert ends(synced)["only what was synced"] == {}, "nobody synced the folder above"
    assert ends([*synced, Operation("sync", ".")])["only what was synced"] == {"ab": None, "ab/name": b"bits"}


def test_a_removal_is_undone_until_the_folder_is_synced() -> None:
    safe = [Operation("create", "a"), Operation("write", "a", b"1"), Operation("sync", "a"), Operation("sync", "."),
            Operation("remove", "a")]
    assert ends(safe)["everything"] == {}
    assert ends(safe)["only what was synced"] == {"a": b"1"}
    assert ends([*safe, Operation("sync", ".")])["only what was synced"] == {}


def test_the_last_write_may_be_torn_in_two() -> None:
    done = [Operation("create", "a"), Operation("write", "a", b"1234"), Operation("write", "a", b"abcd", offset=2)]
    left = ends(done)
    assert left["everything"] == {"a": b"12abcd"}
    assert left["half of the last write"] == {"a": b"12ab"}
    assert "half of the last write" not in ends([*done, Operation("sync", "a")])


def test_a_file_is_cut_and_emptied() -> None:
    assert ends([Operation("create", "a"), Operation("write", "a", b"1234"), Operation("truncate", "a", size=2)])[
        "everything"] == {"a": b"12"}
    assert ends([Operation("create", "a"), Operation("write", "a", b"1234"), Operation("empty", "a"),
                 Operation("write", "a", b"x")])["everything"] == {"a": b"x"}


PROGRAM = """
import os, sqlite3, threading
from pathlib import Path
from workers.storage.schemes import open_files
{sabotage}
store = open_files("store")
connection = sqlite3.connect("d.db", check_same_thread=False)
connection.execute("PRAGMA journal_mode = WAL"); connection.execute("PRAGMA synchronous = FULL")
connection.execute("CREATE TABLE artifacts (name TEXT)"); connection.commit()
lock = threading.Lock()
def one(number):
    store.write(f"{{number}}/file", bytes([number]) * 5000)
    with lock:
        connection.execute("INSERT INTO artifacts VALUES (?)", (f"store/{{number}}/file",)); connection.commit()
threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
connection.close()
"""


STORED_AGAIN = """
import os, sqlite3, torch, workers.storage.local
from pathlib import Path
from workers.storage.artifacts import ArtifactStore
{sabotage}
def put():
    return ArtifactStore("new/store").put({{"weight": torch.arange(2000.0)}}, {{}}).digest
sync, child = workers.storage.local._sync, os.fork()
if not child:
    workers.storage.local._sync = lambda path: os._exit(9) if list(Path("new/store").glob("*/*.safetensors")) else sync(path)
    put()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9, "it died between the rename and the sync of the folder"
digest = put()
connection = sqlite3.connect("d.db")
connection.execute("PRAGMA journal_mode = WAL"); connection.execute("PRAGMA synchronous = FULL")
connection.execute("CREATE TABLE artifacts (name TEXT)"); connection.commit()
connection.execute("INSERT INTO artifacts VALUES (?)", (f"new/store/{{digest[:2]}}/{{digest}}.safetensors",))
connection.commit()
connection.close()
"""


def rows_without_their_file(folder: Path, sabotage: str = "", program: str = PROGRAM) -> tuple[int, int]:
    """A program that stores files, each with a row after it, is recorded; returns the rows at all moments, and how many of them
    point at nothing then."""
    lab = folder / "lab"
    lab.mkdir()
    log = folder / "calls"
    subprocess.run([*STRACE, "-o", str(log), sys.executable, "-c", program.format(sabotage=sabotage)], check=True, cwd=lab,
                   env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"})
    disk, rows, bad, restart = Disk(), 0, 0, folder / "restart"
    whole = {path.relative_to(lab).as_posix(): path.read_bytes() for path in lab.rglob("*") if path.is_file()}
    with log.open() as lines:
        for operation in operations(lines, str(lab)):
            disk.apply(operation)
            for _, left in disk.after_power_loss():
                shutil.rmtree(restart, ignore_errors=True)
                restart.mkdir()
                for name in ("d.db", "d.db-wal", "d.db-journal"):
                    if name in left:
                        (restart / name).write_bytes(left[name] or b"")
                connection = sqlite3.connect(restart / "d.db")
                if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    for (path,) in connection.execute("SELECT name FROM artifacts").fetchall():
                        rows += 1
                        bad += left.get(path) != whole[path]
                connection.close()
    assert {path: content for path, content in dict(disk.after_power_loss())["everything"].items()
            if content is not None} == whole, "the model ends like the real disk"
    return rows, bad


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
def test_a_row_never_points_at_bytes_that_a_power_loss_took(tmp_path: Path) -> None:
    rows, bad = rows_without_their_file(tmp_path)
    assert rows > 100 and bad == 0


@needs_strace
def test_what_a_killed_worker_had_renamed_is_safe_once_it_is_stored_again(tmp_path: Path) -> None:
    rows, bad = rows_without_their_file(tmp_path, program=STORED_AGAIN)
    assert rows > 2 and bad == 0


@needs_strace
def test_equal_content_that_is_not_synced_again_is_caught(tmp_path: Path) -> None:
    sabotage = "workers.storage.local.FolderFiles.touch = lambda self, name: os.utime(self._path(name))"
    assert rows_without_their_file(tmp_path, sabotage, STORED_AGAIN)[1] > 0


@needs_strace
def test_a_new_folder_around_the_database_survives(tmp_path: Path) -> None:
    lab, log = tmp_path / "lab", tmp_path / "calls"
    lab.mkdir()
    program = "from db.engine import open_database; open_database('sqlite:///.clnp/deep/clnp.db', create=True).dispose()"
    subprocess.run([*STRACE, "-o", str(log), sys.executable, "-c", program], check=True, cwd=lab,
                   env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"})
    disk = Disk()
    with log.open() as lines:
        for operation in operations(lines, str(lab)):
            disk.apply(operation)
    assert dict(disk.after_power_loss())["only what was synced"][".clnp/deep/clnp.db"]


@needs_strace
@pytest.mark.parametrize("sabotage", [
    "import workers.storage.local; workers.storage.local._sync = lambda path: None",
    "os.fsync = lambda descriptor: None",
], ids=["folders are not synced", "nothing is synced"])
def test_an_artifact_store_that_does_not_sync_is_caught(tmp_path: Path, sabotage: str) -> None:
    assert rows_without_their_file(tmp_path, sabotage)[1] > 0
