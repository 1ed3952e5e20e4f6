"""The registry of stores: what depends on a scheme is asked of the store that it names, and of nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from clnp_core.errors import ArtifactError, ConfigError
from tests.house import PACKAGES, ROOT, sources
from tests.messages import naming
from workers.storage.local import FolderFiles
from workers.storage.s3 import BucketFiles
from workers.storage.schemes import CREDENTIALS, open_files, store_type

OWN = ROOT / "workers" / "storage"


@pytest.mark.parametrize(("root", "store"), [
    ("s3://bucket/prefix", BucketFiles), ("s3://", BucketFiles), ("weights", FolderFiles), ("/srv/s3", FolderFiles),
    (Path("s3://bucket"), FolderFiles), ("gs://bucket", FolderFiles), ("s3:/bucket", FolderFiles)])
def test_a_url_of_a_known_scheme_names_a_store_and_everything_else_a_folder(root: str | Path, store: type) -> None:
    assert store_type(root) is store


def test_what_depends_on_the_kind_is_known_before_a_store_is_opened() -> None:
    folder, bucket = store_type("weights"), store_type("s3://bucket")
    assert (folder.kind, folder.is_local, folder.credentials) == ("folder", True, ())
    assert (bucket.kind, bucket.is_local) == ("bucket", False)
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"} <= set(bucket.credentials) == set(CREDENTIALS)


@pytest.mark.parametrize(("root", "message"), [
    ("s3://user:password@bucket/x", "THIS contains a user name or a password in place of the bucket's name"),
    ("s3://no bucket/x", "THIS names the bucket 'no bucket', which is not a valid name")])
def test_a_bucket_that_cannot_be_is_refused_without_its_password(root: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        store_type(root).check_root(root, "THIS")
    assert caught.value.message == message


@pytest.mark.parametrize("root", ["", "weights", "gs://bucket", "s3://", "s3://bucket", "s3://arn:aws:s3:eu:1:accesspoint/name"])
def test_roots_that_may_be_are_let_through(root: str) -> None:
    store_type(root).check_root(root, "THIS")


def test_a_folder_that_can_be_made_is_no_store_yet(tmp_path: Path) -> None:
    files = open_files(tmp_path / "weights")
    assert files.inspect().exists is False
    assert not (tmp_path / "weights").exists()
    files.write("a", b"1")
    found = files.inspect()
    assert found.exists and found.free_bytes is not None and found.free_bytes > 0


def test_a_file_where_the_folder_should_be_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"")
    with pytest.raises(ArtifactError, match=naming("cannot be written")):
        open_files(tmp_path / "weights").inspect()


def test_a_bucket_is_written_to_for_a_moment(bucket: str) -> None:
    files = open_files(bucket)
    found = files.inspect()
    assert (found.exists, found.free_bytes) == (True, None)
    assert list(files.list()) == [] == list(files.leftovers())
    with pytest.raises(ArtifactError) as caught:
        open_files(bucket.replace("s3://", "s3://absent-")).inspect()
    assert caught.value.hint == BucketFiles.remedy


def test_empty_folders_go_where_there_are_folders(tmp_path: Path, bucket: str) -> None:
    (tmp_path / "logs" / "demo").mkdir(parents=True)
    for root in (str(tmp_path), bucket):
        open_files(root).remove_empty("logs")
    assert not (tmp_path / "logs").exists()


def test_no_other_file_asks_for_the_scheme_of_a_store() -> None:
    """A new scheme is a class and a line in ``STORES``: elsewhere there is neither its prefix nor its class."""
    asking = []
    for path in (path for package in PACKAGES for path in sources(ROOT, package) if not path.is_relative_to(OWN)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        if imported & {"workers.storage.s3", "workers.storage.local"} or any("s3://" in text for text in _texts(tree)):
            asking.append(str(path.relative_to(ROOT)))
    assert asking == []


def _texts(tree: ast.Module) -> Iterator[str]:
    """Every text but docstrings."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return (node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs)
