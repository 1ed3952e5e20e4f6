"""A network that is not divided goes on from the weights it has, and every task reads all of it."""

import dataclasses

import pytest
import torch

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.evaluation import canonical_logits
from clnp_core.network import FREE, empty_network
from clnp_core.networks import mlp
from clnp_core.partition import FreeNetwork
from clnp_core.shared_weights import released, take_over, undivided
from tests.clnp_core.builders import CLASSES, CONVOLUTIONAL, INPUTS, blobs, generator

SHARED = mlp(INPUTS, (9, 7), CLASSES, head=HeadKind.SHARED)
MULTI = mlp(INPUTS, (9, 7), CLASSES, head=HeadKind.MULTI)


@pytest.mark.parametrize("architecture", [SHARED, MULTI, CONVOLUTIONAL], ids=["shared", "multi", "convolutional"])
def test_taking_over_gives_the_same_network(architecture: Architecture) -> None:
    first = undivided(FreeNetwork(empty_network(architecture), generator(1)).assemble(1))
    free = FreeNetwork(released(first), generator(2))
    take_over(free, first, 1)
    again = undivided(free.assemble(1))
    inputs = torch.randn(20, *architecture.input_shape, generator=generator(3))
    assert torch.equal(canonical_logits(again, inputs, 1), canonical_logits(first, inputs, 1))
    before, after = first.to_tensors(), again.to_tensors()
    assert all(torch.equal(before[name], after[name]) for name in before | after)


def test_a_new_head_is_drawn_and_the_old_one_stays() -> None:
    first = undivided(FreeNetwork(empty_network(MULTI), generator(1)).assemble(1))
    free = FreeNetwork(released(first), generator(2))
    take_over(free, first, 2)
    second = undivided(free.assemble(2))
    assert torch.equal(second.head(1).weight, first.head(1).weight)
    assert not torch.equal(second.head(2).weight, first.head(1).weight)
    assert torch.equal(second.hidden[0].weight, first.hidden[0].weight)


def test_a_shared_head_serves_every_task_alike() -> None:
    network = undivided(FreeNetwork(empty_network(SHARED), generator(1)).assemble(1))
    inputs, _ = blobs(4, 12)
    logits = canonical_logits(network, inputs, 1)
    assert logits.abs().sum() > 0
    assert torch.equal(canonical_logits(network, inputs, 5), logits)


def test_owners() -> None:
    network = empty_network(SHARED)
    assert all((owner == 1).all() for owner in undivided(network).activated_by)
    assert all((owner == FREE).all() for owner in released(undivided(network)).activated_by)


def test_a_shared_head_has_no_bias() -> None:
    with pytest.raises(Exception, match="bias"):
        dataclasses.replace(SHARED, head_bias=True)
