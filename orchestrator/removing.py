"""Removing a run: its rows, and the weights that nobody else refers to."""

from clnp_core.errors import StateError
from db.reads import Reads
from db.session import open_database
from db.store import Store
from orchestrator.place import Place
from orchestrator.sharing import refuse_strangers
from orchestrator.trial_output import remove_output
from workers.files import is_part


def remove_run(place: Place, run: str) -> int:
    """Remove a run, and the artifacts that no other run refers to; returns the bytes freed. :func:`orchestrator.api.remove`
    says the rest."""
    from workers.artifacts import ArtifactStore

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
