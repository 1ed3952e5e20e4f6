"""Conditions on many values, on both databases."""

from datetime import UTC, datetime

from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from db.dialect import among
from db.schema.models import Artifact
from db.store.store import Store


def test_more_values_than_a_statement_takes_parameters(store: Store, engine: Engine) -> None:
    names = ["a", "é \"'[", "z"]
    with Session(engine) as session:
        session.execute(insert(Artifact), [{"digest": name, "artifact_bytes": 1, "created_at": datetime.now(UTC)}
                                           for name in names])
        asked = {*names[:2], *(f"another {number}" for number in range(300_000))}
        assert set(session.scalars(select(Artifact.digest).where(among(session, Artifact.digest, asked)))) == set(names[:2])
        assert session.scalars(select(Artifact.digest).where(among(session, Artifact.digest, ()))).all() == []
