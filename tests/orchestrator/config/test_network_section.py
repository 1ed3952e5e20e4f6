"""The three ways to describe a network, and the text of every mistake in them."""

import copy
import json
from typing import Any

import pytest

from clnp_core.architecture import Activation, HeadKind, Layer, Pool, PoolKind, Window
from clnp_core.networks import Chain, cifar_narrow, cifar_wide, digits_small
from orchestrator.config.config import Config
from tests.orchestrator.config.test_errors import problems
from tests.orchestrator.conftest import MINIMAL

CONV, DENSE = {"kind": "conv", "neurons": 4, "kernel": 3}, {"kind": "dense", "neurons": 5}
IMAGES = {"name": "split-digits", "tasks": 3}


def parsed(network: Any, benchmark: Any = IMAGES) -> Config:
    return Config.parse(copy.deepcopy(MINIMAL) | {"benchmark": benchmark, "network": network})


class TestForms:
    def test_hidden_widths(self) -> None:
        network = parsed({"hidden": [20, 10], "activation": "tanh"}).network
        assert network.chain() == Chain((Layer(20, activation=Activation.TANH), Layer(10, activation=Activation.TANH)))
        assert (network.widths, network.alpha_count) == ((20, 10), 3)

    def test_layers(self) -> None:
        network = parsed({"activation": "elu", "head": "multi", "layers": [
            {"kind": "conv", "neurons": 6, "kernel": 3, "padding": 1, "stride": None},
            {"kind": "conv", "neurons": 7, "kernel": 3, "stride": 2, "batch_norm": True, "activation": "relu", "dropout": 0.25,
             "pool": {"kind": "max", "kernel": 3, "stride": 1, "padding": 1}},
            {"kind": "dense", "neurons": 8, "dropout": 0.5}]}).network
        assert network.chain() == Chain((
            Layer(6, Window(3, 1, 1), activation=Activation.ELU),
            Layer(7, Window(3, 2), True, Activation.RELU, Pool(PoolKind.MAX, Window(3, 1, 1)), 0.25),
            Layer(8, activation=Activation.ELU, dropout=0.5)))
        assert (network.widths, network.alpha_count) == ((6, 7, 8), 4)
        built = network.architecture((1, 8, 8), 2)
        assert (built.head, built.head_bias, built.output, built.maps) == (HeadKind.MULTI, True, None, ((8, 8), (3, 3), ()))

    @pytest.mark.parametrize("pool", [{"kind": "average", "kernel": 2}, {"kind": "average", "kernel": 2, "stride": None}])
    def test_a_pools_stride_is_its_kernel(self, pool: dict[str, Any]) -> None:
        network = parsed({"layers": [CONV | {"pool": pool}]}).network
        assert network.chain().layers[0].pool == Pool(PoolKind.AVERAGE, Window(2, 2))

    def test_a_convolutional_output(self) -> None:
        network = parsed({"layers": [CONV], "output": {"kernel": 3, "padding": 1}}).network
        assert network.chain() == Chain((Layer(4, Window(3)),), Window(3, 1, 1))
        assert network.architecture((1, 8, 8), 2).output == Window(3, 1, 1)

    @pytest.mark.parametrize(("name", "benchmark", "chain"), [
        ("cifar-narrow", {"name": "split-cifar", "tasks": 3}, cifar_narrow()),
        ("cifar-wide", {"name": "split-cifar", "tasks": 3}, cifar_wide()), ("digits-small", IMAGES, digits_small())])
    def test_built_in(self, name: str, benchmark: dict[str, Any], chain: Chain) -> None:
        network = parsed({"name": name}, benchmark).network
        assert network.chain() == chain and network.alpha_count == len(chain.layers) + 1

    def test_a_width_factor(self) -> None:
        cifar = {"name": "split-cifar", "tasks": 3}
        assert parsed({"name": "cifar-wide", "width_factor": 0.125}, cifar).network.widths == (16, 32, 64, 128, 256)
        assert parsed({"name": "cifar-wide", "width_factor": 2}, cifar).network.widths == (256, 512, 1024, 2048, 4096)
        tiny = parsed({"name": "cifar-wide", "width_factor": 1e-9}, cifar).network
        assert tiny.widths == (1,) * 5 and tiny.chain().output == Window(3)

    def test_a_per_layer_alpha_has_one_value_per_layer_and_the_output_in_every_form(self) -> None:
        for network, count in [({"hidden": [3]}, 2), ({"layers": [CONV, DENSE]}, 3), ({"name": "digits-small"}, 4)]:
            values = MINIMAL | {"benchmark": IMAGES, "network": network}
            config = Config.parse(values | {"sweep": {"alpha": [1, list(range(count))], "learning_rate": [1]}})
            assert [len(point.alpha) for point in config.grid()] == [count, count]
            line, = problems(values | {"sweep": {"alpha": [[1] * (count + 1)], "learning_rate": [1]}}, {})
            assert line.startswith(f"sweep.alpha[0]: has {count + 1} values for {count} layers; give one value for each of ")


