"""Which databases use an artifact store: each has a file in it, so that none takes weights that another refers to."""

import json
from collections.abc import Collection

from sqlalchemy import Engine

from clnp_core.errors import ArtifactError
from db.store import Store
from db.urls import shown
from workers.files import open_files

FOLDER = "databases"


def register(storage: str, engine: Engine) -> str:
    """Enter a database among those that use a store; once is enough.

    Returns:
        The id of the database.

    Raises:
        ArtifactError: the store cannot be written.
        DatabaseError: as every write of the store.
    """
    files, identity = open_files(storage), Store(engine).database_id()
    name = f"{FOLDER}/{identity}.json"
    try:
        if files.size(name) is None:
            files.write(name, json.dumps({"address": shown(engine.url)}).encode())
    except OSError as error:
        raise ArtifactError(f"the artifact store {storage} cannot be written to: {error.strerror or error}",
                            "mend its permissions or free some space, or name another one in CLNP_STORAGE") from error
    return identity


def users_besides(storage: str, ids: Collection[str]) -> tuple[str, ...]:
    """Addresses, without passwords, of the databases that use a store and are none of these."""
    files, found = open_files(storage), []
    for file in list(files.list(FOLDER)):
        name = file.name.removeprefix(f"{FOLDER}/").removesuffix(".json")
        if name not in ids:
            found.append(_address(files.read(file.name)) or f"a database with the id {name}")
    return tuple(sorted(found))


def _address(content: bytes) -> str:
    """What a database wrote about itself; empty where that cannot be read."""
    try:
        return str(json.loads(content)["address"])
    except (ValueError, KeyError, TypeError):
        return ""
