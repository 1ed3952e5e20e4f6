"""The networks that come along: the paper's tables, number by number."""

import pytest
import torch

from clnp_core.architecture import Activation, Architecture, HeadKind, Layer, PoolKind
from clnp_core.evaluation import canonical_logits
from clnp_core.network import empty_network
from clnp_core.networks import BUILT_IN_NETWORKS, Chain, cifar_narrow, cifar_wide, dense_chain, digits_small, mlp
from clnp_core.partition import FreeNetwork

SHAPES = {"cifar-narrow": (3, 32, 32), "cifar-wide": (3, 32, 32), "digits-small": (1, 8, 8)}


def test_the_mlp_of_permuted_mnist() -> None:
    assert mlp(784, (2000, 2000), 10) == Architecture((784,), (Layer(2000), Layer(2000)), 10)
    assert mlp(784, (2000, 2000), 10).parameter_count() == 784 * 2000 + 2000 + 2000 * 2000 + 2000 + 2000 * 10


def test_a_dense_chain_waits_for_its_input() -> None:
    chain = dense_chain((4, 5), Activation.TANH)
    assert chain == Chain((Layer(4, activation=Activation.TANH), Layer(5, activation=Activation.TANH)))
    assert chain.architecture([1, 2, 3], 2, HeadKind.MULTI, True).weight_shape(0) == (4, 6)


def test_table_2() -> None:
    network = cifar_narrow().architecture((3, 32, 32), 10, HeadKind.MULTI, True)
    assert [network.weight_shape(layer) for layer in range(6)] == [
        (32, 3, 3, 3), (32, 32, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (512, 4096), (10, 512)]
    assert network.maps == ((32, 32), (16, 16), (16, 16), (8, 8), ())
    assert [layer.dropout for layer in network.layers] == [0, 0.25, 0, 0.25, 0.5]
    assert [layer.pool and layer.pool.kind for layer in network.layers] == [None, PoolKind.MAX, None, PoolKind.MAX, None]
    assert {layer.activation for layer in network.layers} == {Activation.RELU} and not network.has_batch_norm
    dense = 4096 * 512 + 512
    assert network.parameter_count() == 896 + 9248 + 18496 + 36928 + dense + 5130 == 2_168_362
    assert 0.965 < dense / network.parameter_count() < 0.97


def test_table_3() -> None:
    network = cifar_wide().architecture((3, 32, 32), 10, HeadKind.SINGLE, False)
    assert [network.weight_shape(layer) for layer in range(6)] == [
        (128, 3, 3, 3), (256, 128, 3, 3), (512, 256, 3, 3), (1024, 512, 3, 3), (2048, 1024, 3, 3), (10, 2048, 3, 3)]
    assert network.maps == ((32, 32), (15, 15), (13, 13), (7, 7), (5, 5))
    assert network.output is not None and network.output.positions(5) == 3
    assert all(layer.batch_norm and layer.pool is None and layer.dropout == 0 for layer in network.layers)
    weights = sum(rows * 9 * below for rows, below in [(128, 3), (256, 128), (512, 256), (1024, 512), (2048, 1024), (10, 2048)])
    assert network.parameter_count() == weights + 2 * (128 + 256 + 512 + 1024 + 2048) == 25_263_232


def test_digits_small_has_every_kind_of_layer() -> None:
    layers = digits_small().layers
    assert [layer.convolution is None for layer in layers] == [False, False, True]
    assert any(layer.pool for layer in layers) and any(layer.batch_norm for layer in layers) and layers[-1].dropout


@pytest.mark.parametrize("name", BUILT_IN_NETWORKS)
def test_they_compute(name: str) -> None:
    chain = BUILT_IN_NETWORKS[name]()
    if name == "cifar-wide":  # the same chain, an eighth as wide: the test is of shapes, and has to be quick
        chain = Chain(tuple(Layer(layer.neurons // 8, layer.convolution, layer.batch_norm) for layer in chain.layers),
                      chain.output)
    network = chain.architecture(SHAPES[name], 10, HeadKind.SINGLE, False)
    trained = FreeNetwork(empty_network(network), torch.Generator().manual_seed(1)).assemble(1)
    assert canonical_logits(trained, torch.rand(3, *SHAPES[name]), 1).shape == (3, 10)
