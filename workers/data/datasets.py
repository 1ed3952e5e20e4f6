"""Data sets of images as tensors of bytes in memory: scikit-learn's digits, MNIST, CIFAR-10, CIFAR-100.

All but the digits are in the data folder, in torchvision's layout. A missing data set is downloaded; a damaged one is reported
and never changed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from clnp_core.errors import DataError

_LIBRARIES: list[torch.library.Library] = []  # a library object must live as long as its operators are declared


@cache
def datasets() -> ModuleType:
    """Return the module ``torchvision.datasets``."""
    try:
        from torchvision import datasets as module
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
        from torchvision import datasets as module
    return cast(ModuleType, module)


class Images(NamedTuple):
    """Values uint8 [samples, channels, height, width], a quarter of the memory of floats, and labels int64 [samples]."""

    values: Tensor
    labels: Tensor

    def at(self, indices: Tensor) -> "Images":
        """Return the images at these indices, int64 [samples], in their order."""
        return Images(self.values[indices], self.labels[indices])


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """A data set as its authors divided it.

    Attributes:
        train: images for training and validation.
        test: images for reporting only.
        classes: labels are 0 … classes − 1.
        white: the byte that represents 1.
    """

    train: Images
    test: Images
    classes: int
    white: int = 255


def data_folder() -> Path:
    """Return the folder of the data sets: ``CLNP_DATA``, or ``.clnp/data`` below the working folder."""
    return Path(os.environ.get("CLNP_DATA") or Path(".clnp") / "data").expanduser().absolute()


@lru_cache(maxsize=1)
def digits() -> Images:
    """Return scikit-learn's 1,797 real digits [1, 8, 8] with values 0 … 16, not divided into training and test data."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    values = torch.from_numpy(np.asarray(images, dtype=np.uint8)).reshape(-1, 1, 8, 8)
    return Images(values, torch.from_numpy(np.asarray(labels, dtype=np.int64)))


class TorchvisionSet(NamedTuple):
    """A data set of torchvision.

    Attributes:
        name: its usual name.
        loader: torchvision's class.
        folder: its files, below the data folder.
        shape: channels, height and width of an image.
        classes: number of classes.
    """

    name: str
    loader: str
    folder: str
    shape: tuple[int, int, int]
    classes: int

    def require(self) -> None:
        """Download the files unless all of them exist; their content is checked when they are loaded.

        Raises:
            DataError: a file is missing, and the download failed.
        """
        _provide(self, data_folder())

    def load(self) -> DataSet:
        """Load the whole data set and keep it in this process.

        Raises:
            DataError: a file is missing and the download failed, or a file is damaged.
        """
        return _load(self, data_folder())


MNIST = TorchvisionSet("MNIST", "MNIST", "MNIST/raw", (1, 28, 28), 10)
CIFAR_10 = TorchvisionSet("CIFAR-10", "CIFAR10", "cifar-10-batches-py", (3, 32, 32), 10)
CIFAR_100 = TorchvisionSet("CIFAR-100", "CIFAR100", "cifar-100-python", (3, 32, 32), 100)


@lru_cache(maxsize=2)
def _load(stored: TorchvisionSet, root: Path) -> DataSet:
    _provide(stored, root)
    loader = getattr(datasets(), stored.loader)
    try:
        train, test = (_images(loader(str(root), train=train, download=False), stored) for train in (True, False))
    except OSError as error:
        raise DataError(f"{stored.name} in {root / stored.folder} cannot be read: {error}",
                        "fix the permissions of its files, or choose another folder in CLNP_DATA") from error
    except Exception as error:  # torchvision raises various errors for a damaged file
        damaged = [file.name for file, md5 in _files(stored, root) if not _sound(file, md5)]
        what = f"{damaged[0]} is not the original file" if damaged else f"{type(error).__name__}: {error}"
        raise DataError(f"{stored.name} in {root / stored.folder} is damaged: {what}",
                        "remove that folder and fetch the data set again, or choose another one in CLNP_DATA") from error
    return DataSet(train, test, stored.classes)


def _images(dataset: Any, stored: TorchvisionSet) -> Images:
    """Return the images of a data set; torchvision's view has colours last, the bytes are by colour, so nothing is copied."""
    values = torch.as_tensor(dataset.data)
    values = values.unsqueeze(1) if values.ndim == 3 else values.permute(0, 3, 1, 2)
    labels = torch.as_tensor(dataset.targets).to(torch.int64)
    if tuple(values.shape[1:]) != stored.shape or len(values) != len(labels):
        raise ValueError(f"{len(labels)} labels for images {list(values.shape)}")
    return Images(values.contiguous(), labels)


def _provide(stored: TorchvisionSet, root: Path) -> None:
    files = [file for file, _ in _files(stored, root)]
    missing = [file for file in files if not file.is_file()]
    if not missing:
        return
    try:
        getattr(datasets(), stored.loader)(str(root), download=True)
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(":") if str(error).strip() else type(error).__name__
        what = f"{stored.name} is not in" if missing == files else f"{missing[0].name} is missing from"
        raise DataError(f"{what} {root / stored.folder} and could not be downloaded ({reason})",
                        f"set CLNP_DATA to the folder that holds {stored.folder}, "
                        "or connect this machine to the internet") from error


def _files(stored: TorchvisionSet, root: Path) -> Sequence[tuple[Path, str | None]]:
    """Return every file of the set with its md5, if torchvision knows it: for MNIST it only knows that of the archives."""
    loader = getattr(datasets(), stored.loader)
    if stored is MNIST:
        return [(root / stored.folder / Path(archive).stem, None) for archive, _ in loader.resources]
    listed = [*loader.train_list, *loader.test_list, (loader.meta["filename"], loader.meta["md5"])]
    return [(root / stored.folder / name, md5) for name, md5 in listed]


def _sound(file: Path, md5: str | None) -> bool:
    from torchvision.datasets.utils import check_integrity

    return bool(check_integrity(str(file), md5))
