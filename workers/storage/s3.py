"""Files in a bucket of an S3-compatible store, through fsspec's ``s3fs``.

The endpoint and the credentials come from the standard environment variables such as ``AWS_ENDPOINT_URL``,
``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``. A PUT is atomic, and so is the end of a multipart upload; an interrupted
upload is a leftover. Listings are not cached, so files that another machine has written are visible at once.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from clnp_core.errors import ArtifactError, ConfigError
from workers.storage.files import StoreCondition, StoredFile, inside

Answer = TypeVar("Answer")

_SCHEME = "s3://"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}|arn:[^/@]+")
"""Names of buckets and access points that the libraries accept."""

_PROBE = ".written-by-clnp-doctor"
"""Name of a temporary file; listings omit it because of the dot."""

_UNFINISHED = ".writing-"
_CONNECTION = {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 3, "mode": "standard"}}
"""s3fs retries in addition to these, so an unreachable store is an error within a minute."""


class BucketFiles:
    """See :class:`workers.storage.files.Files`. An unfinished upload is named ``FOLDER/.writing-NAME?UPLOAD``."""

    kind: ClassVar[str] = "bucket"
    is_local: ClassVar[bool] = False
    credentials: ClassVar[tuple[str, ...]] = (
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
        "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE")
    remedy = "check the bucket, AWS_ENDPOINT_URL and the credentials in the environment"

    def __init__(self, root: str) -> None:
        """Access files below ``root``, ``s3://BUCKET`` or ``s3://BUCKET/PREFIX``; the bucket must exist, the prefix need not.

        Raises:
            ConfigError: the package s3fs is not installed.
        """
        try:
            import s3fs
        except ImportError:
            raise ConfigError(f"storing under {root} needs the package s3fs, which is not installed on this machine",
                              "install it with `pip install 'clnp[s3]'`, on the workers too") from None
        self.root = root
        self._system = s3fs.S3FileSystem(use_listings_cache=False, config_kwargs=_CONNECTION)
        self._bucket, _, self._prefix = root.removeprefix(_SCHEME).partition("/")

    @staticmethod
    def full_root(root: str | Path) -> str:
        """Return the URL without a slash at its end."""
        url = str(root).rstrip("/")
        if url == _SCHEME.rstrip("/"):
            raise ConfigError(f"{root} names no bucket", "write s3://BUCKET or s3://BUCKET/PREFIX")
        return url

    @staticmethod
    def check_root(root: str, setting: str) -> None:
        """Check that the name of the bucket consists of letters, digits and ``._-``."""
        below = root.removeprefix(_SCHEME)
        bucket = below.partition("/")[0]
        if not bucket or _NAME.fullmatch(bucket):
            return
        if "@" in below:
            raise ConfigError(f"{setting} contains a user name or a password in place of the bucket's name",
                              "write s3://BUCKET/PREFIX; credentials go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        raise ConfigError(f"{setting} names the bucket {bucket!r}, which is not a valid name", "write s3://BUCKET/PREFIX")

    def shown(self, name: str) -> str:
        return f"{self.root}/{name}"

    def read(self, name: str) -> bytes:
        content: bytes = _asked(partial(self._system.cat_file, self._path(name)))
        return content

    def write(self, name: str, content: bytes) -> None:
        _asked(partial(self._system.pipe_file, self._path(name), content))

    def size(self, name: str) -> int | None:
        try:
            found = _asked(partial(self._system.info, self._path(name)))
        except FileNotFoundError:
            return None
        return int(found["size"]) if found["type"] == "file" else None

    def touch(self, name: str) -> None:
        self.write(name, self.read(name))

    def changed_at(self, name: str) -> float | None:
        try:
            facts = _asked(partial(self._system.info, self._path(name), refresh=True))
        except FileNotFoundError:
            return None
        return float(facts["LastModified"].timestamp())

    def remove(self, name: str) -> int:
        folder, _, last = name.rpartition("/")
        if last.startswith(_UNFINISHED) and "?" in last:
            name, _, upload = last.removeprefix(_UNFINISHED).rpartition("?")
            return self._abort(self._key(f"{folder}/{name}" if folder else name), upload)
        size = self.size(name)
        if size is not None:
            _asked(partial(self._system.rm_file, self._path(name)))
        return size or 0

    def list(self, folder: str = "") -> Iterator[StoredFile]:
        top = self._path(folder).rstrip("/")
        try:
            found = _asked(partial(self._system.find, top, detail=True))
        except FileNotFoundError:
            return
        now = datetime.now(UTC)
        for path, facts in sorted(found.items()):
            below = path.removeprefix(f"{top}/")
            if path != top and not any(part.startswith(".") for part in below.split("/")):
                name = f"{folder.rstrip('/')}/{below}" if folder else below
                yield StoredFile(name, int(facts["size"]), _age_seconds(now, facts["LastModified"]))

    def leftovers(self) -> Iterator[StoredFile]:
        now = datetime.now(UTC)
        for upload in self._pages("list_multipart_uploads", "Uploads", Prefix=self._key("")):
            folder, _, last = str(upload["Key"]).removeprefix(self._key("")).rpartition("/")
            name = f"{_UNFINISHED}{last}?{upload['UploadId']}"
            yield StoredFile(f"{folder}/{name}" if folder else name, self._uploaded_bytes(upload["Key"], upload["UploadId"]),
                             _age_seconds(now, upload["Initiated"]))

    def remove_empty(self, folder: str) -> None:
        """Do nothing: a bucket has no folders."""

    def inspect(self) -> StoreCondition:
        """Write and remove a temporary file."""
        try:
            self.write(_PROBE, b"")
            self.remove(_PROBE)
        except OSError as error:
            raise ArtifactError(f"{self.root} cannot be written to: {error.strerror or error}", self.remedy) from error
        return StoreCondition(exists=True, free_bytes=None)

    def _path(self, name: str) -> str:
        return f"{self._bucket}/{self._key(name)}"

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{inside(name)}" if self._prefix else inside(name)

    def _uploaded_bytes(self, key: str, upload: str) -> int:
        return sum(int(part["Size"]) for part in self._pages("list_parts", "Parts", Key=key, UploadId=upload))

    def _abort(self, key: str, upload: str) -> int:
        try:
            size = self._uploaded_bytes(key, upload)
            _asked(partial(self._system.call_s3, "abort_multipart_upload", Bucket=self._bucket, Key=key, UploadId=upload))
        except FileNotFoundError:  # finished or aborted meanwhile
            return 0
        return size

    def _pages(self, method: str, field: str, **arguments: object) -> Sequence[Mapping[str, Any]]:
        """Return the entries of all pages of a listing; a field ``NextX`` is the argument ``X`` for the next page."""
        entries: deque[Mapping[str, Any]] = deque()
        while True:
            page = _asked(partial(self._system.call_s3, method, Bucket=self._bucket, **arguments))
            entries += page.get(field) or []
            onward = {name.removeprefix("Next"): value for name, value in page.items() if name.startswith("Next") and value}
            if not page.get("IsTruncated") or not onward:
                return entries
            arguments |= onward


def _age_seconds(now: datetime, written: datetime) -> float:
    """Return the age by this machine's clock, at least 0."""
    return max(0.0, (now - written).total_seconds())


def _asked(question: Callable[[], Answer]) -> Answer:
    """Call the store, and raise the errors of its libraries as ``OSError`` in one line."""
    try:
        return question()
    except OSError as error:
        if error.strerror or isinstance(error, FileNotFoundError):
            raise
        raise type(error)(" ".join(str(error).split()) or type(error).__name__) from error
    except Exception as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") in ("NoSuchUpload", "NoSuchBucket"):
            raise FileNotFoundError(str(error)) from error
        raise OSError(" ".join(f"{error}".split()) or type(error).__name__) from error