class TestRecord:
    @pytest.mark.parametrize("network", [
        {"hidden": [3]}, {"layers": [CONV | {"pool": {"kind": "max", "kernel": 2}, "batch_norm": True, "dropout": 0.1}, DENSE]},
        {"layers": [CONV], "output": {"kernel": 2}}, {"name": "digits-small", "width_factor": 0.5}])
    def test_it_is_its_own_inverse(self, network: dict[str, Any]) -> None:
        config = parsed(network)
        recorded = json.loads(json.dumps(config.resolved(), allow_nan=False))
        assert Config.from_resolved(recorded) == config == Config.parse(recorded)
        assert Config.from_resolved(recorded).network.chain() == config.network.chain()

    def test_it_says_what_every_layer_computes(self) -> None:
        config = parsed({"activation": "gelu", "layers": [CONV, DENSE | {"activation": "relu"}]})
        assert config.resolved()["network"]["layers"] == [
            {"kind": "conv", "neurons": 4, "kernel": 3, "stride": 1, "padding": 0, "batch_norm": False, "activation": "gelu",
             "pool": None, "dropout": 0.0},
            {"kind": "dense", "neurons": 5, "kernel": None, "stride": None, "padding": None, "batch_norm": False,
             "activation": "relu", "pool": None, "dropout": 0.0}]

    def test_records_of_widths_alone_are_read(self) -> None:
        network = {"hidden": [20, 10], "activation": "relu", "head": "single", "head_bias": False}
        assert Config.from_resolved(MINIMAL | {"network": network}).network.widths == (20, 10)


HIDDEN = MINIMAL["network"]
NO_CHAIN = ("networks with branches are not supported yet; every layer must read the one before it")
FLAT_HINT = "images come as [channels, height, width], and no convolution may follow a dense layer"


