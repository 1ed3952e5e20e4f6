"""Dropout of what a layer passes on: it follows its generator alone."""

import dataclasses

import pytest
import torch

from clnp_core.architecture import Architecture
from clnp_core.evaluation import canonical_logits
from clnp_core.frozen_activations import layers_computed_once
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from tests.clnp_core.builders import CONVOLUTIONAL, DROPPING, generator
from tests.clnp_core.test_convolutions import images


def test_dropout_keeps_the_mean_and_follows_the_generator_alone() -> None:
    base, inputs = empty_network(DROPPING), images(DROPPING, 8, seed=1)
    torch.manual_seed(1)
    one = FreeNetwork(base, generator(3))
    first = one(inputs, [])
    torch.manual_seed(2)
    other = FreeNetwork(base, generator(3))
    assert torch.equal(first, other(inputs, []))
    assert not torch.equal(first, other(inputs, []))  # the next step drops other values
    drawn = one.draw_dropout(2000)
    assert [len(factors) for factors in drawn] == [0, 0, 2, 0, 2], "first that of the inputs"
    active, free = drawn[2]
    assert active.shape == (2000, 0, 4, 4) and free.shape == (2000, 7, 4, 4), "of what is passed on, after the pooling"
    assert sorted(set(free.flatten().tolist())) == [0.0, pytest.approx(1 / 0.7)]
    assert float(free.mean()) == pytest.approx(1.0, abs=0.01)


def test_dropout_may_be_drawn_beforehand() -> None:
    base, inputs = empty_network(DROPPING), images(DROPPING, 8, seed=1)
    here, before = (FreeNetwork(base, generator(3)) for _ in range(2))
    assert torch.equal(here(inputs, []), before(inputs, [], before.draw_dropout(8)))


@pytest.mark.parametrize("architecture", [CONVOLUTIONAL, mlp(6, (5, 4), 3)], ids=["images", "values"])
def test_inputs_are_dropped_in_training_alone(architecture: Architecture) -> None:
    """With factors of its own, which keep the mean of what is read; evaluation knows nothing of them."""
    dropping = dataclasses.replace(architecture, input_dropout=0.2)
    inputs = torch.rand(8, *architecture.input_shape, generator=generator(1))
    free, plain = (FreeNetwork(empty_network(each), generator(3)) for each in (dropping, architecture))
    [factors] = free.draw_dropout(3000)[0]
    assert factors.shape == (3000, *architecture.input_shape)
    assert sorted(set(factors.flatten().tolist())) == [0.0, pytest.approx(1 / 0.8)]
    assert float(factors.mean()) == pytest.approx(1.0, abs=0.02)
    drawn = free.draw_dropout(8)
    assert torch.equal(free(inputs, [], drawn), plain(inputs * drawn[0][0], [])), "the same weights: noise is drawn after them"
    free, plain = (FreeNetwork(empty_network(each), generator(3)) for each in (dropping, architecture))
    assert torch.equal(free.eval()(inputs, []), plain.eval()(inputs, []))
    assembled, bare = free.assemble(1), plain.assemble(1)
    assert torch.equal(canonical_logits(assembled, inputs, 1, 8), canonical_logits(bare, inputs, 1, 8))


def test_behind_dropped_inputs_nothing_is_constant() -> None:
    dropping = dataclasses.replace(CONVOLUTIONAL, input_dropout=0.2)
    assert layers_computed_once(empty_network(CONVOLUTIONAL), 10) > 0
    assert layers_computed_once(empty_network(dropping), 10) == 0


def test_a_network_without_dropout_draws_no_more_numbers_than_before() -> None:
    draw = generator(3)
    FreeNetwork(empty_network(CONVOLUTIONAL), draw)
    after = torch.rand(1, generator=draw)
    draw = generator(3)
    FreeNetwork(empty_network(DROPPING), draw)
    assert not torch.equal(after, torch.rand(1, generator=draw))
