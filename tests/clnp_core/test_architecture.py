"""The description of a network."""

import dataclasses
import json
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from clnp_core.architecture import DIVIDED_HEADS, Activation, Architecture, HeadKind, Layer, Pool, PoolKind, Window
from clnp_core.errors import ConfigError
from clnp_core.network import empty_network
from tests.clnp_core.builders import CONVOLUTIONAL, DROPPING, FULLY_CONVOLUTIONAL
from tests.messages import naming, tells

FLAT = Architecture((784,), (Layer(20), Layer(30)), 10)


class TestSizes:
    def test_a_dense_chain(self) -> None:
        assert (FLAT.depth, FLAT.hidden, FLAT.hidden_total, FLAT.inputs) == (2, (20, 30), 50, 784)
        assert [FLAT.fan_in(layer) for layer in range(3)] == [784, 20, 30]
        assert [FLAT.weight_shape(layer) for layer in range(3)] == [(20, 784), (30, 20), (10, 30)]
        assert (FLAT.maps, FLAT.columns_per_neuron) == (((), ()), (1, 1, 1))

    def test_a_chain_of_every_kind(self) -> None:
        chain = CONVOLUTIONAL
        assert chain.maps == ((8, 8), (4, 4), (2, 2), ())
        assert chain.columns_per_neuron == (1, 1, 1, 4, 1)
        assert [chain.columns(layer) for layer in range(5)] == [2, 6, 7, 32, 9]
        assert [chain.weight_shape(layer) for layer in range(5)] == [
            (6, 2, 3, 3), (7, 6, 3, 3), (8, 7, 2, 2), (9, 32), (3, 9)]
        assert [chain.fan_in(layer) for layer in range(5)] == [18, 54, 28, 32, 9]
        assert chain.has_batch_norm and not FLAT.has_batch_norm

    def test_a_dense_layer_reads_an_image_flat(self) -> None:
        chain = Architecture((3, 4, 5), (Layer(6),), 2)
        assert (chain.inputs, chain.columns_per_neuron[0], chain.weight_shape(0)) == (60, 20, (6, 60))

    def test_maps_need_not_be_square(self) -> None:
        chain = Architecture((1, 5, 9), (Layer(4, Window(3, 2)), Layer(6)), 2)
        assert chain.maps == ((2, 4), ()) and chain.weight_shape(1) == (6, 4 * 8)

    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("chain", [Architecture((7,), (Layer(5), Layer(4), Layer(3)), 2, HeadKind.MULTI),
                                       CONVOLUTIONAL, dataclasses.replace(FULLY_CONVOLUTIONAL, head=HeadKind.MULTI)],
                             ids=["dense", "convolutional", "fully convolutional"])
    def test_the_parameter_count_is_that_of_the_tensors(self, chain: Architecture, bias: bool) -> None:
        chain = dataclasses.replace(chain, head_bias=bias)
        running = ("activated_by", "mean", "variance")  # what is counted and not learnt
        hidden = sum(tensor.numel() for name, tensor in empty_network(chain).to_tensors().items()
                     if not name.endswith(running))
        head = chain.classes * chain.fan_in(chain.depth) + (chain.classes if bias else 0)
        assert chain.parameter_count() == hidden + head

    def test_other_widths_change_nothing_else(self) -> None:
        wider = CONVOLUTIONAL.with_hidden([16, 17, 18, 19])
        assert wider.hidden == (16, 17, 18, 19)
        assert wider.with_hidden(CONVOLUTIONAL.hidden) == CONVOLUTIONAL
        with pytest.raises(ValueError, match="zip"):
            CONVOLUTIONAL.with_hidden([1, 2])


def described(layers: tuple[Layer, ...], output: Window | None, classes: int) -> list[nn.Module]:
    """The same hidden layers, and the output, as torch's own modules; sizes of inputs left to torch's lazy modules."""
    modules: list[nn.Module] = []
    for layer in layers:
        if layer.convolution is None:
            weights: nn.Module = nn.LazyLinear(layer.neurons)
            parts = [nn.Flatten(), weights]
        else:
            window = layer.convolution
            parts = [nn.LazyConv2d(layer.neurons, window.kernel, window.stride, window.padding)]
        if layer.pool is not None:
            kind = nn.MaxPool2d if layer.pool.kind is PoolKind.MAX else nn.AvgPool2d
            parts.append(kind(layer.pool.window.kernel, layer.pool.window.stride, layer.pool.window.padding))
        modules.append(nn.Sequential(*parts))
    modules.append(nn.Sequential(nn.Flatten(), nn.LazyLinear(classes)) if output is None else
                   nn.Sequential(nn.LazyConv2d(classes, output.kernel, output.stride, output.padding)))
    return modules


