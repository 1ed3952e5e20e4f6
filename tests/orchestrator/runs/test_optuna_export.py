"""Mirroring into the real Optuna storage: what enters it, once, and what is refused."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import create_engine, inspect, make_url, text

from clnp_core.errors import DatabaseError, NotFoundError, StateError
from db.engine import open_database
from db.reads.reads import Reads
from db.states import FailureKind
from db.store.store import Store
from orchestrator.runs.optuna_export import FOLLOW_SECONDS, MirroredStage, open_mirror
from tests.db.builders import Driver
from tests.db.conftest import postgres_url  # noqa: F401  a fixture
from tests.messages import naming, tells
from tests.orchestrator.cli.conftest import written


@contextmanager
def reading(folder: Path) -> Iterator[Reads]:
    engine = open_database(f"sqlite:///{folder / '.clnp' / 'clnp.db'}")
    yield Reads(engine)
    engine.dispose()


def address(folder: Path) -> str:
    return f"sqlite:///{folder / 'optuna.db'}"


def mirror(folder: Path, run: str = "demo") -> tuple[MirroredStage, ...]:
    with reading(folder) as reads, open_mirror(address(folder)) as copy:
        return copy.update(reads, run)


def study(folder: Path, name: str = "demo task 1") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=address(folder))


@pytest.mark.parametrize("name", ["my%20lab", "q?x", "a{b}"])
def test_it_lies_in_the_working_folder_whatever_that_is_called(
        tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    for _ in range(2):  # it is created, then opened again
        with open_mirror():
            pass
    assert {file.parent for file in tmp_path.rglob("optuna.db*")} == {folder / ".clnp"}


def test_a_trial_enters_when_it_has_ended_and_only_once(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        assert mirror(tmp_path) == ()
        driver.begin(trials=4)
        assert mirror(tmp_path) == (MirroredStage(1, "demo task 1", 0, 0),)
        driver.finish(0)
        driver.store.trial_started(driver.lease, 1, 3, "ray-3", "host", "cpu")
        assert mirror(tmp_path) == (MirroredStage(1, "demo task 1", 1, 1),)
        driver.finish(2)
        driver.fail(1, FailureKind.DIVERGED, "the loss is nan")
        assert mirror(tmp_path) == (MirroredStage(1, "demo task 1", 2, 3),)
        assert mirror(tmp_path) == (MirroredStage(1, "demo task 1", 0, 3),)
        driver.let_go()
    trials = {trial.user_attrs["number"]: trial for trial in study(tmp_path).trials}
    assert {number: trial.state for number, trial in trials.items()} == {
        0: TrialState.COMPLETE, 1: TrialState.FAIL, 2: TrialState.COMPLETE}
    assert trials[1].user_attrs["failure"] == "diverged" and trials[1].user_attrs["failure reason"] == "the loss is nan"


def test_what_a_mirrored_trial_says(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.begin()
        driver.finish(2)
        mirror(tmp_path)
        with reading(tmp_path) as reads:
            row = reads.trials("demo", 1)[2]
        driver.let_go()
    (trial,) = study(tmp_path).trials
    assert trial.values == [182 / 200, 2 / 20], "the curve's sparser point, 170 correct, is outside the margin of 2 points"
    assert trial.params == {"alpha_1": 1e-4, "alpha_2": 1e-4, "alpha_out": 1e-6, "learning_rate": 0.01}
    assert trial.intermediate_values == {1: 0.75}
    assert row.started_at is not None and row.finished_at is not None
    assert trial.datetime_start is not None and trial.datetime_complete is not None
    assert trial.datetime_start.astimezone() == row.started_at and trial.datetime_complete.astimezone() == row.finished_at
    assert trial.user_attrs == {"number": 2, "key": "key-2", "attempt": 1, "state": "finished", "best epoch": 2,
                                "training seconds": 4.5, "host": "gpu1", "device": "cuda:0"}
    assert study(tmp_path).directions == [optuna.study.StudyDirection.MAXIMIZE] * 2
    assert study(tmp_path).metric_names == ["validation accuracy", "sparsity within the margin"]


def test_a_failed_trial_that_is_trained_again_enters_again(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.begin(trials=1)
        driver.fail(0, FailureKind.LOST, "the machine went away")
        mirror(tmp_path)
        driver.store.retry_trials(driver.lease, 1, [FailureKind.LOST])
        assert mirror(tmp_path)[0].trials_added == 0
        driver.finish(0)
        assert mirror(tmp_path)[0] == MirroredStage(1, "demo task 1", 1, 2)
        driver.let_go()
    assert [trial.state for trial in study(tmp_path).trials] == [TrialState.FAIL, TrialState.COMPLETE]


def test_verdicts_that_come_later_stand_in_the_study(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'clnp.db'}", create=True)
    try:
        driver = Driver.of_new_run(Store(engine))
        driver.sweep()
        with open_mirror(address(tmp_path)) as copy:
            assert copy.update(Reads(engine), "demo")[0].trials_added == 3
            assert study(tmp_path).user_attrs["state"] == "selecting" and "chosen" not in study(tmp_path).user_attrs
    finally:
        engine.dispose()


def test_following_ends_with_the_driver_and_misses_nothing(tmp_path: Path) -> None:
    heard, waited = [], []
    with written(tmp_path) as driver:
        driver.begin()

        def wait(seconds: float) -> None:
            waited.append(seconds)
            driver.finish(len(waited) - 1)
            if len(waited) == 3:
                driver.let_go()

        with reading(tmp_path) as reads, open_mirror(address(tmp_path)) as copy:
            stages = copy.follow(reads, "demo", lambda found: heard.append(found[0].trials_added), wait)
    assert heard == [0, 1, 1, 1] and waited == [FOLLOW_SECONDS] * 3
    assert stages == (MirroredStage(1, "demo task 1", 3, 3),)


def test_two_mirrors_at_once_add_every_trial_once(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.begin(trials=6)
        for number in range(6):
            driver.finish(number)
        driver.let_go()
    added: list[int] = []
    threads = [threading.Thread(target=lambda: added.append(mirror(tmp_path)[0].trials_added)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 6] and len(study(tmp_path).trials) == 6


def test_the_runs_own_database_is_only_read(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.begin()
        driver.finish(0)
        driver.let_go()
    database = tmp_path / ".clnp" / "clnp.db"
    before = hashlib.sha256(database.read_bytes()).digest()
    mirror(tmp_path)
    assert hashlib.sha256(database.read_bytes()).digest() == before


def test_sqlite_with_runs_in_it_is_no_mirror(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.let_go()
    ours = f"sqlite:///{tmp_path / '.clnp' / 'clnp.db'}"
    with pytest.raises(DatabaseError) as refused, open_mirror(ours):
        pass
    assert tells(refused.value, ours, "--to", "PostgreSQL")


def test_another_run_of_the_same_name_is_not_mixed_in(tmp_path: Path) -> None:
    for _ in range(2):
        with written(tmp_path) as driver:
            driver.begin()
            driver.finish(0)
            driver.let_go()
            if _ == 0:
                mirror(tmp_path)
                driver.store.remove_run("demo")
    with pytest.raises(StateError) as refused:
        mirror(tmp_path)
    assert tells(refused.value, address(tmp_path), "demo task 1", "--to")
    assert len(study(tmp_path).trials) == 1


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.let_go()
    with pytest.raises(NotFoundError, match=naming("dem")):
        mirror(tmp_path, "dem")


def test_errors_of_the_mirror_show_no_password_and_name_the_option() -> None:
    with (pytest.raises(DatabaseError) as refused,
          open_mirror("postgresql://clnp:hunter22@127.0.0.1:1/optuna?password=hunter22")):
        pass
    assert "hunter22" not in f"{refused.value}{refused.value.__cause__}"
    assert tells(refused.value, "PostgreSQL", "127.0.0.1:1", "--to")


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "optuna.db").write_text("not a database, but long enough to be taken for one by its size " * 30)
    with pytest.raises(DatabaseError) as refused, open_mirror(address(tmp_path)):
        pass
    assert tells(refused.value, address(tmp_path))


def test_one_postgresql_database_may_hold_both(postgres_url: str) -> None:  # noqa: F811  the fixture above
    server = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE mirrored"))
    both = make_url(postgres_url).set(database="mirrored")
    try:
        for engine in (open_database(both, create=True), open_database(both)):
            store = Store(engine)
            if not Reads(engine).runs():
                Driver.of_new_run(store).sweep()
            with open_mirror(both) as copy:
                copy.update(Reads(engine), "demo")
                assert copy.update(Reads(engine), "demo") == (MirroredStage(1, "demo task 1", 0, 3),)
            assert {"clnp_alembic_version", "alembic_version", "studies"} <= set(inspect(engine).get_table_names())
            engine.dispose()
    finally:
        with server.connect() as connection:
            connection.execute(text("DROP DATABASE mirrored WITH (FORCE)"))
        server.dispose()
