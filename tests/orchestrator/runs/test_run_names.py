"""No name, digest or id that somebody has written into a database leads a command out of the store or the working folder."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError
from orchestrator.runs.run_names import MAX_NAME, folder_named_after, is_run_name
from tests.messages import tells
from tests.orchestrator.cli.conftest import Outcome, Recorded, clnp, recorded  # noqa: F401 (fixtures)

Clnp = Callable[..., Outcome]

DEEP = "../../../../victim"
HOSTILE = ("../../victim", "/ABSOLUTE/victim", ".", "")
"""Values of a column; ABSOLUTE is the folder of the test."""

COLUMNS = {
    "clnp_runs.name": [["report", "RUN"], ["export", "RUN", "--task", "1"], ["logs", "RUN"],
                       ["compare", "RUN", "--output", "out"]],
    "clnp_run_groups.name": [["report", "GROUP"]],
    "clnp_trials.ray_trial_id": [["logs", "tiny", "--task", "1", "--trial", "0"]],
    "clnp_trials.key": [["gc"]],
    "clnp_trials.artifact_digest": [["gc"]],
    "clnp_commits.digest": [["verify", "tiny"], ["export", "tiny", "--task", "1"]],
    "clnp_commits.parent_digest": [["verify", "tiny"]],
    "clnp_stages.base_digest": [["verify", "tiny"]],
    "clnp_database.database_id": [["gc"]],
    "clnp_stages.task": [["logs", "tiny"]],
}
"""Every column whose values become parts of paths, and commands that make paths of them. `clnp rm` comes after these."""


def victims(top: Path) -> Iterator[Path]:
    """Files of others wherever a hostile value may lead: above the working folder, in it, and in the store."""
    store = top / "work" / ".clnp" / "artifacts"
    for folder in (top, top / "work", top / "work" / ".clnp", store, store / "logs"):
        for name in ("victim/keep.log", "victim/task-1/keep.log", "victim.log", "victim.json", "victim.safetensors"):
            yield folder / name
    yield store / "logs" / "other" / "task-1" / "keep.log"


def outside(top: Path) -> set[Path]:
    """All that lies in the folder of the test, but for the database and the store."""
    return {path for path in top.rglob("*") if ".clnp" not in path.parts}


@pytest.fixture
def top(recorded: Recorded, tmp_path: Path) -> Path:  # noqa: F811
    shutil.copytree(recorded.folder, tmp_path / "work")
    for file in victims(tmp_path):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("precious")
    return tmp_path


def write(top: Path, column: str, value: str) -> str:
    """Write a hostile value into all rows of a column, or the first of a unique one; returns it."""
    table, name = column.split(".")
    value = value.replace("/ABSOLUTE", str(top))
    with closing(sqlite3.connect(top / "work" / ".clnp" / "clnp.db")) as database, database:
        if table == "clnp_run_groups":
            database.execute("INSERT INTO clnp_run_groups (id, name, created_at) VALUES (1, 'group', '2026-01-01')")
            database.execute("UPDATE clnp_runs SET group_id = 1")
        if name in ("artifact_digest", "digest"):
            of = f"SELECT {name} FROM {table} LIMIT 1"
            database.execute(f"UPDATE clnp_artifacts SET digest = ? WHERE digest = ({of})", (value,))
            database.execute(f"UPDATE {table} SET {name} = ? WHERE id = (SELECT min(id) FROM {table})", (value,))
        else:
            database.execute(f"UPDATE {table} SET {name} = ? WHERE rowid = (SELECT min(rowid) FROM {table})", (value,))
    return value


@pytest.mark.parametrize(("column", "value"), [*((column, value) for column in COLUMNS for value in HOSTILE),
                                               ("clnp_runs.name", DEEP), ("clnp_trials.artifact_digest", DEEP)])
def test_a_hostile_row_leads_nowhere(top: Path, clnp: Clnp, column: str, value: str) -> None:  # noqa: F811
    written = write(top, column, value)
    run = written if column == "clnp_runs.name" else "tiny"
    before = outside(top)
    for command in (*COLUMNS[column], ["rm", "RUN", "--yes"]):
        ended = clnp(*({"RUN": run, "GROUP": written}.get(word, word) for word in command), folder=top / "work")
        assert ended.code in range(13) and ended.code != 1, (command, ended)
        assert all(file.read_text() == "precious" for file in victims(top)), command
        assert outside(top) == before, command
    # What cannot be a name in the store is not there, so that its row can go; only a database must be known to the store.
    assert ended.code == (6 if column == "clnp_database.database_id" else 0), ended


@pytest.mark.parametrize("name", ["demo", "0", "A-b_c.d", "x" * MAX_NAME])
def test_names_that_a_run_may_have(name: str) -> None:
    assert is_run_name(name)
    assert folder_named_after(name, "-report") == Path(f"{name}-report")


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "-x", "_x", "a/b", "../a", "a\n", "a b", "é", "x" * (MAX_NAME + 1)])
def test_names_that_no_run_may_have(name: str) -> None:
    assert not is_run_name(name)
    with pytest.raises(ConfigError) as caught:
        folder_named_after(name, "-report")
    assert tells(caught.value, "--output")


def test_rm_of_a_hostile_name_removes_its_row_alone(top: Path, clnp: Clnp) -> None:  # noqa: F811
    write(top, "clnp_runs.name", "../../victim")
    assert clnp("rm", "../../victim", "--yes", folder=top / "work").out.startswith("removed run ../../victim (completed, ")
    assert clnp("ls", "--json", folder=top / "work").document == []
    assert not list((top / "work" / ".clnp" / "artifacts").glob("??/????*.safetensors")), "its own weights are gone"


def test_a_report_of_a_hostile_name_says_what_to_do(top: Path, clnp: Clnp) -> None:  # noqa: F811
    write(top, "clnp_runs.name", "../../esc")
    code, message, hint = clnp("report", "../../esc", folder=top / "work").error
    assert (code, hint) == (2, "name the folder with --output")
    assert message.startswith("no folder can be named after '../../esc': it is not a valid run name")