WINDOWS = st.builds(Window, st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))
POOLS = st.builds(Pool, st.sampled_from(list(PoolKind)),
                  st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 1)).filter(
                      lambda sizes: 2 * sizes[2] <= sizes[0]).map(lambda sizes: Window(*sizes)))
CONVOLUTIONS = st.builds(Layer, st.integers(1, 5), WINDOWS, pool=st.none() | POOLS)
DENSE = st.builds(Layer, st.integers(1, 5))


@given(st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12)), st.lists(CONVOLUTIONS, max_size=3),
       st.lists(DENSE, max_size=2), st.none() | WINDOWS)
def test_shapes_are_those_of_torchs_own_modules(shape: tuple[int, ...], convolutions: list[Layer], dense: list[Layer],
                                                output: Window | None) -> None:
    layers = tuple(convolutions + dense)
    assume(layers)
    try:
        chain = Architecture(shape, layers, 3, output=output)
    except ConfigError:
        with pytest.raises((RuntimeError, ValueError)):
            outputs(described(layers, output, 3), torch.zeros(2, *shape))
        return
    modules = described(layers, output, 3)
    found = outputs(modules, torch.zeros(2, *shape))
    assert [tuple(values.shape[2:]) for values in found[:-1]] == list(chain.maps)
    weights = [next(tensor for name, tensor in module.named_parameters() if name.endswith("weight")) for module in modules]
    assert [tuple(weight.shape) for weight in weights] == [chain.weight_shape(layer) for layer in range(chain.depth + 1)]
    assert [weight[0].numel() for weight in weights] == [chain.fan_in(layer) for layer in range(chain.depth + 1)]


def outputs(modules: list[nn.Module], values: torch.Tensor) -> list[torch.Tensor]:
    found = []
    for module in modules:
        values = module(values)
        found.append(values)
    return found


class TestJson:
    @pytest.mark.parametrize("activation", list(Activation))
    @pytest.mark.parametrize("head", DIVIDED_HEADS)
    def test_a_description_survives_json(self, activation: Activation, head: HeadKind) -> None:
        chain = Architecture((3,), (Layer(4, activation=activation), Layer(5)), 6, head, head is HeadKind.MULTI)
        again = Architecture.from_json(json.loads(json.dumps(chain.to_json())))
        assert again == chain and hash(again) == hash(chain)
        assert isinstance(again.layers[0].activation, Activation) and isinstance(again.head, HeadKind)

    @pytest.mark.parametrize("chain", [CONVOLUTIONAL, DROPPING, FULLY_CONVOLUTIONAL],
                             ids=["convolutional", "with dropout", "fully convolutional"])
    def test_every_feature_survives_json(self, chain: Architecture) -> None:
        again = Architecture.from_json(json.loads(json.dumps(chain.to_json())))
        assert again == chain and hash(again) == hash(chain)
        assert all(isinstance(layer.pool.kind, PoolKind) for layer in again.layers if layer.pool)

    def test_dropped_inputs_survive_json_and_are_left_out_where_there_are_none(self) -> None:
        dropping = dataclasses.replace(CONVOLUTIONAL, input_dropout=0.2)
        assert Architecture.from_json(json.loads(json.dumps(dropping.to_json()))) == dropping
        assert dropping.to_json() == {**CONVOLUTIONAL.to_json(), "input_dropout": 0.2}

    def test_what_stands_in_the_database(self) -> None:
        layer = Layer(6, Window(3, 2, 1), True, Activation.ELU, Pool(PoolKind.MAX, Window(2, 2)), 0.5)
        chain = Architecture((1, 8, 8), (layer,), 2, output=Window(1))
        assert chain.to_json() == {
            "input_shape": [1, 8, 8], "classes": 2, "head": "single", "head_bias": False,
            "layers": [{"kind": "conv", "neurons": 6, "kernel": 3, "stride": 2, "padding": 1, "batch_norm": True,
                        "activation": "elu", "pool": {"kind": "max", "kernel": 2, "stride": 2, "padding": 0}, "dropout": 0.5}],
            "output": {"kind": "conv", "kernel": 1, "stride": 1, "padding": 0}}


