"""gc, cancel, db copy: what they take and leave, on the real run and on runs as crashes leave them."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clnp_core.values import TrialRole
from db.engine import open_database
from db.reads.reads import Reads
from db.records import PlannedTrial
from db.states import TrialState
from tests.db.builders import ARCHITECTURE, facts, grid
from tests.orchestrator.cli.conftest import Outcome, Recorded, written
from workers.training.packs.pack_plan import pack_key

Clnp = Callable[..., Outcome]


@pytest.fixture
def copy(recorded: Recorded, tmp_path: Path) -> Path:
    """A copy of the recorded run that a test may spoil."""
    shutil.copytree(recorded.folder, tmp_path / "copy")
    return tmp_path / "copy"


def leave(folder: Path, name: str, hours: float) -> Path:
    """A file in the store that was written so long ago."""
    file = folder / ".clnp" / "artifacts" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"left behind")
    os.utime(file, (time.time() - 3600 * hours,) * 2)
    return file


def age_everything(folder: Path) -> set[Path]:
    """Make the store old; what lies there."""
    files = {file for file in (folder / ".clnp" / "artifacts").rglob("*") if file.is_file()}
    for file in files:
        os.utime(file, (0, 0))
    return files


def test_gc_takes_what_nothing_refers_to_and_nothing_else(copy: Path, clnp: Clnp) -> None:
    recorded = age_everything(copy)
    digest = "ab" * 32
    old = [leave(copy, f"ab/{digest}.safetensors", 2), leave(copy, "ab/.writing-x", 2),
           leave(copy, f"checkpoints/{digest}.safetensors", 2), leave(copy, "logs/gone/task-1/abc.log", 2)]
    kept = leave(copy, "logs/tiny/task-1/abc.log", 2)
    young = leave(copy, f"cd/{'cd' * 32}.safetensors", 0.5)
    looked = clnp("gc", "--dry-run", "--json", folder=copy).document
    assert [len(looked[kind]) for kind in ("artifacts", "checkpoints", "unfinished", "outputs", "zombies")] == [1, 1, 1, 1, 0]
    assert all(file.exists() for file in old), "looking takes nothing"
    assert clnp("gc", folder=copy).out.endswith("\ncleaned up 4 files (44 B), 0 trials\n")
    assert not any(file.exists() for file in old)
    assert kept.exists() and not (kept.parents[2] / "gone").exists()
    assert young.exists() and all(file.exists() for file in recorded)
    assert clnp("verify", "tiny", folder=copy).code == 0
    assert clnp("gc", folder=copy).out == "nothing to clean up\n"


def test_gc_frees_trials_that_nobody_trains(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.begin()
        run.finish(0)
        run.store.trial_started(run.lease, 1, 1, "ray", "host", "cpu")
        assert clnp("gc", folder=tmp_path).out == "nothing to clean up\n", "a driver lives"
        run.let_go()
    assert "run demo, task 1: trials 1 without a driver" in clnp("gc", "--dry-run", folder=tmp_path).out
    assert "cleaned up 0 files (0 B), 1 trial\n" in clnp("gc", folder=tmp_path).out
    engine = open_database(f"sqlite:///{tmp_path / '.clnp' / 'clnp.db'}")
    states = [trial.state for trial in Reads(engine).trials("demo")]
    engine.dispose()
    assert states == [TrialState.FINISHED, TrialState.PENDING, TrialState.PENDING]


def test_gc_keeps_the_checkpoint_of_a_pack_that_is_still_to_be_trained(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path, trials_per_pack=2) as run:
        run.begin(trials=5)
        for number in (0, 1, 2):
            run.finish(number)
        keys = [pack_key(keys) for keys in (["key-0", "key-1"], ["key-2", "key-3"], ["key-4"], ["key-3", "key-4"])]
        files = [leave(tmp_path, f"checkpoints/{key}.safetensors", 2) for key in keys]
        clnp("gc", folder=tmp_path)
        assert [file.exists() for file in files] == [False, True, True, False]
        run.let_go()


def test_gc_keeps_the_checkpoint_of_a_pack_of_teachers(tmp_path: Path, clnp: Clnp) -> None:
    """Which begins after the last pack of candidates, however many that holds."""
    with written(tmp_path, trials_per_pack=2) as run:
        teachers = [PlannedTrial(number, f"teacher-{number}", (0.0,) * 3, 0.1, number, TrialRole.TEACHER) for number in (3, 4)]
        run.store.begin_sweep(run.lease, 1, facts(), ARCHITECTURE, None, [*grid(3), *teachers])
        kept, gone = (leave(tmp_path, f"checkpoints/{pack_key(keys)}.safetensors", 2)
                      for keys in (["teacher-3", "teacher-4"], ["key-2", "teacher-3"]))
        clnp("gc", folder=tmp_path)
        assert kept.exists() and not gone.exists()
        run.let_go()


def test_a_copied_database_guards_its_weights(copy: Path, clnp: Clnp, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    told = clnp("db", "copy", other, folder=copy)
    assert told.code == 0 and told.out.startswith("copied 1 run (") and told.out.endswith("; name it in CLNP_DB_URL\n")
    assert clnp("--db", other, "verify", "tiny", folder=copy).code == 0
    files = age_everything(copy)
    removed = clnp("rm", "tiny", "--yes", folder=copy)
    assert "other databases use the same artifact store" in removed.out
    assert clnp("gc", folder=copy).refuses(9, other, "--other-db")
    assert clnp("gc", "--other-db", other, folder=copy).out == "nothing to clean up\n"
    assert all(file.exists() for file in files)
    assert clnp("--db", other, "verify", "tiny", folder=copy).code == 0


def test_an_age_is_a_finite_number(tmp_path: Path, clnp: Clnp) -> None:
    for hours in ("nan", "inf", "1e999"):
        assert clnp("gc", "--older-than-hours", hours, folder=tmp_path).refuses(2, "--older-than-hours", hours, "clnp gc -h")
    assert clnp("gc", "--older-than-hours", "-1", folder=tmp_path).error[1].endswith("-1.0 is not in the range x>=0")


def test_cancel_ends_a_run_for_good(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.begin()
        asked = clnp("cancel", "demo", folder=tmp_path)
        assert asked.out.startswith("asked the driver of demo (process ") and " to stop for good; " in asked.out
        run.let_go()
    assert clnp("status", "demo", folder=tmp_path).out.startswith("Run demo is cancelled")
    code, message, _ = clnp("resume", "demo", folder=tmp_path).error
    assert (code, message) == (9, "run 'demo' is cancelled and cannot be resumed")
    assert clnp("cancel", "demo", folder=tmp_path).refuses(9, "demo")


def test_cancel_without_a_driver(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.let_go()
    assert clnp("cancel", "demo", "--json", folder=tmp_path).document == {"run": "demo", "requested": "cancel", "driver": None}
    assert clnp("status", "demo", folder=tmp_path).out.startswith("Run demo is cancelled")


def test_a_completed_run_cannot_be_cancelled(copy: Path, clnp: Clnp) -> None:
    code, message, hint = clnp("cancel", "tiny", folder=copy).error
    assert (code, message) == (9, "run 'tiny' is completed: there is nothing to cancel") and "`clnp rm tiny`" in hint


def test_gc_takes_nothing_young_while_a_driver_lives(tmp_path: Path, clnp: Clnp) -> None:
    with written(tmp_path) as run:
        run.begin()
        told = clnp("gc", "--older-than-hours", "0", folder=tmp_path)
        assert told.refuses(9, 1, 0)
        assert clnp("gc", "--older-than-hours", "0", "--dry-run", folder=tmp_path).code == 0
        run.let_go()
    assert clnp("gc", "--older-than-hours", "0", folder=tmp_path).code == 0
