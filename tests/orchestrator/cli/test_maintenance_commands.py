"""verify, rm, db upgrade."""

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from db.schema.types import REVISIONS
from tests.db.builders import downgrade_to
from tests.orchestrator.cli.conftest import Outcome, Recorded, environment, written

Clnp = Callable[..., Outcome]


@pytest.fixture
def copy(recorded: Recorded, tmp_path: Path) -> Path:
    """A copy of the recorded run that a test may spoil."""
    shutil.copytree(recorded.folder, tmp_path / "copy")
    return tmp_path / "copy"


def _artifact(folder: Path, digest: str) -> Path:
    return folder / ".clnp" / "artifacts" / digest[:2] / f"{digest}.safetensors"


def test_verify_proves_every_commit_again(on_tiny: Clnp) -> None:
    verified = on_tiny("verify", "tiny")
    lines = verified.out.splitlines()
    assert verified.code == 0
    assert [line.split()[0] for line in lines[2:4]] == ["1", "2"] and all(line.endswith("  identical") for line in lines[2:4])
    assert lines[-1] == ("2 commits of run tiny verified from storage: no earlier task has changed "
                         "(359 test samples compared).")
    document = on_tiny("verify", "tiny", "--json").document
    assert document["verified"] is True and document["commits"][1]["tasks_compared"] == [1]
    assert document["commits"][1]["logits_compared"] is True


def test_verify_finds_one_flipped_bit(copy: Path, clnp: Clnp) -> None:
    digest = clnp("show", "tiny", "--json", folder=copy).document["commits"][0]["digest"]
    content = bytearray(_artifact(copy, digest).read_bytes())
    content[-1] ^= 1
    _artifact(copy, digest).write_bytes(content)
    code, message, hint = clnp("verify", "tiny", folder=copy).error
    assert code == 6 and "is damaged" in message and hint == "restore it from a backup; the damaged content was not used"


def test_verify_before_the_first_commit(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.let_go()
    assert clnp("verify", "demo", folder=tmp_path).refuses(4, "demo", "clnp resume demo")


def test_rm_refuses_where_nobody_can_be_asked(copy: Path, clnp: Clnp) -> None:
    for flags in ((), ("--json",)):
        assert clnp("rm", "tiny", *flags, folder=copy).code == 2
    code, message, hint = clnp("rm", "tiny", folder=copy).error
    assert message.startswith("run tiny (completed, 2 committed tasks, 4 trials, ")
    assert message.endswith(" of weights) would be removed, and there is no terminal for a confirmation")
    assert (code, hint) == (2, "confirm with `clnp rm tiny --yes`")
    assert clnp("ls", "--json", folder=copy).document


def test_rm_removes_rows_and_weights(copy: Path, clnp: Clnp) -> None:
    files = list((copy / ".clnp" / "artifacts").glob("??/*.safetensors"))
    size = sum(file.stat().st_size for file in files)
    assert len(files) == 6, "four trials and two commits"
    printed = copy / ".clnp" / "artifacts" / "logs" / "tiny" / "task-1" / "abc.log"
    printed.parent.mkdir(parents=True, exist_ok=True)
    printed.write_text("what a trial printed\n")
    assert clnp("rm", "tiny", "--yes", "--json", folder=copy).document == {
        "run": "tiny", "removed": True, "bytes_freed": size}
    assert not [file for file in files if file.exists()]
    assert not (copy / ".clnp" / "artifacts" / "logs" / "tiny").exists()
    assert clnp("ls", "--json", folder=copy).document == []


def test_rm_leaves_a_run_that_is_driven(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path):
        code, message, _ = clnp("rm", "demo", "--yes", folder=tmp_path).error
        assert code == 8 and message.startswith(f"run 'demo' is driven by process {os.getpid()} on ")


@pytest.mark.parametrize(("answer", "code", "end", "left"), [
    (b"y\n", 0, "", 0), (b"\n", 0, "nothing was removed\n", 1),
    (b"\x04", 130, "error: interrupted\nhint: what is recorded is safe; `clnp status` shows what can be resumed\n", 1)])
def test_rm_asks_on_a_terminal(tmp_path: Path, clnp: Clnp, answer: bytes, code: int, end: str, left: int) -> None:
    with written(tmp_path) as run:
        run.let_go()
    master, slave = pty.openpty()
    try:
        os.write(master, answer)
        done = subprocess.run([sys.executable, "-m", "orchestrator.cli", "rm", "demo"], cwd=tmp_path, env=environment(),
                              stdin=slave, capture_output=True, text=True)
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == code and done.stderr.endswith(end), done
    assert "Remove run demo (stopped, 0 committed tasks, 0 trials, 0 B of weights) for good? [y/N]" in done.stderr
    assert len(clnp("ls", "--json", folder=tmp_path).document) == left


def test_upgrade_says_what_it_did(tmp_path: Path, clnp: Clnp) -> None:
    where, newest = f"sqlite:///{tmp_path}/.clnp/clnp.db", REVISIONS[-1]
    assert clnp("db", "upgrade", folder=tmp_path).out == f"{where} is new, with schema {newest}\n"
    assert clnp("db", "upgrade", folder=tmp_path).out == f"{where} has the newest schema already: {newest}\n"
    assert clnp("db", "upgrade", "--json", folder=tmp_path).document == {
        "database": where, "revision_before": newest, "revision_after": newest}


def test_an_older_schema_is_refused_until_it_is_upgraded(tmp_path: Path, clnp: Clnp) -> None:
    from db.dialect import changing_schema
    from db.engine import MIGRATION_LOCK, open_database

    engine = open_database(f"sqlite:///{tmp_path}/.clnp/clnp.db", create=True)
    with changing_schema(engine, MIGRATION_LOCK) as connection:
        downgrade_to(connection, REVISIONS[0])
    engine.dispose()
    where = f"sqlite:///{tmp_path}/.clnp/clnp.db"
    assert clnp("ls", folder=tmp_path).refuses(5, where, REVISIONS[0], REVISIONS[-1], "clnp db upgrade")
    assert clnp("db", "upgrade", folder=tmp_path).out == f"{where}: schema {REVISIONS[0]} became {REVISIONS[-1]}\n"
    assert clnp("ls", folder=tmp_path).code == 0


def test_a_newer_schema_is_left_alone(tmp_path: Path, clnp: Clnp) -> None:
    assert clnp("db", "upgrade", folder=tmp_path).code == 0
    with sqlite3.connect(tmp_path / ".clnp" / "clnp.db") as connection:
        connection.execute("UPDATE clnp_alembic_version SET version_num = '9999'")
    connection.close()
    for command in (("ls",), ("db", "upgrade")):
        code, message, hint = clnp(*command, folder=tmp_path).error
        assert code == 5 and "has the schema 9999 of a newer clnp" in message
        assert hint == "install the newer version; a schema cannot be downgraded"
