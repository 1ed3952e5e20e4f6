"""Removing a run: its rows, and the weights that nobody else refers to."""

from clnp_core.errors import StateError
from db.engine import open_database
from db.reads.reads import Reads
from db.store.store import Store
from orchestrator.runs.location import Place
from orchestrator.runs.store_registry import refuse_strangers
from orchestrator.runs.trial_logs import remove_output
from workers.storage.files import is_part


def remove_run(place: Place, run: str) -> int:
    """Remove a run, and the artifacts that no other run refers to; returns the bytes freed. :func:`orchestrator.api.remove`
    says the rest."""
    from workers.storage.artifacts import ArtifactStore

    engine, root = open_database(place.url), place.storage
    try:
        artifacts, alone = ArtifactStore(root), True
        try:
            refuse_strangers(root, [engine])
        except StateError:
            alone = False
        before = {row.digest: artifacts.changed_at(row.digest) for row in Reads(engine).artifacts()
                  if row.runs == (run,) and is_part(row.digest)} if alone else {}
        digests = Store(engine).remove_run(run)
        if alone:
            remove_output(root, run)
        return sum(artifacts.remove(digest, before.get(digest)) for digest in digests if before.get(digest) is not None)
    finally:
        engine.dispose()
