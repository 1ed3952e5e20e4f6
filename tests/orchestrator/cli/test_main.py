"""How commands end: exit codes, errors in two lines or as JSON, and never a traceback."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from clnp_core import errors
from clnp_core.errors import ClnpError
from orchestrator.cli.commands import MODULES
from orchestrator.cli.errors import of_clnp
from tests.orchestrator.cli.conftest import TINY, Outcome, environment, written

Clnp = Callable[..., Outcome]


def test_without_arguments_it_explains_itself(clnp: Clnp) -> None:
    asked = clnp("-h")
    assert clnp() == asked == clnp("--help") and asked.code == 0 and asked.err == ""
    for name in MODULES:
        assert f"\n  {name} " in asked.out
        assert clnp(name, "-h").out.startswith(f"Usage: clnp {name} ")
    assert "..." not in asked.out.replace("[ARGS]...", ""), "no summary is cut off in 80 columns"


def test_the_version_names_the_code(clnp: Clnp) -> None:
    assert clnp("--version").out.startswith("clnp ") and "+" in clnp("--version").out


@pytest.mark.parametrize(("arguments", "message", "hint"), [
    (["stats"], ("clnp stats",), ("clnp status",)),
    (["xyzzy"], ("clnp xyzzy",), ("launch", "resume", "status", "doctor", "serve")),
    (["db", "upgrad"], ("clnp db upgrad",), ("clnp db upgrade",)),
    (["db"], (), ("clnp db -h",)),
    (["trials", "tiny", "--tsk", "1"], ("clnp trials", "--tsk"), ("--task",)),
    (["launch", "x.yaml", "--dryrun"], ("clnp launch", "--dryrun"), ("--dry-run",)),
    (["ls", "--db", "x"], ("clnp ls", "--db"), ("clnp --db … ls …",)),
    (["--task", "1", "show", "tiny"], ("clnp", "--task"), ("clnp show … --task",)),
    (["--verson"], ("clnp", "--verson"), ("--version",)),
    (["ls", "--zzz"], ("clnp ls", "--zzz"), ("clnp ls -h",)),
    (["show"], ("clnp show", "RUN"), ("clnp show -h",)),
    (["show", "a", "b"], ("b",), ("clnp show -h",)),
    (["launch"], ("clnp launch", "CONFIG"), ("clnp launch -h",)),
    (["trials", "tiny", "--task"], ("--task",), ("clnp trials -h",)),
    (["trials", "tiny", "--task", "two"], ("--task", "two"), ("clnp trials -h",)),
    (["trials", "tiny", "--task", "0"], ("--task", "0", "1", "2147483647"), ("clnp trials -h",)),
    (["sql", "x", "--format", "xml"], ("--format", "xml", "table", "json", "csv", "parquet"), ("clnp sql -h",)),
    (["show", "\udcff"], ("\\udcff",), ("UTF-8",)),
])
def test_a_wrong_command_line(clnp: Clnp, arguments: list[str], message: tuple[str, ...], hint: tuple[str, ...]) -> None:
    assert clnp(*arguments).refuses(2, *message, *hint)


@pytest.mark.parametrize(("arguments", "of", "example"), [
    (["--json", "ls"], "clnp", "clnp ls"), (["--json"], "clnp", "clnp ls"), (["--json", "show", "tiny"], "clnp", "clnp show"),
    (["db", "--json", "upgrade"], "clnp db", "clnp db upgrade")])
def test_json_before_the_command_says_where_it_stands(clnp: Clnp, arguments: list[str], of: str, example: str) -> None:
    outcome = clnp(*arguments)
    assert outcome.code == 2 and outcome.err == ""
    assert outcome.document == {"error": {"message": f"`{of}` has no option --json",
                                          "hint": f"it belongs after the command: `{example} … --json`", "exit_code": 2}}


def test_a_missing_config(clnp: Clnp, tmp_path: Path) -> None:
    code, message, hint = clnp("launch", "nowhere.yaml", folder=tmp_path).error
    assert code == 2 and "nowhere.yaml" in message and hint


def test_bad_yaml_names_the_line(clnp: Clnp, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: x\nsweep: [1, 2\nseed: 3\n")
    code, message, _ = clnp("launch", "bad.yaml", folder=tmp_path).error
    assert code == 2 and "bad.yaml" in message and "line 3" in message
    assert not (tmp_path / ".clnp").exists(), "nothing is written for a config that cannot be read"


def test_an_unknown_key_of_set_names_the_nearest(clnp: Clnp, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    code, message, hint = clnp("launch", "tiny.yaml", "--set", "training.epoch=3", folder=tmp_path).error
    assert code == 2 and "training.epoch: unknown key; did you mean training.epochs?" in message
    assert hint == "docs/configuration.md explains every key, with its unit and default"


def test_every_problem_of_a_config_is_told_at_once(clnp: Clnp, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump({**TINY, "seed": -1, "network": {"hidden": []}}))
    code, message, _ = clnp("launch", "tiny.yaml", folder=tmp_path).error
    assert code == 2 and message.splitlines()[0] == "tiny.yaml has 2 problems:" and len(message.splitlines()) == 3


def test_errors_as_json(clnp: Clnp) -> None:
    for arguments, code in ((["stats", "--json"], 2), (["show", "--json"], 2), (["ls", "--db", "x", "--json"], 2)):
        outcome = clnp(*arguments)
        assert outcome.code == code and outcome.err == ""
        assert set(outcome.document["error"]) == {"message", "hint", "exit_code"}
        assert outcome.document["error"]["exit_code"] == code
    assert clnp("show", "--", "--json").err.startswith("error: "), "behind -- it is a run's name"


def test_every_error_of_ours_keeps_its_exit_code() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClnpError)]
    assert len(kinds) > 10
    for kind in kinds:
        failure = of_clnp(kind("what", "how"))
        assert (failure.message, failure.hint, failure.exit_code) == ("what", "how", kind.exit_code)


ADDRESS = "postgresql://ada:S3cretpw@127.0.0.1:1/db"


@pytest.mark.parametrize("arguments", [
    ["db", "upgrade", ADDRESS], ["ls", ADDRESS], ["status", ADDRESS], [ADDRESS], [f"--{ADDRESS}"], ["launch", ADDRESS],
    ["trials", "x", "--task", ADDRESS], ["--db", ADDRESS, "ls"], ["--db", ADDRESS + "?sslpassword=S3cretpw", "ls"],
    ["gc", "--other-db", ADDRESS], ["--db", "postgresql:///ada:S3cretpw@h/db", "ls"],
    ["status", "postgresql://ada:S3cretpw with 'blanks'@h"]])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_error_tells_a_password(clnp: Clnp, tmp_path: Path, arguments: list[str], form: list[str]) -> None:
    with written(tmp_path):
        outcome = clnp(*arguments, *form, folder=tmp_path)
    assert outcome.code and "S3cretpw" not in outcome.out + outcome.err
    assert "***" in outcome.out + outcome.err or "slash too many" in outcome.out + outcome.err


def test_our_own_example_of_an_address_is_told_as_it_is(clnp: Clnp) -> None:
    assert clnp("--db", "x", "ls").error[2].endswith(" or postgresql://USER:PASSWORD@HOST:5432/DATABASE")


def test_a_bucket_that_cannot_be_is_told_without_its_password(clnp: Clnp, monkeypatch: pytest.MonkeyPatch,
                                                              tmp_path: Path) -> None:
    monkeypatch.setenv("CLNP_STORAGE", "s3://ada:S3cretpw@b/x")
    with written(tmp_path):
        for command in (["doctor"], ["gc"], ["verify", "demo"], ["resume", "demo"], ["rm", "demo", "--yes"],
                        ["fork", "demo", "--task", "0"], ["db", "copy", "sqlite:////x.db"], ["launch", "x.yaml"]):
            assert clnp(*command, folder=tmp_path).refuses(2, "CLNP_STORAGE", "BUCKET/PREFIX", "AWS_ACCESS_KEY_ID",
                                                           "AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("CLNP_STORAGE", "s3://no bucket/x")
        message = clnp("gc", folder=tmp_path).error[1]
        assert message == "CLNP_STORAGE names the bucket 'no bucket', which is not a valid name"
        assert clnp("ls", folder=tmp_path).code == 0


@pytest.mark.parametrize(("setting", "commands"), [
    ("config = '{'", ["ls", "status demo", "show demo", "trials demo", "verify demo", "gc", "rm demo --yes", "stop demo",
                      "resume demo", "fork demo --task 0"]),
    ("created_at = 'yesterday'", ["ls", "status", "show demo", "gc --dry-run", "fork demo --task 0"]),
    ("config = '{}'", ["show demo", "fork demo --task 0"]),
    ("config = '[]'", ["show demo", "fork demo --task 0"]),
])
def test_a_row_that_clnp_did_not_write(clnp: Clnp, tmp_path: Path, setting: str, commands: list[str]) -> None:
    with written(tmp_path) as driver:
        driver.let_go()
    theirs = sqlite3.connect(tmp_path / ".clnp" / "clnp.db")
    with theirs:
        theirs.execute(f"UPDATE clnp_runs SET {setting}")
    theirs.close()
    for command in commands:
        code, message, hint = clnp(*command.split(), folder=tmp_path).error
        assert code == 5 and "that clnp did not write: " in message and hint.startswith("restore "), command


def _shell(folder: Path, command: str) -> "subprocess.CompletedProcess[str]":
    """A command line of `clnp` as a shell understands it."""
    return subprocess.run(["sh", "-c", f'"{sys.executable}" -m orchestrator.cli {command}'], cwd=folder, env=environment(),
                          capture_output=True, text=True, timeout=60)


def test_a_stream_that_is_closed_is_no_error(tmp_path: Path) -> None:
    with written(tmp_path):
        pass
    for command in ("ls >&-", "ls --json <&- >&-", "-h >&-", "ls <&- >&- 2>&-"):
        done = _shell(tmp_path, command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
    done = _shell(tmp_path, "show nobody 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "")
    done = _shell(tmp_path, "rm demo <&-")
    assert done.returncode == 2 and done.stderr.startswith("error: run demo ")


@pytest.mark.parametrize("command", ["ls", "show demo", "sql 'SELECT 1'", "launch demo.yaml", "resume demo", "doctor", "gc"])
def test_a_working_folder_that_is_gone_is_named(tmp_path: Path, command: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}"; exec "{sys.executable}" -P -m orchestrator.cli {command}'
    done = subprocess.run(["sh", "-c", script], cwd=gone, env={**environment(), "PWD": str(gone)}, capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"error: the working folder {gone} is gone: it was removed or replaced",
                                        "hint: change to an existing folder (`cd` into it again if it was recreated)"]


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    done = _shell(tmp_path, "-h >/dev/full")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: No space left on device")
    assert _shell(tmp_path, "-h >/dev/full 2>&1").returncode == 1


def _broken(tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """`clnp status` with a fault in our own code."""
    script = ("import sys, db.reads.reads\nfrom orchestrator.cli.main import main\n"
              "def fault(self, group=None): raise ZeroDivisionError('by\\nzero, s3://ada:S3cretpw@b')\n"
              "db.reads.reads.Reads.runs = fault\nsys.exit(main(['status']))")
    run = [sys.executable, "-m", "orchestrator.cli", "db", "upgrade"]
    subprocess.run(run, cwd=tmp_path, env=environment(), check=True, capture_output=True)
    here = {**environment(), "TMPDIR": str(tmp_path), **variables}
    return subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=here, capture_output=True, text=True)


def test_what_nobody_foresaw_is_one_line_and_a_file(tmp_path: Path) -> None:
    done = _broken(tmp_path)
    message, hint = done.stderr.splitlines()
    assert done.returncode == 1 and done.stdout == ""
    assert message == "error: unexpected ZeroDivisionError: by zero, s3://ada:***@b"
    saved = Path(hint.removeprefix("hint: please report it with the traceback in "))
    assert saved.parent == tmp_path and "in fault" in saved.read_text()
    assert "zero, s3://ada:***@b" in saved.read_text() and "S3cretpw" not in saved.read_text()


def test_what_nobody_foresaw_can_be_seen_at_once(tmp_path: Path) -> None:
    done = _broken(tmp_path, CLNP_DEBUG="1")
    assert done.returncode == 1 and "Traceback (most recent call last)" in done.stderr
    assert done.stderr.endswith("error: unexpected ZeroDivisionError: by zero, s3://ada:***@b\nhint: please report it "
                                "with the traceback above\n")


def test_what_the_system_refuses_is_told_in_its_words(clnp: Clnp, tmp_path: Path) -> None:
    code, message, _ = clnp("--db", f"sqlite:///{tmp_path}/{'x' * 300}", "ls").error
    assert (code, message) == (1, f"File name too long: {tmp_path}/{'x' * 300}")
