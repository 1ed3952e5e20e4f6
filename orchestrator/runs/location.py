"""The location of runs: their database and their artifact store."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from db.engine import open_database
from db.reads.reads import Reads
from db.url import resolve_url, shown
from workers.storage.schemes import full_root

SECRETS = ("CLNP_TOKEN", "CLNP_DB_URL", "CLNP_HOOK", "PGPASSWORD")
"""Environment variables that are withheld from workers and other processes that run user modules: only drivers write to the
database and call hooks."""


def storage_root() -> str:
    """Return the root of the artifact store: ``CLNP_STORAGE``, a folder or ``s3://BUCKET/PREFIX``, or ``.clnp/artifacts``.

    Raises:
        ConfigError: ``CLNP_STORAGE`` is another kind of URL.
    """
    return full_root(os.environ.get("CLNP_STORAGE") or Path(".clnp") / "artifacts")


@dataclass(frozen=True, slots=True)
class Place:
    """A database and an artifact store by absolute addresses, which stay valid after a change of the working folder and in
    other processes. Nothing is open. A pickle contains the password of the URL; ``repr`` does not.

    Attributes:
        url: of the database.
        storage: root of the artifact store.
    """

    url: str = field(repr=False)
    storage: str

    @classmethod
    def of(cls, url: str | None = None, storage: str | None = None) -> "Place":
        """Return a place.

        Args:
            url: the database; None means ``CLNP_DB_URL``, or SQLite in the working folder.
            storage: root of the artifact store; None means :func:`storage_root`.

        Raises:
            DatabaseError: the kind of database is not supported.
            ConfigError: the root is a URL, but not of a bucket.
        """
        address = resolve_url(url).render_as_string(hide_password=False)
        return cls(address, full_root(storage) if storage else storage_root())

    @property
    def shown(self) -> str:
        """The database's URL without a password."""
        return shown(self.url)

    @contextmanager
    def reads(self) -> Iterator[Reads]:
        """Open the database for reading, and close it afterwards.

        Raises:
            DatabaseError: it cannot be opened.
        """
        engine = open_database(self.url)
        try:
            yield Reads(engine)
        finally:
            engine.dispose()
