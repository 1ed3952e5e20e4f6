"""From the inputs of a task back to the whole numbers of its data set, and forth again, bit for bit."""

from pathlib import Path

import pytest
import torch

from clnp_core.to_torch import Scaled
from tests.workers.data.test_loader import own
from workers.data.datasets import digits
from workers.data.loader import load_task, task_origin
from workers.data.provenance import Origin, Scaling
from workers.data.samples import TaskData
from workers.spec import BenchmarkSpec, ClassOrder


def spec(name: str, normalize: str, order: ClassOrder = ClassOrder.INDEX) -> BenchmarkSpec:
    return BenchmarkSpec(name, 3, {}, None, normalize, order)


@pytest.mark.parametrize("normalize", ["unit", "standard"])
@pytest.mark.parametrize("name", ["permuted-digits", "split-digits"])
def test_the_scalings_give_the_very_inputs_of_whole_numbers(name: str, normalize: str) -> None:
    where = spec(name, normalize)
    for task in (1, 2):
        data, origin = load_task(where, task), task_origin(where, task)
        assert origin is not None and (origin.data_set, origin.white) == ("digits", 16)
        for part in (data.train, data.val, data.test):
            raw = origin.raw(part.inputs)
            assert raw.shape == part.inputs.shape and torch.equal(raw, raw.round()) and raw.min() >= 0 and raw.max() == 16
            for scaling in origin.scalings:
                raw = Scaled(scaling.shift, scaling.scale)(raw)
            assert torch.equal(raw, part.inputs)


def images_of(data: TaskData) -> torch.Tensor:
    return torch.cat([part.inputs for part in (data.train, data.val, data.test)])


def test_a_permuted_task_says_which_pixel_stands_where() -> None:
    where = spec("permuted-digits", "standard")
    origin = task_origin(where, 2)
    assert origin is not None and origin.pixels is not None and sorted(origin.pixels) == list(range(64))
    shown = {bytes(image) for image in origin.raw(images_of(load_task(where, 2))).to(torch.uint8).numpy()}
    assert shown == {bytes(image) for image in digits().values.flatten(1)[:, list(origin.pixels)].numpy()}
    assert origin.classes == tuple(range(10))


def test_a_split_task_says_what_its_labels_stand_for() -> None:
    where = spec("split-digits", "unit", ClassOrder.SEED)
    data, origin = load_task(where, 3), task_origin(where, 3)
    assert origin is not None and origin.pixels is None
    for label, of_data_set in enumerate(origin.classes):
        own = {bytes(image) for part in (data.train, data.val, data.test)
               for image in origin.raw(part.inputs[part.labels == label]).to(torch.uint8).flatten(1).numpy()}
        assert own == {bytes(image) for image in digits().values[digits().labels == of_data_set].flatten(1).numpy()}


def test_one_scaling_for_every_channel() -> None:
    raw = torch.randint(256, (7, 3, 5, 5), generator=torch.Generator().manual_seed(1)).to(torch.float32)
    shift, scale = torch.tensor([125.3, 122.9, 113.8]), torch.tensor([62.9, 62.1, 66.7])
    inputs = (raw - shift.reshape(3, 1, 1)) / scale.reshape(3, 1, 1)
    origin = Origin("CIFAR-10", 255, (Scaling.of(shift, scale),), None, tuple(range(10)))
    assert torch.equal(origin.raw(inputs), raw)


def test_a_benchmark_of_ones_own_gives_its_inputs_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert task_origin(own(tmp_path, monkeypatch, "pass", "unscaled"), 1) is None
