"""Find which artifacts are referred to, and by which runs, for removing a run and for garbage collection."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from db.dialect import among
from db.schema.models import Artifact, Commit, Stage, Trial


def references() -> "Sequence[Select[*tuple[Any, ...]]]":
    """Return queries of every (digest, run id) in the recorded rows."""
    return (
        select(Trial.artifact_digest, Stage.run_id).join(Stage, Stage.id == Trial.stage_id),
        select(Commit.digest, Stage.run_id).join(Stage, Stage.id == Commit.stage_id),
        select(Commit.parent_digest, Stage.run_id).join(Stage, Stage.id == Commit.stage_id),
        select(Stage.base_digest, Stage.run_id),
    )


def digests_of_run(session: Session, run_id: int) -> tuple[str, ...]:
    """Return every artifact that a run refers to, sorted."""
    every = union(*references()).subquery()
    digest, owner = every.c
    found = session.scalars(select(digest).distinct().where(owner == run_id, digest.is_not(None)))
    return tuple(sorted(found))


def unreferenced(session: Session, digests: Collection[str]) -> tuple[str, ...]:
    """Return the digests that no run refers to, sorted. Their rows stay locked until the transaction ends, so that no other run
    can start to refer to them."""
    session.execute(select(Artifact.digest).where(among(session, Artifact.digest, digests)).order_by(Artifact.digest)
                    .with_for_update())
    digest = union(*references()).subquery().c[0]
    still = set(session.scalars(select(digest).where(among(session, digest, digests))))
    return tuple(sorted(set(digests) - still))
