"""One task as a plain Sequential: it computes what the canonical evaluation does, whatever the layers are."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from clnp_core.architecture import DIVIDED_HEADS, Activation, Architecture, HeadKind, Layer, Window
from clnp_core.compact import extract
from clnp_core.evaluation import canonical_logits
from clnp_core.from_torch import read_chain
from clnp_core.network import Network
from clnp_core.networks import Chain, cifar_narrow, mlp
from clnp_core.partition import FreeNetwork, widen
from clnp_core.pruning import prune
from clnp_core.to_torch import MODULES, Scaled, plain_module
from tests.clnp_core.builders import (
    CLASSES,
    CONVOLUTIONAL,
    DROPPING,
    FULLY_CONVOLUTIONAL,
    drawn_network,
    drawn_scan,
    generator,
    history_of,
    same_bits,
    with_activation,
)

IMAGES_READ_FLAT = Chain((Layer(12), Layer(9, batch_norm=True))).architecture((2, 4, 4), CLASSES, HeadKind.MULTI, True)
MAP_READ_BY_THE_HEAD = Chain((Layer(6, Window(3)),)).architecture((2, 6, 6), CLASSES, HeadKind.MULTI, False)

NETWORKS = {
    "dense, a head per task": mlp(10, (24, 20), CLASSES, head=HeadKind.MULTI, head_bias=True),
    "dense, a single head": mlp(10, (24, 20), CLASSES),
    "every kind of layer": CONVOLUTIONAL,
    "dropout": DROPPING,
    "a single convolutional head": FULLY_CONVOLUTIONAL,
    "images read flat": IMAGES_READ_FLAT,
    "a map read by the head": MAP_READ_BY_THE_HEAD,
    "the paper's Table 2, narrower": cifar_narrow().architecture((3, 32, 32), 4, HeadKind.MULTI, False)
    .with_hidden([6, 6, 8, 8, 20]),
}


def inputs_of(architecture: Architecture, samples: int = 40) -> Tensor:
    return torch.randn(samples, *architecture.input_shape, generator=generator(5))


def computes_the_same(network: Network, task: int, inputs: Tensor) -> bool:
    """The module of the whole network and that of the sub-network, against the canonical evaluation."""
    expected = canonical_logits(network, inputs, task)
    assert bool((expected.std(dim=0) > 1e-4).all()), "a constant would prove nothing"
    near = 1e-5 * max(1.0, float(expected.abs().max()))
    return all(bool(((plain_module(each, task)(inputs) - expected).abs() <= near).all())
               for each in (network, extract(network, task)))


@pytest.mark.parametrize("architecture", NETWORKS.values(), ids=NETWORKS.keys())
def test_it_computes_what_the_canonical_evaluation_does(architecture: Architecture) -> None:
    network = drawn_network(architecture, 3, seed=4)
    for task in (1, 2, 3):
        assert computes_the_same(network, task, inputs_of(architecture))


@pytest.mark.parametrize("architecture", [CONVOLUTIONAL, FULLY_CONVOLUTIONAL], ids=["multi-head", "single-head"])
def test_after_training_batch_norm_has_statistics_that_matter(architecture: Architecture) -> None:
    history = history_of(architecture)
    for task, inputs in history.test_inputs.items():
        assert computes_the_same(history.newest, task, inputs)


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("head", DIVIDED_HEADS)
def test_every_nonlinearity(activation: Activation, head: HeadKind) -> None:
    """A sigmoid maps the zeros of a free neuron to one half, which must reach nothing."""
    network = drawn_network(mlp(6, (9, 8, 7), 3, activation, head, head is HeadKind.MULTI), 2, seed=8)
    for task in (1, 2):
        assert computes_the_same(network, task, torch.randn(20, 6, generator=generator(1)))


def test_there_is_a_module_for_every_nonlinearity() -> None:
    assert set(MODULES) == set(Activation)


@pytest.mark.parametrize("architecture", [CONVOLUTIONAL, FULLY_CONVOLUTIONAL], ids=["multi-head", "single-head"])
def test_a_widened_network_gives_the_same_module(architecture: Architecture) -> None:
    network = drawn_network(architecture, 2, seed=3)
    wide = widen(network, [width + 3 for width in architecture.hidden])
    for task in (1, 2):
        assert computes_the_same(wide, task, inputs_of(architecture))
        before, after = (plain_module(extract(each, task), task).state_dict() for each in (network, wide))
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("architecture", NETWORKS.values(), ids=NETWORKS.keys())
def test_it_reads_back_as_the_chain_that_it_was_made_of(architecture: Architecture) -> None:
    """Kernels, strides, paddings, poolings and their order: what `network.name` makes of a Sequential is the network again."""
    network = drawn_network(with_activation(architecture, Activation.LEAKY_RELU), 1, seed=2)
    layers = tuple(dataclasses.replace(layer, dropout=0.0) for layer in network.architecture.layers)
    assert read_chain(plain_module(network, 1).requires_grad_(True)) == Chain(layers, architecture.output)


@pytest.mark.parametrize("head", DIVIDED_HEADS)
@pytest.mark.parametrize("activation", [Activation.RELU, Activation.SIGMOID])
def test_a_task_of_which_nothing_is_left(head: HeadKind, activation: Activation) -> None:
    scan = drawn_scan(mlp(6, (5, 4), 3, activation, head), tasks=1, seed=9)
    network = FreeNetwork(prune(scan.network, 1, scan.activities, (1e9, 1e9)), generator(3)).assemble(2)
    assert not plain_module(extract(network, 1), 1)(scan.inputs).any()


def test_it_is_in_evaluation_mode_and_shares_nothing() -> None:
    network = drawn_network(CONVOLUTIONAL, 1, seed=1)
    before = torch.random.get_rng_state()
    module = plain_module(network, 1)
    assert torch.equal(torch.random.get_rng_state(), before), "torch's generator belongs to the user"
    assert not any(part.training for part in module.modules())
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert all(type(part).__module__.startswith("torch.nn.") for part in module.modules())
    weights = network.hidden[0].weight.clone()
    with torch.no_grad():
        module.get_parameter("conv_1.weight").fill_(7.0)
    assert same_bits(network.hidden[0].weight, weights)


def test_the_first_step_scales_values_or_channels() -> None:
    values = torch.rand(5, 3, 4, 4, generator=generator(2)) * 255
    assert same_bits(Scaled([0.0], [255.0])(values), values / 255)
    found = Scaled([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])(values)
    assert same_bits(found[:, 1], (values[:, 1] - 2) / 5)
    network = drawn_network(IMAGES_READ_FLAT, 1, seed=6)
    inputs = inputs_of(IMAGES_READ_FLAT)
    module = plain_module(network, 1, [Scaled([0.5], [2.0])])
    assert isinstance(module[0], Scaled) and isinstance(module[1], nn.Flatten)
    assert torch.allclose(module(inputs * 2 + 0.5), canonical_logits(network, inputs, 1), atol=1e-5)
