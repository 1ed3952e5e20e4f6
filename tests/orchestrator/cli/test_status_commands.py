"""status, ls, trials, sql: what they print, in every format, and what they refuse."""

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

from db.engine import open_database
from db.states import FailureKind
from orchestrator.render.output import LARGEST_EXACT
from tests.orchestrator.cli.conftest import Outcome, Recorded, environment, run, start, written

Clnp = Callable[..., Outcome]


def test_ls_lists_runs(on_tiny: Clnp) -> None:
    lines = on_tiny("ls").out.splitlines()
    assert lines[0].split() == ["run", "state", "tasks", "mean", "test", "%", "created", "(UTC)", "benchmark"]
    assert lines[2].startswith("tiny  completed    2/2 ") and lines[2].endswith("permuted-digits")
    assert len(lines) == 3


def test_ls_and_status_before_the_first_run(tmp_path: Path, clnp: Clnp) -> None:
    code, message, hint = clnp("ls", folder=tmp_path).error
    assert (code, message) == (5, f"there is no database at sqlite:///{tmp_path}/.clnp/clnp.db yet")
    assert hint == "launch a run first, or say in CLNP_DB_URL where the database is"
    assert clnp("db", "upgrade", folder=tmp_path).code == 0
    assert clnp("ls", folder=tmp_path).out == "no run is recorded yet; `clnp launch CONFIG` starts one\n"
    assert clnp("ls", "--json", folder=tmp_path).document == []


def test_status_of_a_complete_run(on_tiny: Clnp) -> None:
    lines = on_tiny("status", "tiny").out.splitlines()
    assert lines[0] == "Run tiny is completed: 2 of 2 tasks committed."
    assert lines[3].split() == ["task", "state", "trials", "best", "val", "%", "chosen", "pruned", "val", "%", "test", "%",
                                "used", "%"]
    assert lines[5].split()[:3] == ["1", "committed", "2"]
    assert on_tiny("status").out == "every run is complete: 1 run, listed by `clnp ls`\n"


def test_status_where_there_is_no_run(tmp_path: Path, clnp: Clnp) -> None:
    assert clnp("db", "upgrade", folder=tmp_path).code == 0
    assert clnp("status", folder=tmp_path).out == "no run is recorded yet; `clnp launch CONFIG` starts one\n"
    assert clnp("status", "--json", folder=tmp_path).document == []


