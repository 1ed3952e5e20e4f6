"""One contract for folders and buckets: whole files under names, no cache between processes, refusals as ``OSError``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clnp_core.errors import ArtifactError, ConfigError
from tests.messages import naming, tells
from workers.storage.artifacts import ArtifactStore
from workers.storage.files import Files, below, inside, is_part
from workers.storage.local import FolderFiles
from workers.storage.schemes import full_root, open_files

FOLDER, BUCKET = "folder", "bucket"


@pytest.fixture(params=[FOLDER, BUCKET])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A root of each kind that nothing has been written under."""
    return str(tmp_path / "files") if request.param == FOLDER else str(request.getfixturevalue("bucket"))


@pytest.fixture
def files(root: str) -> Files:
    return open_files(root)


def elsewhere(root: str, program: str) -> str:
    """What a program prints that has the files of ``root`` as ``files``, in another process."""
    opening = f"from workers.storage.schemes import open_files\nfiles = open_files({root!r})\n"
    answer = subprocess.run([sys.executable, "-c", opening + program], capture_output=True, text=True, check=True,
                            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    return answer.stdout.strip()


def test_what_was_written_is_read(files: Files) -> None:
    files.write("ab/one", b"12345")
    assert files.read("ab/one") == b"12345"
    assert files.size("ab/one") == 5
    assert files.shown("ab/one") == f"{files.root}/ab/one"


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 3])
def test_a_write_replaces_what_was_there(files: Files, content: bytes) -> None:
    files.write("one", b"something longer than what follows")
    files.write("one", content)
    assert files.read("one") == content and files.size("one") == len(content)


def test_what_is_missing_is_said_in_one_way(files: Files) -> None:
    files.write("ab/one", b"1")
    for name in ("ab/two", "no/folder/either"):
        with pytest.raises(FileNotFoundError):
            files.read(name)
        assert files.remove(name) == 0
        assert files.size(name) is None


def test_a_name_is_no_prefix(files: Files) -> None:
    files.write("ab/one-more", b"1")
    assert files.size("ab/one") is None
    assert [file.name for file in files.list("ab/one")] == []
    assert [file.name for file in files.list("a")] == []


def test_remove_says_what_it_freed(files: Files) -> None:
    files.write("ab/one", b"12345")
    assert (files.remove("ab/one"), files.remove("ab/one")) == (5, 0)
    with pytest.raises(FileNotFoundError):
        files.read("ab/one")


def test_every_whole_file_is_listed(files: Files) -> None:
    for name, size in (("cd/two", 2), ("ab/one", 1), ("top", 3), ("ab/deep/er/three", 4)):
        files.write(name, b"x" * size)
    found = {file.name: file.size_bytes for file in files.list()}
    assert found == {"ab/one": 1, "ab/deep/er/three": 4, "cd/two": 2, "top": 3}
    assert [file.name for file in files.list()] == [file.name for file in files.list()]
    assert sorted(file.name for file in files.list("ab")) == ["ab/deep/er/three", "ab/one"]
    assert [file.name for file in files.list("ab/deep")] == ["ab/deep/er/three"]
    assert all(0 <= file.age_seconds < 120 for file in files.list())


def test_names_with_a_dot_are_hidden(files: Files) -> None:
    for name in (".hidden", "ab/.hidden", ".folder/one", "ab/.folder/deep/one"):
        files.write(name, b"x")
    assert list(files.list()) == []
    assert [file.name for file in files.list(".folder")] == [".folder/one"]


def test_nothing_is_listed_where_nothing_is(files: Files) -> None:
    assert list(files.list()) == list(files.list("ab")) == list(files.leftovers()) == []


def test_another_process_sees_a_change_at_once(files: Files, root: str) -> None:
    files.write("ab/one", b"1")
    assert [file.name for file in files.list("ab")] == ["ab/one"]  # what a cache would remember
    assert elsewhere(root, "files.write('ab/two', b'2'); files.write('ab/one', b'111'); print(files.size('ab/two'))") == "1"
    assert sorted((file.name, file.size_bytes) for file in files.list("ab")) == [("ab/one", 3), ("ab/two", 1)]
    assert (files.size("ab/one"), files.read("ab/one")) == (3, b"111")
    elsewhere(root, "files.remove('ab/two')")
    assert files.size("ab/two") is None and len(list(files.list("ab"))) == 1


