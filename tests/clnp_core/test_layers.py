"""What a layer computes is what torch's own modules compute, down to layers without a row or a column."""

import pytest
import torch
from torch import Tensor, nn

from clnp_core.architecture import Activation, Layer, Pool, PoolKind, Window
from clnp_core.layers import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    activate,
    normalise,
    output,
    per_neuron,
    pooled,
    respond,
    weigh,
)
from tests.clnp_core.builders import generator, same_bits

WINDOWS = [Window(3, 1, 1), Window(3, 2, 1), Window(2), Window(1), Window(5, 3, 2)]
MODULES: dict[Activation, nn.Module] = {
    Activation.RELU: nn.ReLU(), Activation.LEAKY_RELU: nn.LeakyReLU(), Activation.TANH: nn.Tanh(),
    Activation.SIGMOID: nn.Sigmoid(), Activation.GELU: nn.GELU(), Activation.ELU: nn.ELU(), Activation.SILU: nn.SiLU()}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator(seed))


def statistics(neurons: int) -> dict[str, Tensor]:
    """BatchNorm's four vectors, none of them trivial."""
    return {"scale": drawn(neurons, seed=1) + 2, "shift": drawn(neurons, seed=2), "mean": drawn(neurons, seed=3),
            "variance": drawn(neurons, seed=4).square() + 0.5}


def batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d, vectors: dict[str, Tensor]) -> nn.Module:
    module.load_state_dict({"weight": vectors["scale"], "bias": vectors["shift"], "running_mean": vectors["mean"],
                            "running_var": vectors["variance"], "num_batches_tracked": torch.tensor(1)})
    return module.eval()


class TestWeigh:
    @pytest.mark.parametrize("bias", [False, True])
    def test_a_dense_layer_is_linear_over_the_flattened_map(self, bias: bool) -> None:
        module = nn.Sequential(nn.Flatten(), nn.Linear(60, 6, bias=bias))
        weight, *rest = (parameter.detach() for parameter in module.parameters())
        values = drawn(5, 3, 4, 5)
        assert same_bits(weigh(None, values, weight, *rest), module(values).detach())

    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("window", WINDOWS, ids=str)
    def test_a_convolution_is_conv2d(self, window: Window, bias: bool) -> None:
        module = nn.Conv2d(3, 6, window.kernel, window.stride, window.padding, bias=bias)
        weight, *rest = (parameter.detach() for parameter in module.parameters())
        values = drawn(5, 3, 7, 9)
        sums = weigh(window, values, weight, *rest)
        assert same_bits(sums, module(values).detach())
        assert tuple(sums.shape) == (5, 6, window.positions(7), window.positions(9))

    @pytest.mark.parametrize("window", [None, *WINDOWS], ids=str)
    def test_without_rows(self, window: Window | None) -> None:
        values = drawn(5, 3, 7, 9)
        weight = drawn(0, 3, window.kernel, window.kernel) if window else drawn(0, 3 * 63)
        sums = weigh(window, values, weight, torch.empty(0))
        assert tuple(sums.shape) == ((5, 0, window.positions(7), window.positions(9)) if window else (5, 0))

    @pytest.mark.parametrize("window", [None, *WINDOWS], ids=str)
    def test_without_columns_the_bias_is_all(self, window: Window | None) -> None:
        values = drawn(5, 0, 7, 9)
        weight = drawn(6, 0, window.kernel, window.kernel) if window else drawn(6, 0)
        bias = drawn(6)
        sums = weigh(window, values, weight, bias)
        assert same_bits(sums, per_neuron(bias, sums).expand_as(sums))
        assert tuple(sums.shape) == ((5, 6, window.positions(7), window.positions(9)) if window else (5, 6))
        assert not weigh(window, values, weight).any()

    @pytest.mark.parametrize("window", [None, Window(3, 1, 1)], ids=str)
    def test_without_samples(self, window: Window | None) -> None:
        weight = drawn(6, 3, 3, 3) if window else drawn(6, 3 * 4)
        assert len(weigh(window, drawn(0, 3, 2, 2), weight, drawn(6))) == 0

    def test_gradients_reach_weight_and_bias_where_there_are_columns(self) -> None:
        weight, bias = drawn(6, 3, 3, 3).requires_grad_(), drawn(6).requires_grad_()
        weigh(Window(3), drawn(2, 3, 5, 5), weight, bias).sum().backward()
        assert weight.grad is not None and bias.grad is not None and float(bias.grad[0]) == 2 * 3 * 3


