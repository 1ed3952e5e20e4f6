"""What computing a network costs: multiply-adds of one sample."""

from math import prod

from clnp_core.architecture import Architecture


def multiply_adds(architecture: Architecture) -> int:
    """Products that are added up to give the logits of one sample: every weight once for each position that it is used at.

    Biases, BatchNorm, nonlinearities, pooling and the average of a convolutional output are not counted; in a dense layer or a
    convolution they cost little beside it. One multiply-add is two floating-point operations.
    """
    total, sides = 0, architecture.input_shape[1:]
    for layer in range(architecture.depth + 1):
        window = architecture.window(layer)
        positions = 1 if window is None else prod(map(window.positions, sides))
        rows = architecture.classes if layer == architecture.depth else architecture.hidden[layer]
        total += rows * architecture.fan_in(layer) * positions
        if layer < architecture.depth:
            sides = architecture.maps[layer]
    return total
