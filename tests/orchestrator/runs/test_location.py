"""Where runs are: addresses that mean the same everywhere, and no password in what is printed."""

from pathlib import Path

import pytest

from clnp_core.errors import ConfigError, DatabaseError
from orchestrator.runs.location import Place, storage_root
from tests.messages import naming


def test_the_working_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place.of()
    assert place.url == f"sqlite+pysqlite:///{tmp_path}/.clnp/clnp.db"
    assert place.storage == storage_root() == str(tmp_path / ".clnp" / "artifacts")
    monkeypatch.chdir("/")
    assert Place.of(place.url, place.storage) == place


def test_the_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLNP_DB_URL", "postgresql://ada:s3cret@db.example/clnp")
    monkeypatch.setenv("CLNP_STORAGE", "s3://weights/of-ada")
    place = Place.of()
    assert (place.url, place.storage) == ("postgresql+psycopg://ada:s3cret@db.example/clnp", "s3://weights/of-ada")
    assert place.shown == "postgresql://ada:***@db.example/clnp"
    assert "s3cret" not in repr(place)
    assert Place.of("sqlite:////data/runs.db", "/data/weights") == Place("sqlite+pysqlite:////data/runs.db", "/data/weights")


def test_what_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatabaseError, match=naming("mysql")):
        Place.of("mysql://host/clnp")
    monkeypatch.setenv("CLNP_STORAGE", "gs://bucket")
    with pytest.raises(ConfigError):
        Place.of()
    assert Place.of(storage="/data").storage == "/data"


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    place = Place.of(f"sqlite:///{tmp_path}/runs.db", str(tmp_path / "weights"))
    with pytest.raises(DatabaseError), place.reads():
        pass
    assert list(tmp_path.iterdir()) == []
