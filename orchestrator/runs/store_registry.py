"""Which databases use an artifact store: each has a file in it, so that none takes weights that another refers to."""

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
    """Enter a database among those that use a store; once is enough. One that has moved is entered where it is now.

    Returns:
        The id of the database.

    Raises:
        StateError: it is a copy of a database that is entered, and still there.
        ArtifactError: the store cannot be written.
        DatabaseError: as every write of the store.
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
    """Enter a database if anything lies in the store: whoever clears that up must know of it. Raises as :func:`register`."""
    if not _holds_anything(storage):
        return
    engine = open_database(url)
    try:
        register(storage, engine)
    finally:
        engine.dispose()


def refuse_strangers(storage: str, engines: Sequence[Engine]) -> None:
    """Before anything is taken from a store: that these databases use it, and no others.

    Raises:
        StateError: the store does not know one of them, or knows it as another's copy, or is used by others.
    """
    files, own = open_files(storage), set()
    for engine in engines:
        identity = Reads(engine).database_id()
        entry = None if identity is None else _entry(files, identity)
        if identity is not None and entry is not None:
            own.add(identity)
            _refuse_copy(files, identity, entry, engine)
        elif _holds_anything(storage):
            raise StateError(f"the artifact store {storage} does not know the database {shown(engine.url)}: what lies in it "
                             "may be another's", "correct CLNP_STORAGE or the database, or resume a run of this one first")
    others = []
    for file in list(files.list(FOLDER)):
        name = file.name.removeprefix(f"{FOLDER}/").removesuffix(".json")
        if name not in own:
            entry = _entry(files, name) if is_part(name) else None
            others.append((entry or {}).get("address") or f"a database with the id {name}")
    if others:
        raise StateError(f"the artifact store is also used by {', '.join(sorted(others))}",
                         "name each with --other-db URL, so that nothing is removed that only it refers to")


def _holds_anything(storage: str) -> bool:
    from workers.storage.artifacts import ArtifactStore  # with torch, which commands that only ask need not wait for

    return next(ArtifactStore(storage).stored(), None) is not None


def _name(identity: str) -> str:
    return below(FOLDER, f"{identity}.json")


def _entry(files: Files, identity: str) -> dict[str, str] | None:
    """What a database wrote about itself; empty where that cannot be read, None where there is nothing."""
    if files.size(_name(identity)) is None:
        return None
    try:
        entry = json.loads(files.read(_name(identity)))
        return {str(key): str(value) for key, value in entry.items()}
    except (ValueError, AttributeError):
        return {}


def _refuse_copy(files: Files, identity: str, entry: dict[str, str], engine: Engine) -> None:
    """A copy has the same id as the original: it would take the original's weights for its own."""
    place = entry.get("place")
    if place is None or place == location_of(engine) or entry.get("store") != files.root:  # a moved store
        return
    if database_file(engine.url) is not None and place.startswith("/") and not _is_there(place, identity):
        return
    raise StateError(f"{shown(engine.url)} is a copy of the database {entry.get('address')}, whose weights it would take for "
                     "its own", "make copies with `clnp db copy`, or name another store in CLNP_STORAGE; if the other is gone "
                     f"for good, remove {files.shown(_name(identity))}")


def _is_there(path: str, identity: str) -> bool:
    """Whether the file at the entered place is still that database."""
    try:
        engine = open_database(file_url(path))
    except DatabaseError:
        return Path(path).exists() and Path(path).stat().st_size > 0
    try:
        return Reads(engine).database_id() == identity
    finally:
        engine.dispose()
