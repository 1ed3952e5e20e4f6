"""The paper's networks, and simple ones for experiments, as :mod:`clnp_core.architecture` describes them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clnp_core.architecture import Activation, Architecture, HeadKind, Layer, Pool, PoolKind, Window


@dataclass(frozen=True, slots=True)
class Chain:
    """A network whose input, classes and head are not decided yet.

    Attributes:
        layers: the hidden layers, first to last.
        output: the window of a convolutional output with average pooling; None for a dense one.
    """

    layers: tuple[Layer, ...]
    output: Window | None = None

    def architecture(self, input_shape: Sequence[int], classes: int, head: HeadKind, head_bias: bool) -> Architecture:
        """Return the whole network.

        Raises:
            ConfigError: it cannot read inputs of this shape.
        """
        return Architecture(tuple(input_shape), self.layers, classes, head, head_bias, self.output)


def dense_chain(hidden: Sequence[int], activation: Activation = Activation.RELU) -> Chain:
    """Return fully connected hidden layers of these widths."""
    return Chain(tuple(Layer(neurons, activation=activation) for neurons in hidden))


def scaled(chain: Chain, factor: float) -> Chain:
    """The same chain with every hidden width multiplied by ``factor`` and rounded; no layer vanishes."""
    return dataclasses.replace(chain, layers=tuple(
        dataclasses.replace(layer, neurons=max(1, round(layer.neurons * factor))) for layer in chain.layers))


def mlp(inputs: int, hidden: Sequence[int], classes: int, activation: Activation = Activation.RELU,
        head: HeadKind = HeadKind.SINGLE, head_bias: bool = False) -> Architecture:
    """Return a fully connected network; the paper's permuted MNIST (§3.1) is ``mlp(784, (2000, 2000), 10)``."""
    return dense_chain(hidden, activation).architecture((inputs,), classes, head, head_bias)


def cifar_narrow() -> Chain:
    """Return the network of the paper's Table 2: split CIFAR, multi-head. Padding is 1 everywhere, so that the dense layer
    reads 64 · 8 · 8 = 4096 values and contains 95 % of the parameters, as in §3.2."""
    window, pool = Window(3, 1, 1), Pool(PoolKind.MAX, Window(3, 2, 1))
    return Chain((Layer(32, window), Layer(32, window, pool=pool, dropout=0.25),
                  Layer(64, window), Layer(64, window, pool=pool, dropout=0.25),
                  Layer(512, dropout=0.5)))


def cifar_wide() -> Chain:
    """Return the network of the paper's Table 3: split CIFAR, single-head, fully convolutional, with BatchNorm and then ReLU
    after convolutions 1 to 5; the output is a convolution, averaged over its 3 × 3 map."""
    shapes = [(128, 1, 1), (256, 2, 0), (512, 1, 0), (1024, 2, 1), (2048, 1, 0)]
    return Chain(tuple(Layer(channels, Window(3, stride, padding), batch_norm=True) for channels, stride, padding in shapes),
                 output=Window(3, 1, 0))


def digits_small() -> Chain:
    """Return two convolutions and a dense layer for 8 × 8 images: every kind of layer, with epochs of a fraction of a
    second."""
    window = Window(3, 1, 1)
    return Chain((Layer(16, window, batch_norm=True), Layer(24, window, batch_norm=True, pool=Pool(PoolKind.MAX, Window(2, 2))),
                  Layer(64, dropout=0.1)))


BUILT_IN_NETWORKS: Mapping[str, Callable[[], Chain]] = {
    "cifar-narrow": cifar_narrow,
    "cifar-wide": cifar_wide,
    "digits-small": digits_small,
}
"""Networks that a configuration can name. All take images."""
