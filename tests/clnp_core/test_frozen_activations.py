"""What the active neurons say: once for a whole task where nothing random lies before it."""

import dataclasses

import pytest
import torch

from clnp_core import frozen_activations as module
from clnp_core.architecture import Architecture, HeadKind
from clnp_core.evaluation import hidden_activations
from clnp_core.frozen_activations import frozen_activations, layers_computed_once
from clnp_core.layers import pooled
from clnp_core.network import FREE, empty_network
from clnp_core.networks import cifar_narrow, mlp
from tests.clnp_core.builders import CONVOLUTIONAL, drawn_network, generator

CHAIN = mlp(6, (9, 8, 7), 3, head=HeadKind.MULTI, head_bias=True)


@pytest.mark.parametrize("architecture", [CHAIN, CONVOLUTIONAL], ids=["dense", "convolutional"])
@pytest.mark.parametrize("pass_bytes", [1, 2_000, 2**28])
def test_they_are_those_of_the_base_however_many_samples_pass_at_once(
        architecture: Architecture, pass_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PASS_BYTES", pass_bytes)
    base = drawn_network(architecture, 2, seed=5)
    inputs = torch.randn(31, *architecture.input_shape, generator=generator(11))
    found = frozen_activations(base, inputs)
    once = layers_computed_once(base, 31)
    assert len(found) == once
    for layer, values in zip(architecture.layers[:once], hidden_activations(base, inputs), strict=False):
        index = architecture.layers.index(layer)
        expected = pooled(layer.pool, values)[:, base.activated_by[index] != FREE]
        assert torch.allclose(found[index], expected, atol=1e-5)
        assert not found[index].requires_grad


@pytest.mark.parametrize("architecture", [CHAIN, CONVOLUTIONAL], ids=["dense", "convolutional"])
def test_an_empty_base_says_nothing(architecture: Architecture) -> None:
    inputs = torch.randn(31, *architecture.input_shape)
    found = frozen_activations(empty_network(architecture), inputs)
    assert [tuple(values.shape) for values in found] == [(31, 0, *sides) for sides in architecture.maps[:len(found)]]


def test_behind_a_dropout_nothing_is_constant() -> None:
    """Table 2 drops values after its second layer: that layer's own responses are still a constant of the task."""
    narrow = cifar_narrow().architecture((3, 32, 32), 10, HeadKind.MULTI, True)
    assert layers_computed_once(empty_network(narrow), 4500) == 2
    dry = dataclasses.replace(narrow, layers=tuple(dataclasses.replace(layer, dropout=0.0) for layer in narrow.layers))
    assert layers_computed_once(empty_network(dry), 4500) == 5


def test_what_does_not_fit_into_memory_is_computed_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    base = drawn_network(CHAIN, 2, seed=5)
    active = [int((owner != FREE).sum()) for owner in base.activated_by]
    monkeypatch.setattr(module, "CACHE_BYTES", 4 * 31 * sum(active[:2]))
    assert layers_computed_once(base, 31) == 2
    assert layers_computed_once(base, 32) == 1
    assert layers_computed_once(base, 310) == 0
