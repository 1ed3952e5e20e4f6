"""Dropout of what a layer passes on: it follows its generator alone."""

import pytest
import torch

from clnp_core.network import empty_network
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
    assert [len(factors) for factors in drawn] == [0, 2, 0, 2]
    active, free = drawn[1]
    assert active.shape == (2000, 0, 4, 4) and free.shape == (2000, 7, 4, 4), "of what is passed on, after the pooling"
    assert sorted(set(free.flatten().tolist())) == [0.0, pytest.approx(1 / 0.7)]
    assert float(free.mean()) == pytest.approx(1.0, abs=0.01)


def test_dropout_may_be_drawn_beforehand() -> None:
    base, inputs = empty_network(DROPPING), images(DROPPING, 8, seed=1)
    here, before = (FreeNetwork(base, generator(3)) for _ in range(2))
    assert torch.equal(here(inputs, []), before(inputs, [], before.draw_dropout(8)))


def test_a_network_without_dropout_draws_no_more_numbers_than_before() -> None:
    draw = generator(3)
    FreeNetwork(empty_network(CONVOLUTIONAL), draw)
    after = torch.rand(1, generator=draw)
    draw = generator(3)
    FreeNetwork(empty_network(DROPPING), draw)
    assert not torch.equal(after, torch.rand(1, generator=draw))
