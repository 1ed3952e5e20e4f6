"""Data sets on disk: read as they are, missing ones named with their folder, damaged ones with their file."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from clnp_core.errors import DataError
from tests.messages import naming, tells
from workers.data.datasets import CIFAR_10, CIFAR_100, MNIST, TorchvisionSet, data_folder, datasets, digits

SETS = [MNIST, CIFAR_10, CIFAR_100]
REAL = data_folder()
"""The folder of the real sets, if there is one; a test that bends files names another one meanwhile."""


def there(stored: TorchvisionSet) -> Any:
    return pytest.mark.skipif(not (REAL / stored.folder).is_dir(), reason=f"CLNP_DATA does not hold {stored.name}")


def real(*sets: TorchvisionSet) -> list[Any]:
    return [pytest.param(stored, marks=there(stored), id=stored.name) for stored in sets]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine, no download succeeds."""
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("CLNP_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def linked(stored: TorchvisionSet, folder: Path) -> Path:
    """The real files of a set, as links in another data folder."""
    below = folder / stored.folder
    below.mkdir(parents=True)
    for file in (REAL / stored.folder).iterdir():
        (below / file.name).symlink_to(file)
    return below


def files_of(stored: TorchvisionSet) -> list[str]:
    loader = getattr(datasets(), stored.loader)
    return [name for name, _ in loader.train_list + loader.test_list] + [loader.meta["filename"]]


def test_digits_are_small_images() -> None:
    images = digits()
    assert images.values.shape == (1797, 1, 8, 8) and images.values.dtype == torch.uint8
    assert (int(images.values.min()), int(images.values.max())) == (0, 16)
    assert images.labels.dtype == torch.int64 and images.labels.unique().tolist() == list(range(10))


def test_some_images_in_an_order_of_ones_own() -> None:
    images = digits()
    some = images.at(torch.tensor([5, 0]))
    assert torch.equal(some.values[1], images.values[0]) and some.labels.tolist() == images.labels[[5, 0]].tolist()


@pytest.mark.parametrize(("set_to", "expected"), [("/somewhere/else", "/somewhere/else"), ("~/sets", str(Path.home() / "sets")),
                                                  ("", ".clnp/data")])
def test_where_data_sets_lie(set_to: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLNP_DATA", set_to)
    assert data_folder() == Path(expected).absolute()


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("stored", SETS, ids=lambda stored: stored.name)
def test_a_missing_set_is_one_clear_error_with_the_folder(stored: TorchvisionSet, folder: Path) -> None:
    for attempt in (stored.require, stored.load):
        shutil.rmtree(folder, ignore_errors=True)
        with pytest.raises(DataError) as caught:
            attempt()
        assert tells(caught.value, stored.name, folder / stored.folder)
        assert "\n" not in caught.value.message
        assert tells(caught.value, "CLNP_DATA", stored.folder)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("stored", [CIFAR_10, CIFAR_100], ids=lambda stored: stored.name)
def test_a_missing_file_is_named(stored: TorchvisionSet, folder: Path) -> None:
    (folder / stored.folder).mkdir(parents=True)
    names = files_of(stored)
    for name in names[:-2]:
        (folder / stored.folder / name).write_bytes(b"")
    with pytest.raises(DataError) as caught:
        stored.require()
    assert tells(caught.value, names[-2], folder / stored.folder)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("stored", [CIFAR_10, CIFAR_100], ids=lambda stored: stored.name)
def test_files_of_another_content_are_damaged_and_stay(stored: TorchvisionSet, folder: Path) -> None:
    (folder / stored.folder).mkdir(parents=True)
    for name in files_of(stored):
        (folder / stored.folder / name).write_bytes(b"no images")
    stored.require()
    with pytest.raises(DataError) as caught:
        stored.load()
    first = files_of(stored)[0]
    assert tells(caught.value, stored.name, folder / stored.folder, first, "CLNP_DATA")
    assert (folder / stored.folder / first).read_bytes() == b"no images"


@pytest.mark.parametrize("stored", real(CIFAR_10, CIFAR_100))
def test_one_damaged_file_is_named(stored: TorchvisionSet, folder: Path) -> None:
    below = linked(stored, folder)
    for name in files_of(stored)[-2:]:
        content = (below / name).read_bytes()
        (below / name).unlink()
        (below / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(DataError, match=naming(stored.name, name)):
            stored.load()
        (below / name).write_bytes(content)


@pytest.mark.parametrize("stored", real(MNIST))
def test_a_cut_file_of_mnist_is_damaged_and_not_missing(stored: TorchvisionSet, folder: Path) -> None:
    below = linked(stored, folder)
    (below / "t10k-images-idx3-ubyte").unlink()
    (below / "t10k-images-idx3-ubyte").write_bytes((REAL / stored.folder / "t10k-images-idx3-ubyte").read_bytes()[:5000])
    with pytest.raises(DataError, match=naming("MNIST")):
        stored.load()
    (below / "t10k-images-idx3-ubyte").write_bytes((REAL / stored.folder / "train-images-idx3-ubyte").read_bytes())
    with pytest.raises(DataError, match=naming("MNIST", "ValueError", 10000, "[60000, 1, 28, 28]")):
        stored.load()


@pytest.mark.parametrize("stored", real(CIFAR_10))
@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(stored: TorchvisionSet, folder: Path) -> None:
    (folder / stored.folder).mkdir(parents=True)
    for name in files_of(stored):
        (folder / stored.folder / name).touch(mode=0)
    with pytest.raises(DataError, match=naming("CIFAR-10", "Permission denied")):
        stored.load()


@pytest.mark.parametrize(("stored", "train", "test"), [
    pytest.param(MNIST, 60_000, 10_000, marks=there(MNIST), id="MNIST"),
    pytest.param(CIFAR_10, 50_000, 10_000, marks=there(CIFAR_10), id="CIFAR-10"),
    pytest.param(CIFAR_100, 50_000, 10_000, marks=there(CIFAR_100), id="CIFAR-100")])
def test_the_real_sets(stored: TorchvisionSet, train: int, test: int) -> None:
    data = stored.load()
    for images, count in ((data.train, train), (data.test, test)):
        assert images.values.shape == (count, *stored.shape) and images.values.dtype == torch.uint8
        assert images.values.is_contiguous() and images.labels.dtype == torch.int64
        assert images.labels.unique().tolist() == list(range(stored.classes))
    assert (data.classes, data.white, stored.load() is data) == (stored.classes, 255, True)
