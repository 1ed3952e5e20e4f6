"""The folder of an export: whole or not there, and never in the place of something else."""

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError
from orchestrator.export.export_dir import CARD, checked, whole
from tests.messages import naming, tells


def exported(folder: Path, run: str = "demo", task: int = 2, model: bytes = b"old") -> Path:
    """A folder that holds an export, as far as anybody looks at it."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model)
    (folder / CARD).write_text(json.dumps({"task": {"run": run, "task": task}}))
    return folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A system that refuses to write more than so many bytes to a file, as one whose disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestChecked:
    def test_a_new_folder_an_empty_one_and_an_earlier_export(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        exported(tmp_path / "earlier")
        for name in ("new", "empty", "earlier"):
            assert checked(tmp_path / name, "demo", 2) == tmp_path / name
        assert names(tmp_path) == ["earlier", "empty"]

    def test_a_link_means_the_folder_that_it_leads_to(self, tmp_path: Path) -> None:
        exported(tmp_path / "real")
        (tmp_path / "link").symlink_to(tmp_path / "real")
        assert checked(tmp_path / "link", "demo", 2) == tmp_path / "real"

    @pytest.mark.parametrize(("run", "task"), [("other", 2), ("demo", 3)])
    def test_the_export_of_something_else(self, tmp_path: Path, run: str, task: int) -> None:
        exported(tmp_path / "earlier", run, task)
        with pytest.raises(ConfigError) as caught:
            checked(tmp_path / "earlier", "demo", 2)
        assert tells(caught.value, tmp_path / "earlier", "task 2", "demo", "--output")

    @pytest.mark.parametrize("card", ["", "[]", "{}", '{"task": {"run": "demo"}}', '{"task": null}', "\udcff"])
    def test_models_without_a_card_are_somebody_elses(self, tmp_path: Path, card: str) -> None:
        (exported(tmp_path / "models") / CARD).write_bytes(card.encode(errors="surrogateescape"))
        with pytest.raises(ConfigError, match=naming(tmp_path / "models")):
            checked(tmp_path / "models", "demo", 2)

    def test_other_files(self, tmp_path: Path) -> None:
        for name in "abcde":
            (tmp_path / name).touch()
        with pytest.raises(ConfigError, match=naming("a", "b", "c", 2)):
            checked(tmp_path, "demo", 2)

    def test_a_file_a_bucket_and_a_folder_that_is_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for output, message in ((tmp_path / "file", ("file",)),
                                ("s3://lab/models", ("s3://lab/models", "bucket", "--output")),
                                (tmp_path / "no" / "where", ("no",))):
            with pytest.raises(ConfigError, match=naming(*message)):
                checked(output, "demo", 2)


class TestWhole:
    def test_it_appears_when_the_block_ends(self, tmp_path: Path) -> None:
        target = tmp_path / "export"
        with whole(target, "demo", 2) as write:
            where = write("model.onnx", b"abc")
            assert where.read_bytes() == b"abc" and not target.exists()
        assert names(tmp_path) == ["export"] and names(target) == ["model.onnx"]

    def test_it_replaces_an_earlier_one_as_a_whole(self, tmp_path: Path) -> None:
        target = exported(tmp_path / "export")
        with whole(target, "demo", 2) as write:
            write("model.pt2", b"new")
            assert (target / "model.onnx").read_bytes() == b"old"
        assert names(tmp_path) == ["export"] and names(target) == ["model.pt2"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    def test_an_error_leaves_what_was_there(self, tmp_path: Path, error: type[BaseException]) -> None:
        for target in (exported(tmp_path / "earlier"), tmp_path / "new"):
            with pytest.raises(error), whole(target, "demo", 2) as write:
                write("model.onnx", b"half")
                raise error
        assert names(tmp_path) == ["earlier"] and (tmp_path / "earlier" / "model.onnx").read_bytes() == b"old"

    def test_a_system_that_takes_no_more_bytes(self, tmp_path: Path) -> None:
        target = exported(tmp_path / "earlier")
        with files_of_at_most(100), pytest.raises(ConfigError) as caught, whole(target, "demo", 2) as write:
            write("model.onnx", b"small")
            write("model.pt2", bytes(1000))
        assert tells(caught.value, target, "File too large", "--output")
        assert names(tmp_path) == ["earlier"] and (target / "model.onnx").read_bytes() == b"old"

    def test_somebody_else_fills_the_folder_meanwhile(self, tmp_path: Path) -> None:
        """What they put there is not lost: it is looked at again before the folder is given its name."""
        target = tmp_path / "export"
        with pytest.raises(ConfigError, match=naming("notes.txt")), \
                whole(target, "demo", 2) as write:
            write("model.onnx", b"abc")
            target.mkdir()
            (target / "notes.txt").touch()
        assert names(tmp_path) == ["export"] and names(target) == ["notes.txt"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_may_not_be_written(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(ConfigError, match=naming("Permission denied")), \
                    whole(tmp_path / "export", "demo", 2):
                pass
        finally:
            tmp_path.chmod(0o700)
