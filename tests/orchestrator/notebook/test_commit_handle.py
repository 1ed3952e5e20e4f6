"""Predictions of a committed network are those that were counted when it was committed, bit for bit; and what does not fit is
refused in words."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clnp_core.errors import ArtifactError, DataError
from orchestrator import api
from tests.messages import naming


@pytest.mark.parametrize(("after", "on"), [(1, 1), (2, 1), (2, 2)])
def test_they_are_the_recorded_ones(tiny: api.Run, after: int, on: int) -> None:
    test, commit = tiny.stage(on).data().test, tiny.commit(after)
    cells = tiny.evaluations()
    recorded = cells[(cells["after_task"] == after) & (cells["on_task"] == on)].iloc[0]
    predicted = commit.predict(on, test.inputs)
    assert predicted.dtype == torch.int64 and predicted.shape == test.labels.shape
    assert int((predicted == test.labels).sum()) == recorded["test_correct"]
    logits = commit.logits(on, test.inputs)
    assert logits.dtype == torch.float32 and logits.shape == (len(test), 10)
    assert hashlib.sha256(logits.numpy().tobytes()).hexdigest() == recorded["logits_digest"]


def test_arrays_give_arrays(tiny: api.Run) -> None:
    commit, inputs = tiny.commit(2), tiny.stage(1).data().test.inputs
    expected = commit.logits(1, inputs).numpy()
    array = inputs.numpy()
    for given in (array, array.astype(">f4"), array.astype(np.float64), np.asfortranarray(array), array[::-1].copy()[::-1]):
        found = commit.logits(1, given)
        assert isinstance(found, np.ndarray) and found.dtype == np.float32 and (found == expected).all()
    labels = commit.predict(1, inputs.numpy())
    assert isinstance(labels, np.ndarray) and labels.dtype == np.int64 and (labels == expected.argmax(1)).all()
    assert commit.predict(1, inputs[:0]).shape == (0,) and commit.logits(1, inputs.numpy()[:0]).shape == (0, 10)


def test_a_part_of_the_samples_gives_a_part_of_the_bits(tiny: api.Run) -> None:
    """Batches are padded to one size, so what stands beside a sample does not matter."""
    commit, inputs = tiny.commit(1), tiny.stage(1).data().val.inputs
    assert torch.equal(commit.logits(1, inputs)[:7], commit.logits(1, inputs[:7]))


def test_the_process_keeps_its_threads(tiny: api.Run) -> None:
    before, inputs = torch.get_num_threads(), tiny.stage(1).data().val.inputs
    torch.set_num_threads(before + 1)
    try:
        tiny.commit(1).predict(1, inputs)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_the_module_computes_the_same_without_us(tiny: api.Run) -> None:
    commit, inputs = tiny.commit(2), tiny.stage(1).data().test.inputs
    module = commit.module(1)
    assert isinstance(module, torch.nn.Sequential) and not module.training
    assert torch.allclose(module(inputs), commit.logits(1, inputs), atol=1e-5)


def test_the_network_is_held_against_its_digest(tiny: api.Run, tmp_path: Any) -> None:
    commit = tiny.commit(2)
    network = commit.network()
    assert network.architecture.hidden == (24, 16) and {int(owner.max()) for owner in network.activated_by} <= {0, 1, 2}
    elsewhere = api.run("tiny", url=tiny.place.url, storage=str(tmp_path)).commit(2)
    with pytest.raises(ArtifactError, match=naming("missing")):
        elsewhere.network()
    damaged = tmp_path / commit.digest[:2] / f"{commit.digest}.safetensors"
    damaged.parent.mkdir()
    damaged.write_bytes(b"not a network")
    with pytest.raises(ArtifactError, match=naming("damaged")):
        elsewhere.predict(1, tiny.stage(1).data().test.inputs)


FIT = "float32 [samples, 64], scaled and permuted as the benchmark does it: run.stage(K).data() has the samples of task K"


@pytest.mark.parametrize(("spoil", "message", "hint"), [
    (lambda inputs: inputs[0], "inputs have the shape [64], the network reads [samples, 64]",
     "for a single sample, add a first dimension: inputs[None]"),
    (lambda inputs: inputs.reshape(-1, 8, 8), "inputs have the shape [359, 8, 8], the network reads [samples, 64]",
     "the number of values matches: inputs.reshape(len(inputs), 64), if in that order"),
    (lambda inputs: inputs[:, 1:], "inputs have the shape [359, 63], the network reads [samples, 64]", f"give {FIT}"),
    (lambda inputs: inputs.sum(), "inputs have the shape [], the network reads [samples, 64]", f"give {FIT}"),
    (lambda inputs: np.array(1.5), "inputs have the shape [], the network reads [samples, 64]", f"give {FIT}"),
    (lambda inputs: (16 * inputs).to(torch.uint8), "inputs are uint8, the network was trained on float32",
     f"raw bytes are on another scale; give {FIT}"),
    (lambda inputs: (16 * inputs.numpy()).astype(int), "inputs are int64, the network was trained on float32",
     f"raw bytes are on another scale; give {FIT}"),
    (lambda inputs: inputs.numpy().astype(str), "inputs are an array of <U32, not of numbers", f"give {FIT}"),
    (lambda inputs: inputs.tolist(), "inputs are a list, neither a NumPy array nor a torch tensor",
     "call .to_numpy() on a DataFrame, numpy.asarray on a list"),
    (lambda inputs: inputs / 0, "an input is NaN or infinite as float32", "check for missing values, or a division by 0"),
    (lambda inputs: 1e300 * inputs.double(), "an input is NaN or infinite as float32",
     "check for missing values, or a division by 0")])
def test_what_does_not_fit(tiny: api.Run, spoil: Callable[[Tensor], Any], message: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        tiny.commit(1).predict(1, spoil(tiny.stage(1).data().test.inputs))
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_data_that_is_no_longer_what_it_was(tiny: api.Run) -> None:
    inputs = tiny.stage(1).data().test.inputs
    kept = inputs[0, 0].clone()
    inputs[0, 0] += 1
    try:
        with pytest.raises(DataError, match=naming("task 1", "tiny")):
            tiny.stage(1).data()
    finally:
        inputs[0, 0] = kept