@pytest.mark.parametrize(("network", "line"), [
    # which form
    ({}, "network.hidden: is missing, and so are network.layers and network.name; give one of the three: hidden: [300, 300], "
         "layers: [...], or name: one of cifar-narrow, cifar-wide, digits-small, or module:callable"),
    ({"hidden": None}, "network.hidden: is missing, and so are"),
    ({"hidden": [3], "layers": [DENSE]}, "network.hidden: cannot be used together with network.layers; keep one of the two"),
    ({"hidden": [3], "name": "digits-small"}, "network.hidden: cannot be used together with network.name; keep one of the two"),
    ({"layers": [DENSE], "name": "digits-small"}, "network.layers: cannot be used together with network.name"),
    ({"layers": [DENSE], "name": "lab:make"}, "network.layers: cannot be used together with network.name; keep one of the two"),
    ({"hidden": [3], "name": "lab:make"}, "network.hidden: cannot be used together with network.name; keep one of the two"),
    ({"output": {"kernel": 1}, "name": "lab:make"}, "network.output: cannot be used without network.layers; remove it"),
    # names
    ({"name": "cifar_wide"}, 'network.name: there is no network "cifar_wide"; did you mean cifar-wide?; a network of your own '
                             "is written module:callable"),
    ({"name": "mlp"}, 'network.name: there is no network "mlp"; there are cifar-narrow, cifar-wide, digits-small; a'),
    ({"name": "a b:c"}, 'network.name: "a b:c" is not an import path; write module:callable, for example my_lab.nets:make'),
    ({"name": 5}, "network.name: must be text, not 5; one of cifar-narrow,"),
    ({"name": "digits-small", "params": {"a": 1}}, "network.params: cannot be used without a network of your own in "
                                                   "network.name; remove it"),
    (HIDDEN | {"params": {"a": 1}}, "network.params: cannot be used without a network of your own"),
    ({"name": "lab:make", "params": {1: 2}}, "network.params: a key must be text, not 1; put it in quotes"),
    ({"name": "lab:make", "params": {"a": float("inf")}}, "network.params: a must be a finite number, not inf; arguments for"),
    ({"name": "lab:make", "params": 3}, "network.params: must be a section of keys, not 3; arguments for a network of"),
    ({"name": "digits-small", "activation": "elu"}, "network.activation: cannot be used with digits-small, whose layers name "
                                                    "their own; remove it"),
    ({"name": "digits-small", "width_factor": 0}, "network.width_factor: must be above 0, not 0; factor on every hidden width "
                                                  "of a built-in network"),
    ({"name": "digits-small", "width_factor": 101}, "network.width_factor: must be at most 100, not 101; "),
    ({"name": "digits-small", "width_factor": float("nan")}, "network.width_factor: must be a finite number, not .nan; "),
    (HIDDEN | {"width_factor": 2}, "network.width_factor: cannot be used without a built-in network in network.name; remove "
                                   "it, and set the widths that you want"),
    # layers
    ({"layers": []}, "network.layers: must not be empty, not []; the hidden layers, a list of {kind: conv"),
    ({"layers": 5}, "network.layers: must be a list, not 5; the hidden layers"),
    ({"layers": [5]}, "network.layers[0]: must be a section of keys, not 5; the hidden layers"),
    ({"layers": [{"neurons": 5}]}, "network.layers[0].kind: is missing; conv or dense"),
    ({"layers": [{"kind": "dense"}]}, "network.layers[0].neurons: is missing; channels of a convolution or units"),
    ({"layers": [DENSE, DENSE | {"neurons": 0}]}, "network.layers[1].neurons: must be at least 1, not 0; channels of"),
    ({"layers": [CONV | {"kernel": None}]}, "network.layers[0].kernel: is missing, and a convolution needs it; side of a "),
    ({"layers": [CONV | {"kernel": [3, 3]}]}, "network.layers[0].kernel: must be a whole number, not [3, 3]; side of a"),
    ({"layers": [CONV | {"stride": 0}]}, "network.layers[0].stride: must be at least 1, not 0; steps of a convolution's"),
    ({"layers": [CONV | {"padding": -1}]}, "network.layers[0].padding: must be at least 0, not -1; zeros around the map"),
    ({"layers": [CONV | {"padding": 3}]}, "network.layers[0].padding: must be below the kernel 3, not 3; zeros around the map"),
    ({"layers": [DENSE | {"kernel": 3}]}, "network.layers[0].kernel: cannot be used in a dense layer, which has no map; remove "
                                          "it, or set kind to conv"),
    ({"layers": [DENSE | {"stride": 1}]}, "network.layers[0].stride: cannot be used in a dense layer"),
    ({"layers": [DENSE | {"padding": 0}]}, "network.layers[0].padding: cannot be used in a dense layer"),
    ({"layers": [DENSE | {"pool": {"kind": "max", "kernel": 2}}]}, "network.layers[0].pool: cannot be used in a dense layer"),
    ({"layers": [DENSE | {"dropout": 1}]}, "network.layers[0].dropout: must be below 1, not 1; share of the outputs dropped"),
    ({"layers": [DENSE | {"dropout": -0.1}]}, "network.layers[0].dropout: must be at least 0, not -0.1; "),
    ({"layers": [DENSE | {"batch_norm": 1}]}, "network.layers[0].batch_norm: must be true or false, not 1; true or false"),
    ({"layers": [DENSE | {"activation": "rely"}]}, "network.layers[0].activation: must be one of relu, leaky_relu, tanh, "
                                                   'sigmoid, gelu, elu, silu, not "rely"; did you mean relu?'),
    ({"layers": [DENSE, CONV]}, "network.layers: [1] is a convolution after a dense layer, whose output has no map; put all "
                                "convolutions before the first dense layer; positions count from 0"),
    ({"layers": [CONV | {"pool": {"kernel": 2}}]}, "network.layers[0].pool.kind: is missing; max or average"),
    ({"layers": [CONV | {"pool": {"kind": "avg", "kernel": 2}}]}, "network.layers[0].pool.kind: must be one of max, average, "
                                                                  'not "avg"'),
    ({"layers": [CONV | {"pool": {"kind": "max"}}]}, "network.layers[0].pool.kernel: is missing; side of the window"),
    ({"layers": [CONV | {"pool": {"kind": "max", "kernel": 3, "padding": 2}}]},
     "network.layers[0].pool.padding: must be at most half of the kernel 3, not 2; padding around the map"),
    # kinds and keys of other languages
    ({"layers": [CONV | {"kind": "conv2d"}]}, 'network.layers[0].kind: must be one of conv, dense, not "conv2d"; did you mean '
                                              "conv?"),
    ({"layers": [DENSE | {"kind": "linear"}]}, 'network.layers[0].kind: "linear" is not a kind of layer; use dense, which '
                                               "flattens a map itself"),
    ({"layers": [DENSE | {"kind": "flatten"}]}, 'network.layers[0].kind: "flatten" is not a kind of layer; use dense'),
    ({"layers": [DENSE | {"kind": "max_pool"}]}, 'network.layers[0].kind: "max_pool" is not a layer of its own; write pool: '
                                                 "{kind: max, kernel: 2} in the layer before it"),
    ({"layers": [DENSE | {"kind": "dropout"}]}, 'network.layers[0].kind: "dropout" is not a layer of its own; write dropout'),
    ({"layers": [DENSE | {"kind": "residual"}]}, f'network.layers[0].kind: "residual": {NO_CHAIN}'),
    ({"layers": [DENSE | {"kind": "add"}]}, f'network.layers[0].kind: "add": {NO_CHAIN}'),
    ({"layers": [DENSE | {"kind": "concat"}]}, f'network.layers[0].kind: "concat": {NO_CHAIN}'),
    ({"layers": [DENSE, DENSE | {"reads": [0]}]}, f"network.layers[1].reads: {NO_CHAIN}"),
    ({"layers": [DENSE | {"from": 1}]}, f"network.layers[0].from: {NO_CHAIN}"),
    ({"layers": [DENSE | {"input": 1}]}, f"network.layers[0].input: {NO_CHAIN}"),
    ({"layers": [DENSE | {"skip": True}]}, f"network.layers[0].skip: {NO_CHAIN}"),
    ({"layers": [CONV, CONV | {"kernal": 3}]}, "network.layers[1].kernal: unknown key; did you mean network.layers[1].kernel?"),
    ({"layers": [CONV | {"pool": {"kind": "max", "kernel": 2, "strid": 1}}]},
     "network.layers[0].pool.strid: unknown key; did you mean network.layers[0].pool.stride?"),
    ({"layers": [DENSE | {"zzz": 1}]}, "network.layers[0].zzz: unknown key; the keys of network.layers[0] are kind, neurons, "
                                       "kernel, stride, padding, batch_norm, activation, pool, dropout"),
    (HIDDEN | {"kernel": 1}, "network.kernel: unknown key; did you mean network.layers.kernel or network.layers.pool.kernel or "
                             "network.output.kernel?"),
    # the output
    (HIDDEN | {"output": {"kernel": 1}}, "network.output: cannot be used without network.layers; remove it"),
    ({"layers": [DENSE], "output": {"kernel": 1}}, "network.output: needs a map, and the last of network.layers is dense; "
                                                   "remove it for a dense output, or end with a convolution"),
    ({"layers": [CONV], "output": {"kernel": 1, "padding": 1}}, "network.output.padding: must be below the kernel 1, not 1; "),
    ({"layers": [CONV], "output": {}}, "network.output.kernel: is missing; side of the window, a whole number of at least 1"),
    # samples
    ({"layers": [CONV | {"kernel": 9}]},
     "network: cannot read the samples of split-digits, whose shape is [1, 8, 8]: hidden layer 1: a 9 × 9 window with stride 1 "
     "and padding 0 does not fit into a map of 8 × 8; use a smaller kernel, more padding, or less pooling before it"),
    ({"layers": [CONV], "output": {"kernel": 7}}, "network: cannot read the samples of split-digits, whose shape is [1, 8, 8]: "
                                                  "the output: a 7 × 7 window"),
])
def test_one_problem_one_line(network: dict[str, Any], line: str) -> None:
    found = problems(copy.deepcopy(MINIMAL), {"benchmark": IMAGES, "network": copy.deepcopy(network)})
    assert len(found) == 1, found
    assert found[0].startswith(line)