def test_status_of_a_run_under_way(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as driver:
        driver.begin(trials=4)
        driver.finish(0)
        driver.fail(1, FailureKind.DIVERGED, "the loss is nan")
        driver.store.trial_started(driver.lease, 1, 2, "ray-2", "host", "cpu")
        text = clnp("status", folder=tmp_path).out
        assert text.startswith("Run demo is running: 0 of 2 tasks committed.\ndriver      process ")
        assert "   1  sweeping  2 of 4, 1 running, 1 failed " in text
        driver.let_go()
    text = clnp("status", "demo", folder=tmp_path).out
    assert "   1  sweeping  2 of 4, 1 failed " in text, "what a driver that is gone left running is not running"
    assert text.endswith("Task 1 is sweeping, 2 of 4 trials recorded. `clnp resume demo` continues it.\n")
    assert clnp("status", "--json", folder=tmp_path).document[0]["run"]["state"] == "stopped"
    assert clnp("status", "demo", "--json", folder=tmp_path).document["stages"][0]["trials_failed"] == 1


def test_status_of_a_failed_run_says_why_and_how_to_go_on(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as driver:
        driver.begin()
        driver.store.fail_stage(driver.lease, 1, "artifact x is missing\nrestore it from a backup")
        driver.let_go()
    assert clnp("status", "demo", folder=tmp_path).out.endswith(
        "\n\nTask 1 failed: artifact x is missing\nrestore it from a backup\n`clnp resume demo` continues it.\n")


def test_status_of_a_depleted_run_says_why(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as driver:
        driver.store.deplete_stage(driver.lease, 1, "no neuron of the last hidden layer is free")
        driver.let_go()
    text = clnp("status", "demo", folder=tmp_path).out
    assert text.startswith("Run demo is depleted: 0 of 2 tasks committed.\n")
    assert text.endswith("It ends here: no neuron of the last hidden layer is free.\n`clnp fork demo --task K --set A.B=C` "
                         "continues from one of its commits with other settings.\n")


def test_trials_as_a_table(on_tiny: Clnp) -> None:
    lines = on_tiny("trials", "tiny").out.splitlines()
    assert lines[0].split() == ["task", "trial", "alpha", "rate", "val", "%", "pruned", "%", "free", "verdict"]
    assert [line.split()[:4] for line in lines[2:]] == [
        [task, trial, "0.0001", rate] for task in ("1", "2") for trial, rate in (("0", "0.003"), ("1", "0.01"))]
    assert sum(line.endswith("chosen") for line in lines) == 2


def test_trials_of_one_task_and_of_a_page(on_tiny: Clnp) -> None:
    def numbers(*arguments: str) -> list[tuple[int, int]]:
        return [(row["task"], row["number"]) for row in on_tiny("trials", "tiny", "--json", *arguments).document]

    assert numbers() == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert numbers("--task", "2") == [(2, 0), (2, 1)]
    assert numbers("--limit", "2", "--offset", "1") == [(1, 1), (2, 0)]
    assert numbers("--limit", "0") == numbers("--offset", "9") == []


def test_every_format_has_the_same_rows(on_tiny: Clnp, tmp_path: Path) -> None:
    rows = on_tiny("trials", "tiny", "--format", "json").document
    table = list(csv.DictReader(io.StringIO(on_tiny("trials", "tiny", "--format", "csv").out)))
    on_tiny("trials", "tiny", "--format", "parquet", "--output", str(tmp_path / "trials.parquet"))
    frame = pyarrow.parquet.read_table(tmp_path / "trials.parquet")
    of_layers = ["alpha_1", "alpha_2", "alpha_out", "threshold_1", "threshold_2"]
    assert list(table[0]) == frame.column_names and set(of_layers) < set(frame.column_names)
    assert list(rows[0]) == [name for name in frame.column_names if name not in of_layers]
    assert len(rows) == len(table) == frame.num_rows == 4
    for row, line, record in zip(rows, table, frame.to_pylist(), strict=True):
        assert row["alpha"] == json.loads(line["alpha"]) == record["alpha"] == [1e-4, 1e-4, 1e-4]
        assert row["val_accuracy"] == float(line["val_accuracy"]) == record["val_accuracy"]
        assert row["alpha"] == [float(line[name]) for name in of_layers[:3]] == [record[name] for name in of_layers[:3]]
        assert row["seed"] == line["seed"] == str(record["seed"]) and int(row["seed"]) > LARGEST_EXACT
        assert row["finished_at"] == line["finished_at"] == record["finished_at"].isoformat()
        assert (row["failure_kind"], line["failure_kind"], record["failure_kind"]) == (None, "", None)


def test_an_output_file_is_whole_or_not_there(on_tiny: Clnp, tmp_path: Path) -> None:
    for form in ("table", "json", "csv"):
        target = tmp_path / f"trials.{form}"
        printed = on_tiny("trials", "tiny", "--format", form).out
        quiet = on_tiny("trials", "tiny", "--format", form, "--output", str(target))
        assert quiet.out == "" and target.read_text() == printed
    assert on_tiny("trials", "tiny", "--output", str(tmp_path / "no" / "such.txt")).refuses(
        2, tmp_path, "no/such.txt", "No such file or directory", "--output")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trials.csv", "trials.json", "trials.table"]


def test_parquet_through_a_pipe(recorded: Recorded) -> None:
    piped = subprocess.run([sys.executable, "-m", "orchestrator.cli", "trials", "tiny", "--format", "parquet"],
                           cwd=recorded.folder, env=environment(), capture_output=True, check=True)
    assert pyarrow.parquet.read_table(io.BytesIO(piped.stdout)).num_rows == 4 and piped.stderr == b""


def test_a_table_without_rows_has_all_its_columns(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path):
        empty = clnp("trials", "demo", "--format", "csv", folder=tmp_path).out
        assert empty.startswith("run,task,number,role,key,alpha,") and empty.count("\n") == 1
        clnp("trials", "demo", "--format", "parquet", "--output", "x.parquet", folder=tmp_path)
    schema = pyarrow.parquet.read_schema(tmp_path / "x.parquet")
    assert str(schema.field("alpha").type).startswith("list<") and str(schema.field("val_correct").type) == "int64"


def test_sql_in_every_format(on_tiny: Clnp, tmp_path: Path) -> None:
    query = "SELECT task, verdict, thresholds FROM clnp_v_trials WHERE run = 'tiny' AND number = 0 ORDER BY task"
    assert on_tiny("sql", query).out.splitlines()[0].split() == ["task", "verdict", "thresholds"]
    assert "NULL" in on_tiny("sql", query).out
    assert [row["task"] for row in on_tiny("sql", query, "--json").document] == [1, 2]
    assert on_tiny("sql", query, "--format", "csv").out.splitlines()[0] == "task,verdict,thresholds"
    on_tiny("sql", query, "--format", "parquet", "--output", str(tmp_path / "x.parquet"))
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet").column("task").to_pylist() == [1, 2]


def test_sql_with_values_that_json_and_parquet_lack(on_tiny: Clnp, tmp_path: Path) -> None:
    query = "SELECT 1 AS mixed, 9e999 AS big, x'00ff' AS bytes UNION ALL SELECT 'two', -9e999, NULL"
    assert on_tiny("sql", query, "--json").document == [
        {"mixed": 1, "big": "inf", "bytes": "00ff"}, {"mixed": "two", "big": "-inf", "bytes": None}]
    assert on_tiny("sql", query, "--format", "parquet", "--output", str(tmp_path / "x.parquet")).code == 0
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet").column("mixed").to_pylist() == ["1", "two"]


@pytest.mark.parametrize(("statement", "message"), [
    ("DELETE FROM clnp_runs", "readonly"), ("ATTACH 'x.db' AS x", "not authorized"),
])
def test_sql_cannot_write(on_tiny: Clnp, statement: str, message: str) -> None:
    assert on_tiny("sql", statement).refuses(5, message, "clnp sql")
    assert on_tiny("ls", "--json").document[0]["name"] == "tiny"


def test_sql_that_is_wrong(on_tiny: Clnp) -> None:
    assert on_tiny("sql", "SELECT nonsense").refuses(5, "docs/schema.md", "clnp_v_")


def test_ctrl_c_ends_sql(tmp_path: Path) -> None:
    with written(tmp_path):
        pass
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    shell = start(tmp_path, "sql", rows)
    try:
        while tmp_path / ".clnp" / "clnp.db" not in _open_files(shell.pid):
            time.sleep(0.05)
        time.sleep(0.5)
        shell.send_signal(signal.SIGINT)
        out, err = shell.communicate(timeout=60)
        assert (shell.returncode, out, err.splitlines()[0]) == (130, "", "error: interrupted")
    finally:
        shell.kill()


def _open_files(pid: int) -> list[Path]:
    return [file.readlink() for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()]


def test_no_name_is_not_an_empty_one(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path):
        pass
    for command in ("status", "doctor", "show", "trials"):
        assert clnp(command, "", folder=tmp_path).refuses(4, "clnp ls")


def test_an_unknown_run_names_the_nearest(on_tiny: Clnp) -> None:
    for command in (("show", "tine"), ("status", "tine"), ("trials", "tine"), ("verify", "tine"), ("doctor", "tine"),
                    ("resume", "tine"), ("stop", "tine"), ("rm", "tine", "--yes")):
        assert on_tiny(*command).refuses(4, "tine"), command
    assert on_tiny("trials", "tiny", "--task", "3").refuses(4, "tiny", "task 3", 1, 2)


def test_a_database_that_is_none(tmp_path: Path, clnp: Clnp) -> None:
    (tmp_path / "notes.txt").write_text("these are no tables\n" * 100)
    url = f"sqlite:///{tmp_path}/notes.txt"
    assert clnp("--db", url, "ls").refuses(5, url, "CLNP_DB_URL")


def test_a_database_of_somebody_else(tmp_path: Path, clnp: Clnp) -> None:
    with sqlite3.connect(tmp_path / "theirs.db") as theirs:
        theirs.execute("CREATE TABLE clnp_runs (x)")
    theirs.close()
    url = f"sqlite:///{tmp_path}/theirs.db"
    assert clnp("--db", url, "ls").refuses(5, url, "clnp_runs")


def test_a_database_that_another_program_locks(recorded: Recorded, clnp: Clnp, monkeypatch: pytest.MonkeyPatch,
                                               tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.let_go()
    monkeypatch.setitem(open_database.__kwdefaults__, "busy_timeout_seconds", 0.05)
    lock = sqlite3.connect(tmp_path / ".clnp" / "clnp.db")
    lock.execute("BEGIN IMMEDIATE")
    try:
        code, message, hint = clnp("rm", "demo", "--yes", folder=tmp_path).error
    finally:
        lock.close()
    assert (code, message) == (5, f"the database sqlite:///{tmp_path}/.clnp/clnp.db is locked by another program")
    assert hint.startswith("close what else writes to it")
    assert clnp("ls", folder=tmp_path).code == 0


def test_reading_commands_import_neither_torch_nor_ray_nor_pandas(recorded: Recorded) -> None:
    """They start in well under a second; torch alone would take several."""
    script = ("import sys; from orchestrator.cli.main import main; main(sys.argv[1:]); "
              "print(sorted({'torch', 'ray', 'pandas', 'numpy', 'optuna'} & set(sys.modules)), file=sys.stderr)")
    for arguments in (["status"], ["status", "tiny"], ["ls"], ["trials", "tiny"], ["show", "tiny"], ["stop", "tiny"],
                      ["sql", "SELECT 1"], ["launch", "tiny.yaml", "--dry-run"], ["-h"], ["--version"]):
        done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=recorded.folder, env=environment(),
                              capture_output=True, text=True)
        assert done.stderr.splitlines()[-1] == "[]", arguments


def test_a_closed_pipe_is_no_error(recorded: Recorded) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([sys.executable, "-m", "orchestrator.cli", "trials", "tiny", "--json"], cwd=recorded.folder,
                              env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_terminal_without_greek_still_gets_its_table(recorded: Recorded) -> None:
    done = subprocess.run([sys.executable, "-m", "orchestrator.cli", "sql", "SELECT 'α' AS x"], cwd=recorded.folder,
                          env={**environment(), "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "x\n-\n\\u03b1\n")


def test_the_module_runs_like_the_command(recorded: Recorded) -> None:
    assert run(recorded.folder, "ls").code == 0
    assert run(recorded.folder, "sl").code == 2