def test_two_writers_of_one_name_leave_one_whole_file(files: Files, root: str) -> None:
    program = "for _ in range(10): files.write('one', b'{letter}' * 200000)"
    writers = [subprocess.Popen([sys.executable, "-c", "from workers.storage.schemes import open_files\n"
                                 f"files = open_files({root!r})\n{program.format(letter=letter)}"],
                                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) for letter in "ab"]
    while any(writer.poll() is None for writer in writers):
        if files.size("one") is not None:
            assert len(set(files.read("one"))) == 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert files.size("one") == 200000 and [file.name for file in files.list()] == ["one"]


def test_an_artifact_store_stands_on_either(root: str) -> None:
    store = ArtifactStore(root)
    digest = store.put({"a": torch.arange(3)}, {"kind": "test"}).digest
    assert torch.equal(ArtifactStore(root).get(digest).tensors["a"], torch.arange(3))
    assert [found for found, _ in store.stored()] == [digest]
    store.files.write(store.name(digest), b"damaged")
    with pytest.raises(ArtifactError, match=naming("damaged")):
        store.get(digest)
    assert store.remove(digest) == 7
    with pytest.raises(ArtifactError, match=naming(root, digest[:2], digest)):
        store.get(digest)


@pytest.mark.parametrize(("root", "message"), [
    ("s3://", ("s3://", "s3://BUCKET/PREFIX")),
    ("ftp://somewhere/else", ("ftp://", "s3://BUCKET/PREFIX"))])
def test_a_root_that_is_neither(root: str, message: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        open_files(root)
    assert tells(caught.value, *message)


def test_roots_mean_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert full_root("files") == full_root(Path("files")) == str(tmp_path / "files")
    assert full_root("s3://bucket/a/b/") == "s3://bucket/a/b"
    assert full_root("s3://bucket") == "s3://bucket"


@pytest.mark.parametrize("name", ["..", ".", "../x", "/x", "ab/../../x", "ab//x", "ab/./x", "ab/..", "//", "x\0y"])
def test_no_name_leads_out_of_the_root(files: Files, name: str) -> None:
    files.write("ab/one", b"1")
    for ask in (files.read, files.size, files.changed_at, files.touch, files.remove, lambda name: list(files.list(name)),
                lambda name: files.write(name, b"2")):
        with pytest.raises(ArtifactError) as caught:
            ask(name)
        assert caught.value.hint.endswith("nothing outside of the store was touched")
    assert [stored.name for stored in files.list()] == ["ab/one"]


@pytest.mark.parametrize("name", ["", "ab", "ab/", "ab/.writing-one", "ab/..one", "a b/é"])
def test_names_that_stay_below_the_root(name: str) -> None:
    assert inside(name) == name


@pytest.mark.parametrize("part", ["", ".", "..", ".x", "-x", "a/b", "/a", "a\\b", "a b", "a\n", "a\0", "é", "x?y"])
def test_what_a_database_says_is_checked_before_it_becomes_a_name(part: str) -> None:
    assert not is_part(part)
    with pytest.raises(ArtifactError):
        below("logs", part)
    assert below("logs", "demo_1.x-y", "_job") == "logs/demo_1.x-y/_job"


@pytest.mark.parametrize("link", ["logs", "logs/demo"])
def test_nothing_behind_a_link_is_listed_or_removed(tmp_path: Path, link: str) -> None:
    """Somebody who may write to a shared store must not be able to have others delete their own files."""
    victim = tmp_path / "victim" if link == "logs/demo" else tmp_path / "victim" / "demo"
    victim.mkdir(parents=True)
    (victim / "precious").write_text("1")
    (victim / "empty").mkdir()
    (tmp_path / "store" / link).parent.mkdir(parents=True)
    (tmp_path / "store" / link).symlink_to(tmp_path / "victim")
    files = FolderFiles(str(tmp_path / "store"))
    assert files.read("logs/demo/precious") == b"1"
    for folder in ("", "logs", "logs/demo"):
        assert list(files.list(folder)) == []
    with pytest.raises(ArtifactError, match=naming("symbolic link")):
        files.remove("logs/demo/precious")
    files.remove_empty("logs/demo")
    assert sorted(path.name for path in victim.iterdir()) == ["empty", "precious"]


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "disk")
    files = FolderFiles(str(tmp_path / "store"))
    files.write("logs/demo/one", b"1")
    assert [stored.name for stored in files.list("logs")] == ["logs/demo/one"]
    assert files.remove("logs/demo/one") == 1
    files.remove_empty("logs/demo")
    assert [path.name for path in (tmp_path / "disk" / "logs").iterdir()] == []
