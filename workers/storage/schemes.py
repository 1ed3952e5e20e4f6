"""Stores of files by the scheme of their root. A new kind of store is a class that keeps :class:`workers.storage.files.Files`,
and a line in :data:`STORES`; nothing else asks for a scheme."""

from collections.abc import Mapping
from pathlib import Path

from workers.storage.files import Files
from workers.storage.local import FolderFiles
from workers.storage.s3 import BucketFiles

STORES: Mapping[str, type[Files]] = {"s3": BucketFiles}
"""The scheme of a URL → the store that it names. Every other root is a folder."""

CREDENTIALS = tuple(name for store in STORES.values() for name in store.credentials)
"""Variables of the environment that some store reads."""


def store_type(root: str | Path) -> type[Files]:
    """Return the class of the store below a root, which answers what depends on the scheme without opening anything."""
    scheme, found, _ = str(root).partition("://")
    return STORES.get(scheme, FolderFiles) if found and isinstance(root, str) else FolderFiles


def full_root(root: str | Path) -> str:
    """Return a root that means the same in every process: the URL of a bucket as it is, a folder as an absolute path.

    Raises:
        ConfigError: the URL of something that is neither, or of no bucket.
    """
    return store_type(root).full_root(root)


def open_files(root: str | Path) -> Files:
    """Return the files below a root: a path, or ``s3://BUCKET/PREFIX``. Nothing is made or asked for before it is needed.

    Raises:
        ConfigError: the URL of something else, or of a bucket without the package that reaches one.
    """
    store = store_type(root)
    return store(store.full_root(root))
