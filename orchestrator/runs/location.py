"""Where runs are: the database that records them, and the store of their weights."""

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
"""Variables of the environment that a worker, and whatever else runs a user's modules apart, has no use for. Drivers write to
the database, and call hooks."""


def storage_root() -> str:
    """Where artifacts lie: ``CLNP_STORAGE``, a folder or ``s3://BUCKET/PREFIX``, or ``.clnp/artifacts`` in the working folder.

    Raises:
        ConfigError: ``CLNP_STORAGE`` is a URL of something else.
    """
    return full_root(os.environ.get("CLNP_STORAGE") or Path(".clnp") / "artifacts")


@dataclass(frozen=True, slots=True)
class Place:
    """A database and an artifact store, by their whole addresses: they mean the same after a change of the working folder and
    in another process. Nothing is open. A pickle of it holds the password of the address, what is printed does not.

    Attributes:
        url: of the database.
        storage: root of the artifact store.
    """

    url: str = field(repr=False)
    storage: str

    @classmethod
    def of(cls, url: str | None = None, storage: str | None = None) -> "Place":
        """The place that is meant.

        Args:
            url: the database; None means ``CLNP_DB_URL``, or SQLite in the working folder.
            storage: root of the artifact store; None means :func:`storage_root`.

        Raises:
            DatabaseError: the address is of no database that this project knows.
            ConfigError: the root is a URL of something else than a bucket.
        """
        address = resolve_url(url).render_as_string(hide_password=False)
        return cls(address, full_root(storage) if storage else storage_root())

    @property
    def shown(self) -> str:
        """The database's address without a password."""
        return shown(self.url)

    @contextmanager
    def reads(self) -> Iterator[Reads]:
        """Reads of the database, which is closed afterwards.

        Raises:
            DatabaseError: it cannot be opened.
        """
        engine = open_database(self.url)
        try:
            yield Reads(engine)
        finally:
            engine.dispose()
