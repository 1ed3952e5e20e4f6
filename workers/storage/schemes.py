"""Stores of files by the scheme of their root: what each scheme opens, and the root as every process understands it."""

from pathlib import Path

from clnp_core.errors import ConfigError
from workers.storage.files import BUCKET, Files
from workers.storage.local import FolderFiles
from workers.storage.s3 import BucketFiles


def is_bucket(root: str | Path) -> bool:
    """Whether a root names a bucket and no folder."""
    return isinstance(root, str) and root.startswith(BUCKET)


def full_root(root: str | Path) -> str:
    """A root that means the same in every process: the URL of a bucket as it is, a folder as an absolute path.

    Raises:
        ConfigError: the URL of something that is neither, or of no bucket.
    """
    if is_bucket(root):
        url = str(root).rstrip("/")
        if url == BUCKET.rstrip("/"):
            raise ConfigError(f"{root} names no bucket", "write s3://BUCKET or s3://BUCKET/PREFIX")
        return url
    scheme, found, _ = str(root).partition("://")
    if found and isinstance(root, str):
        raise ConfigError(f"weights cannot be stored under {scheme}://", "name a folder, or s3://BUCKET/PREFIX")
    return str(Path(root).expanduser().absolute())


def open_files(root: str | Path) -> Files:
    """The files below a root: a path, or ``s3://BUCKET/PREFIX``. Nothing is made or asked for before it is needed.

    Raises:
        ConfigError: the URL of something else, or of a bucket without the package that reaches one.
    """
    if is_bucket(root):
        return BucketFiles(full_root(root))

    return FolderFiles(full_root(root))
