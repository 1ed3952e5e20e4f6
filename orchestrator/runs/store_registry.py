"""The databases that use an artifact store: each registers a file there, so that none removes weights of another."""

import json
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from clnp_core.errors import ArtifactError, DatabaseError, StateError
from db.dialect import database_file, location_of
from db.engine import open_database
from db.reads.reads import Reads
from db.store.store import Store
from db.url import file_url, shown
from workers.storage.files import Files, below, is_part
from workers.storage.schemes import open_files

FOLDER = "databases"


def register(storage: str, engine: Engine) -> str:
    """Register a database as a user of a store; idempotent. The location of a moved database is updated.

    Returns:
        The id of the database.

    Raises:
        StateError: it is a copy of a registered database that still exists.
        ArtifactError: the store cannot be written.
        DatabaseError: the database cannot be read or written.
    """
    files, identity = open_files(storage), Store(engine).database_id()
    try:
        entry = _entry(files, identity)
        if entry is not None:
            _refuse_copy(files, identity, entry, engine)
        now = {"address": shown(engine.url), "place": location_of(engine), "store": files.root}
        if entry != now:
            files.write(_name(identity), json.dumps(now).encode())
    except OSError as error:
        raise ArtifactError(f"the artifact store {storage} cannot be written to: {error.strerror or error}",
                            "fix its permissions or free some space, or name another one in CLNP_STORAGE") from error
    return identity


def register_where_used(storage: str, url: str | None) -> None:
    """Register a database if the store is not empty, so that garbage collection knows of it. Raises as :func:`register`."""
    if not _holds_anything(storage):
        return
    engine = open_database(url)
    try:
        register(storage, engine)
    finally:
        engine.dispose()


def refuse_strangers(storage: str, engines: Sequence[Engine]) -> None:
    """Refuse to remove files from a store unless exactly these databases use it.

    Raises:
        StateError: one of them is not registered or is a copy of another, or other databases use the store.
    """
    files, own = open_files(storage), set()
    for engine in engines:
        identity = Reads(engine).database_id()
        entry = None if identity is None else _entry(files, identity)
        if identity is not None and entry is not None:
            own.add(identity)
            _refuse_copy(files, identity, entry, engine)
        elif _holds_anything(storage):
            raise StateError(f"the artifact store {storage} does not know the database {shown(engine.url)}: its files "
                             "may belong to another one",
                             "correct CLNP_STORAGE or the database, or resume a run of this one first")
    others = []
    for file in list(files.list(FOLDER)):
        name = file.name.removeprefix(f"{FOLDER}/").removesuffix(".json")
        if name not in own:
            entry = _entry(files, name) if is_part(name) else None
            others.append((entry or {}).get("address") or f"a database with the id {name}")
    if others:
        raise StateError(f"the artifact store is also used by {', '.join(sorted(others))}",
                         "name each with --other-db URL, so that nothing that it refers to is removed")


def _holds_anything(storage: str) -> bool:
    from workers.storage.artifacts import ArtifactStore  # imports torch, which read-only commands do not need

    return next(ArtifactStore(storage).stored(), None) is not None


def _name(identity: str) -> str:
    return below(FOLDER, f"{identity}.json")


def _entry(files: Files, identity: str) -> dict[str, str] | None:
    """Return the registration of a database; empty if it cannot be read, None if there is none."""
    if files.size(_name(identity)) is None:
        return None
    try:
        entry = json.loads(files.read(_name(identity)))
        return {str(key): str(value) for key, value in entry.items()}
    except (ValueError, AttributeError):
        return {}


def _refuse_copy(files: Files, identity: str, entry: dict[str, str], engine: Engine) -> None:
    """Refuse a copy, which has the same id as the original and would treat the original's weights as its own."""
    place = entry.get("place")
    if place is None or place == location_of(engine) or entry.get("store") != files.root:  # a moved store
        return
    if database_file(engine.url) is not None and place.startswith("/") and not _is_there(place, identity):
        return
    raise StateError(f"{shown(engine.url)} is a copy of the database {entry.get('address')}, whose weights it would treat as "
                     "its own", "make copies with `clnp db copy`, or name another store in CLNP_STORAGE; if the other no "
                     f"longer exists, remove {files.shown(_name(identity))}")


def _is_there(path: str, identity: str) -> bool:
    """Whether the file at the registered location is still that database."""
    try:
        engine = open_database(file_url(path))
    except DatabaseError:
        return Path(path).exists() and Path(path).stat().st_size > 0
    try:
        return Reads(engine).database_id() == identity
    finally:
        engine.dispose()