class TestNormalise:
    @pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3, 4)])
    def test_it_is_batch_norm_in_evaluation(self, shape: tuple[int, ...]) -> None:
        vectors, values = statistics(6), drawn(*shape, seed=9)
        module = batch_norm(nn.BatchNorm1d(6) if len(shape) == 2 else nn.BatchNorm2d(6), vectors)
        assert same_bits(normalise(values, vectors), module(values).detach())

    def test_the_constants_are_torchs(self) -> None:
        assert (nn.BatchNorm2d(1).eps, nn.BatchNorm2d(1).momentum) == (BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM)

    def test_values_without_batch_norm_pass(self) -> None:
        values = drawn(5, 6)
        assert normalise(values, {"bias": drawn(6)}) is values

    @pytest.mark.parametrize("shape", [(5, 0), (5, 0, 3, 4), (0, 6), (0, 6, 3, 4)])
    def test_nothing_to_normalise(self, shape: tuple[int, ...]) -> None:
        assert normalise(torch.empty(shape), statistics(shape[1])).shape == shape


@pytest.mark.parametrize("activation", list(Activation))
def test_nonlinearities_are_torchs(activation: Activation) -> None:
    values = torch.cat([drawn(100) * 3, torch.tensor([0.0, -0.0, 50.0, -50.0])])
    assert same_bits(activate(values, activation), MODULES[activation](values))


class TestPooled:
    @pytest.mark.parametrize("window", [Window(2, 2), Window(3, 2, 1), Window(3, 1, 1), Window(2, 1), Window(1)], ids=str)
    @pytest.mark.parametrize("kind", list(PoolKind))
    def test_it_is_torchs(self, kind: PoolKind, window: Window) -> None:
        module = (nn.MaxPool2d if kind is PoolKind.MAX else nn.AvgPool2d)(window.kernel, window.stride, window.padding)
        values = drawn(5, 6, 7, 9) - 3  # mostly negative: padding with zeros would win a maximum
        assert same_bits(pooled(Pool(kind, window), values), module(values))

    def test_without_a_pool_values_pass(self) -> None:
        values = drawn(5, 6)
        assert pooled(None, values) is values

    @pytest.mark.parametrize("shape", [(5, 0, 7, 9), (0, 6, 7, 9)])
    @pytest.mark.parametrize("kind", list(PoolKind))
    def test_nothing_to_pool(self, kind: PoolKind, shape: tuple[int, ...]) -> None:
        assert tuple(pooled(Pool(kind, Window(3, 2, 1)), torch.empty(shape)).shape) == (*shape[:2], 4, 5)


class TestRespond:
    @pytest.mark.parametrize("activation", list(Activation))
    def test_a_convolution_then_batch_norm_then_the_nonlinearity(self, activation: Activation) -> None:
        layer = Layer(6, Window(3, 2, 1), True, activation, Pool(PoolKind.MAX, Window(2)), 0.5)
        vectors, values, weight = statistics(6), drawn(5, 3, 7, 9), drawn(6, 3, 3, 3, seed=5)
        convolution = nn.Conv2d(3, 6, 3, 2, 1, bias=False)
        convolution.load_state_dict({"weight": weight})
        module = nn.Sequential(convolution, batch_norm(nn.BatchNorm2d(6), vectors), MODULES[activation])
        responses = respond(layer, values, weight, vectors)
        assert same_bits(responses, module(values).detach()), "no pooling and no dropout yet"

    def test_a_dense_layer_with_a_bias(self) -> None:
        module = nn.Sequential(nn.Linear(7, 6), nn.ELU())
        weight, bias = (parameter.detach() for parameter in module.parameters())
        values = drawn(5, 7)
        assert same_bits(respond(Layer(6, activation=Activation.ELU), values, weight, {"bias": bias}), module(values).detach())


class TestOutput:
    def test_dense(self) -> None:
        module = nn.Linear(7, 3)
        values = drawn(5, 7)
        assert same_bits(output(None, values, module.weight.detach(), module.bias.detach()), module(values).detach())

    def test_a_convolution_averaged_over_its_map(self) -> None:
        convolution = nn.Conv2d(4, 3, 3)
        module = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        values = drawn(5, 4, 6, 5)
        logits = output(Window(3), values, convolution.weight.detach(), convolution.bias.detach())  # type: ignore[union-attr]  # it has one
        torch.testing.assert_close(logits, module(values).detach())

    @pytest.mark.parametrize("window", [None, Window(3)], ids=str)
    def test_of_no_neurons_the_bias_is_all(self, window: Window | None) -> None:
        weight, bias = (drawn(3, 0, 3, 3) if window else drawn(3, 0)), drawn(3)
        torch.testing.assert_close(output(window, drawn(5, 0, 4, 4), weight, bias), bias.expand(5, 3))
        assert not output(window, drawn(5, 0, 4, 4), weight, None).any()
