"""Stores of files by the scheme of their root. To add a kind of store, implement :class:`workers.storage.files.Files` and add
it to :data:`STORES`; no other file checks the scheme."""

from collections.abc import Mapping
from pathlib import Path

from workers.storage.files import Files
from workers.storage.local import FolderFiles
from workers.storage.s3 import BucketFiles

STORES: Mapping[str, type[Files]] = {"s3": BucketFiles}
"""The scheme of a URL → its store. Any other root is a folder."""

CREDENTIALS = tuple(name for store in STORES.values() for name in store.credentials)
"""Environment variables that any store reads."""


def store_type(root: str | Path) -> type[Files]:
    """Return the class of the store of a root, which describes the store without opening it."""
    scheme, found, _ = str(root).partition("://")
    return STORES.get(scheme, FolderFiles) if found and isinstance(root, str) else FolderFiles


def full_root(root: str | Path) -> str:
    """Return a root that is valid in every process: the URL of a bucket unchanged, a folder as an absolute path.

    Raises:
        ConfigError: it is a URL of another kind, or without a bucket.
    """
    return store_type(root).full_root(root)


def open_files(root: str | Path) -> Files:
    """Open the files below a root: a path, or ``s3://BUCKET/PREFIX``. Nothing is created or accessed before it is needed.

    Raises:
        ConfigError: it is a URL of another kind, or of a bucket and the package for buckets is not installed.
    """
    store = store_type(root)
    return store(store.full_root(root))
