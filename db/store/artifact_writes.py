"""Write about stored weights: which are removed once a task is committed, and which were restored."""

from collections.abc import Collection

from sqlalchemy import CompoundSelect, select, union, update
from sqlalchemy.orm import Session

from clnp_core.words import plural
from db.dialect import among, database_now
from db.records import Lease
from db.schema.models import Artifact, Commit, Stage, Trial
from db.states import StageState, TrialState
from db.store.writer import Writer, record_event, stage_in


class ArtifactWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def drop_trial_weights(self, lease: Lease, task: int, keep: Collection[int]) -> tuple[str, ...]:
        """Record that weights of a committed task are removed to save space: those of every trial except ``keep``, unless
        something else refers to them. References to them keep their digest, so that the trials can be trained again.

        Args:
            lease: of the run.
            task: of the stage, which is COMMITTED.
            keep: numbers of the trials whose weights stay. Those of the chosen trial and of commits always stay.

        Returns:
            Digests whose bytes may be deleted now, sorted, including those recorded as removed earlier, whose bytes may have
            survived a crash.

        Raises:
            StateError: the stage is not COMMITTED.
        """
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, "drop_trial_weights", StageState.COMMITTED)
            found = session.execute(select(Trial.number, Trial.artifact_digest).where(
                Trial.stage_id == stage.id, Trial.state == TrialState.FINISHED)).all()
            gone = sorted({digest for number, digest in found if number not in keep and digest is not None})
            rows = session.scalars(select(Artifact).where(among(session, Artifact.digest, gone)).order_by(Artifact.digest)
                                   .with_for_update()).all()  # locked before other references to them are searched
            still = _referred_to_elsewhere(session, stage, gone, keep)
            fresh = [row for row in rows if row.digest not in still and row.removed_at is None]
            if fresh:
                now = database_now(session)
                for row in fresh:
                    row.removed_at = now
                size = sum(row.artifact_bytes for row in fresh)
                record_event(session, lease.run_id, "weights", f"task {task}: weights of {plural(len(fresh), 'trial')} "
                             "that were not chosen removed to save space",
                             {"task": task, "artifacts": len(fresh), "bytes": size})
            return tuple(digest for digest in gone if digest not in still)

    def artifacts_restored(self, lease: Lease, digests: Collection[str]) -> None:
        """Record that these artifacts are in the store again."""
        with self._driving(lease) as session:
            session.execute(update(Artifact).where(among(session, Artifact.digest, digests)).values(removed_at=None))


def _referred_to_elsewhere(session: Session, stage: Stage, digests: Collection[str], keep: Collection[int]) -> set[str]:
    """Return the digests that a commit, a base, another stage's trial, or a trial to keep refers to."""
    other_trials = select(Trial.artifact_digest).where(
        among(session, Trial.artifact_digest, digests), (Trial.stage_id != stage.id) | Trial.number.in_(keep))
    every: CompoundSelect[tuple[str | None]] = union(
        other_trials, select(Commit.digest).where(among(session, Commit.digest, digests)),
                  select(Stage.base_digest).where(among(session, Stage.base_digest, digests)))
    return {str(row[0]) for row in session.execute(every) if row[0] is not None}