CHAIN_HINT = "images come as [channels, height, width], and no convolution may follow a dense layer"
FIT_HINT = "use a smaller kernel, more padding, or less pooling before it"


class TestImpossible:
    @pytest.mark.parametrize(("shape", "hidden", "classes"), [
        ((0,), (4,), 2), ((), (4,), 2), ((3,), (), 2), ((3,), (4, 0), 2), ((3,), (4,), 0), ((1, 0, 5), (4,), 2)])
    def test_sizes(self, shape: tuple[int, ...], hidden: tuple[int, ...], classes: int) -> None:
        with pytest.raises(ConfigError) as refused:
            Architecture(shape, tuple(map(Layer, hidden)), classes)
        assert tells(refused.value, list(shape), list(hidden), classes, 1)

    def test_a_single_head_with_a_bias(self) -> None:
        with pytest.raises(ConfigError) as refused:
            Architecture((3,), (Layer(4),), 2, head=HeadKind.SINGLE, head_bias=True)
        assert tells(refused.value, "head_bias")
        assert Architecture((3,), (Layer(4),), 2, head=HeadKind.MULTI, head_bias=True).head_bias

    @pytest.mark.parametrize(("shape", "layers", "output", "message", "hint"), [
        ((8, 8), (Layer(4),), None, "the input shape [8, 8] is neither values nor an image",
         "a sample is [values] or [channels, height, width]"),
        ((9,), (Layer(4, Window(3)),), None, "hidden layer 1 needs a map, but its input is flat", CHAIN_HINT),
        ((1, 8, 8), (Layer(4), Layer(4, Window(3))), None, "hidden layer 2 needs a map, but its input is flat", CHAIN_HINT),
        ((1, 8, 8), (Layer(4),), Window(3), "the output needs a map, but its input is flat", CHAIN_HINT),
        ((1, 8, 8), (Layer(4, pool=Pool(PoolKind.MAX, Window(2))),), None,
         "hidden layer 1 has pooling, but is dense and has no map", "remove its pool, or make it a convolution"),
        ((1, 8, 8), (Layer(4, Window(1), pool=Pool(PoolKind.AVERAGE, Window(3, 1, 2))),), None,
         "the pool of hidden layer 1 is padded by more than half of its kernel", "a kernel of 3 takes a padding of at most 1"),
        ((1, 8, 2), (Layer(4, Window(3, 2)),), None,
         "hidden layer 1: a 3 × 3 window with stride 2 and padding 0 does not fit into a map of 8 × 2", FIT_HINT),
        ((1, 4, 4), (Layer(4, Window(3), pool=Pool(PoolKind.MAX, Window(3, 3))),), None,
         "the pool of hidden layer 1: a 3 × 3 window with stride 3 and padding 0 does not fit into a map of 2 × 2", FIT_HINT),
        ((1, 4, 4), (Layer(4, Window(3)),), Window(3),
         "the output: a 3 × 3 window with stride 1 and padding 0 does not fit into a map of 2 × 2", FIT_HINT),
    ])
    def test_chains(self, shape: tuple[int, ...], layers: tuple[Layer, ...], output: Window | None, message: str,
                    hint: str) -> None:
        with pytest.raises(ConfigError) as refused:
            Architecture(shape, layers, 2, output=output)
        assert (refused.value.message, refused.value.hint) == (message, hint)

    @pytest.mark.parametrize("window", [Window(0), Window(3, 0), Window(3, 1, -1), Window(-2)])
    def test_windows(self, window: Window) -> None:
        with pytest.raises(ConfigError, match=naming("layer 1")):
            Architecture((1, 8, 8), (Layer(4, window),), 2)


@pytest.mark.parametrize("change", [{"neurons": 5}, {"convolution": Window(3)}, {"batch_norm": True}, {"dropout": 0.1},
                                    {"activation": Activation.GELU}])
def test_networks_that_differ_are_not_equal(change: dict[str, Any]) -> None:
    layer = Layer(4, Window(2))
    one, other = (Architecture((1, 8, 8), (each,), 2) for each in (layer, dataclasses.replace(layer, **change)))
    assert one != other and one.to_json() != other.to_json()
