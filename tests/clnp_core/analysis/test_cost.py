"""Multiply-adds, against torch's own count of what it computes."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from clnp_core.analysis.model_size import multiply_adds
from clnp_core.architecture import Architecture, HeadKind
from clnp_core.networks import cifar_narrow, mlp
from clnp_core.to_torch import plain_module
from tests.clnp_core.builders import CONVOLUTIONAL, FULLY_CONVOLUTIONAL, drawn_network


@pytest.mark.parametrize("architecture", [
    mlp(10, (24, 20), 3), CONVOLUTIONAL, FULLY_CONVOLUTIONAL,
    cifar_narrow().architecture((3, 32, 32), 10, HeadKind.MULTI, False)], ids=["dense", "layers", "convolutions", "Table 2"])
def test_torch_counts_twice_as_many_operations(architecture: Architecture) -> None:
    module = plain_module(drawn_network(architecture, 1, seed=1), 1)
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, *architecture.input_shape))
    assert counter.get_total_flops() == 2 * multiply_adds(architecture)


def test_a_dense_network_multiplies_once_with_every_weight() -> None:
    assert multiply_adds(mlp(784, (2000, 2000), 10)) == 784 * 2000 + 2000 * 2000 + 2000 * 10
