"""What differs between the databases, and that no other file asks which one it is."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.dialect import among, database_file, location_of, may_exist, new_engine, only_reading
from db.engine import open_database
from db.schema.models import Artifact
from db.store.store import Store
from db.url import file_url


def test_more_values_than_a_statement_takes_parameters(store: Store, engine: Engine) -> None:
    names = ["a", "é \"'[", "z"]
    with Session(engine) as session:
        session.execute(insert(Artifact), [{"digest": name, "artifact_bytes": 1, "created_at": datetime.now(UTC)}
                                           for name in names])
        asked = {*names[:2], *(f"another {number}" for number in range(300_000))}
        assert set(session.scalars(select(Artifact.digest).where(among(session, Artifact.digest, asked)))) == set(names[:2])
        assert session.scalars(select(Artifact.digest).where(among(session, Artifact.digest, ()))).all() == []


ROOT = Path(__file__).parents[2]
ASKS = re.compile(r"is_sqlite\(|dialect\.name|get_backend_name|get_dialect\(")


def test_no_other_file_asks_which_database_it_is() -> None:
    """Addresses are understood in db/url.py, before there is a database; released migrations never change."""
    asking = {str(path.relative_to(ROOT)) for package in ("db", "orchestrator") for path in (ROOT / package).rglob("*.py")
              if ASKS.search(path.read_text(encoding="utf-8")) and path.parent.name != "versions"}
    assert asking == {"db/dialect.py", "db/url.py"}


def test_a_database_on_a_server_has_no_file_and_may_always_exist(tmp_path: Path) -> None:
    file, server = file_url(tmp_path / "clnp.db"), make_url("postgresql+psycopg://someone@nowhere/runs")
    assert (database_file(file), database_file(server)) == (tmp_path / "clnp.db", None)
    assert (may_exist(file), may_exist(server)) == (False, True)
    (tmp_path / "clnp.db").touch()
    assert may_exist(file)


def test_what_only_reads_cannot_write(store: Store, url: str) -> None:
    reading = only_reading(open_database(url))  # an engine of its own: other tests write with the shared one
    with pytest.raises(DBAPIError), reading.begin() as connection:
        connection.execute(text("DELETE FROM clnp_artifacts"))
    reading.dispose()


def test_a_copied_file_has_another_location(tmp_path: Path) -> None:
    places = [location_of(new_engine(file_url(tmp_path / name))) for name in ("a.db", "b.db", "./a.db")]
    assert places[0] == places[2] != places[1]