@pytest.mark.parametrize("network", [{"layers": [CONV]}, {"name": "digits-small"}, {"name": "cifar-wide"}])
def test_a_convolution_on_flat_samples_is_refused_with_both_shapes(network: dict[str, Any]) -> None:
    line, = problems(copy.deepcopy(MINIMAL), {"benchmark": {"name": "permuted-mnist", "tasks": 3}, "network": network})
    assert line == ("network: cannot read the samples of permuted-mnist, whose shape is [784]: hidden layer 1 needs a map, "
                    f"but its input is flat; {FLAT_HINT}")


def test_all_problems_of_a_network_come_at_once() -> None:
    found = problems(copy.deepcopy(MINIMAL), {"network": {
        "name": "cifar", "activation": "rely", "head": "solo",
        "layers": [{"kind": "conv", "neurons": 0}, {"kind": "pool", "reads": 1, "dropout": 2}]}})
    assert [line.partition(": ")[0] for line in found] == [
        "network.name", "network.activation", "network.layers[0].neurons", "network.layers[0].kernel", "network.layers[1].kind",
        "network.layers[1].neurons", "network.layers[1].dropout", "network.layers[1].reads", "network.head"]


def test_dense_layers_read_images_and_values() -> None:
    for benchmark in ("permuted-digits", "split-digits"):
        assert parsed({"layers": [DENSE]}, {"name": benchmark, "tasks": 2}).network.widths == (5,)
