"""Databases that use one store are told apart, also from copies of themselves."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine

from clnp_core.errors import StateError
from db.engine import open_database
from db.url import file_url
from orchestrator.runs.store_registry import refuse_strangers, register, register_where_used
from tests.messages import naming
from workers.storage.artifacts import ArtifactStore


def database(path: Path) -> Engine:
    path.parent.mkdir(exist_ok=True)
    return open_database(file_url(path), create=True)


def something_in(store: Path) -> None:
    ArtifactStore(store).put({}, {"of": "somebody"})


def test_one_that_uses_a_store_alone_may_take_from_it(tmp_path: Path) -> None:
    engine = database(tmp_path / "one.db")
    assert register(str(tmp_path / "store"), engine) == register(str(tmp_path / "store"), engine)
    something_in(tmp_path / "store")
    refuse_strangers(str(tmp_path / "store"), [engine])


def test_another_one_that_uses_it_must_be_named(tmp_path: Path) -> None:
    one, other, store = database(tmp_path / "one.db"), database(tmp_path / "other.db"), str(tmp_path / "store")
    register(store, one)
    register(store, other)
    with pytest.raises(StateError, match=naming("other.db")):
        refuse_strangers(store, [one])
    refuse_strangers(store, [one, other])


def test_one_that_the_store_does_not_know_may_take_nothing(tmp_path: Path) -> None:
    engine, store = database(tmp_path / "one.db"), str(tmp_path / "store")
    refuse_strangers(store, [engine])  # there is nothing
    something_in(tmp_path / "store")
    with pytest.raises(StateError):
        refuse_strangers(store, [engine])


def test_a_database_is_entered_where_there_is_something(tmp_path: Path) -> None:
    engine, store = database(tmp_path / "one.db"), str(tmp_path / "store")
    url = f"sqlite:///{tmp_path / 'one.db'}"
    register_where_used(store, url)
    assert not (tmp_path / "store").exists()
    something_in(tmp_path / "store")
    register_where_used(store, url)
    refuse_strangers(store, [engine])


def test_a_copy_of_the_file_is_not_taken_for_the_original(tmp_path: Path) -> None:
    engine, store = database(tmp_path / "one.db"), str(tmp_path / "store")
    register(store, engine)
    engine.dispose()
    shutil.copy(tmp_path / "one.db", tmp_path / "copy.db")
    copy = database(tmp_path / "copy.db")
    for use in (lambda: refuse_strangers(store, [copy]), lambda: register(store, copy)):
        with pytest.raises(StateError, match=naming("copy.db", "one.db")):
            use()


def test_a_database_may_move(tmp_path: Path) -> None:
    engine, store = database(tmp_path / "one.db"), str(tmp_path / "store")
    register(store, engine)
    engine.dispose()
    (tmp_path / "one.db").rename(tmp_path / "moved.db")
    moved = database(tmp_path / "moved.db")
    refuse_strangers(store, [moved])
    register(store, moved)
    assert "moved.db" in next((tmp_path / "store" / "databases").iterdir()).read_text()


def test_a_store_that_was_copied_with_its_database_is_its_own(tmp_path: Path) -> None:
    engine = database(tmp_path / "lab" / "one.db")
    register(str(tmp_path / "lab" / "store"), engine)
    something_in(tmp_path / "lab" / "store")
    engine.dispose()
    shutil.copytree(tmp_path / "lab", tmp_path / "copy")
    copy = database(tmp_path / "copy" / "one.db")
    refuse_strangers(str(tmp_path / "copy" / "store"), [copy])
    register(str(tmp_path / "copy" / "store"), copy)


@pytest.mark.parametrize("name", ["my%20lab", "q?x"])
def test_an_original_is_found_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    engine, store = database(tmp_path / name / "one.db"), str(tmp_path / "store")
    register(store, engine)
    engine.dispose()
    shutil.copytree(tmp_path / name, tmp_path / "copied")
    with pytest.raises(StateError):
        register(store, open_database(file_url(tmp_path / "copied" / "one.db")))
