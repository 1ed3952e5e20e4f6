"""The size and cost of a network: the parameters that all tasks learnt so far need, and the multiply-adds of one sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from clnp_core.architecture import Architecture, HeadKind


@dataclass(frozen=True, slots=True)
class UsedWidths:
    """The neurons of one commit.

    Attributes:
        architecture: of the committed network.
        used: active for some task, per hidden layer.
        new: activated by the task of this commit, per hidden layer.
    """

    architecture: Architecture
    used: tuple[int, ...]
    new: tuple[int, ...]


def divided_parameters(commits: Sequence[UsedWidths]) -> int:
    """Return the number of parameters of all tasks of a network that is divided among them (paper §2.1).

    Args:
        commits: one for each task, in order.
    """
    return sum(_of_task(commit) for commit in commits)


def _of_task(commit: UsedWidths) -> int:
    """Return the parameters of the neurons that a task activated, and of its own output."""
    architecture = commit.architecture
    below = (architecture.input_shape[0], *commit.used)
    count = 0
    for index, (layer, new) in enumerate(zip(architecture.layers, commit.new, strict=True)):
        count += new * (below[index] * _per_neuron_below(architecture, index) + (2 if layer.batch_norm else 1))
    read = commit.new[-1] if architecture.head is HeadKind.SINGLE else commit.used[-1]
    own = read * _per_neuron_below(architecture, architecture.depth) + int(architecture.head_bias)
    return count + architecture.classes * own


def _per_neuron_below(architecture: Architecture, layer: int) -> int:
    """Return the weights of a row (0-based hidden layer; ``depth`` is the output) per neuron or input channel below."""
    window = architecture.window(layer)
    return architecture.columns_per_neuron[layer] * (window.kernel ** 2 if window else 1)


def whole_parameters(architecture: Architecture, tasks: int, networks: int = 1) -> int:
    """Return the number of parameters of networks that are not divided: ``networks`` of them for ``tasks`` tasks, with one head
    per task if the architecture is multi-head."""
    head = architecture.classes * (architecture.fan_in(architecture.depth) + int(architecture.head_bias))
    heads = tasks if architecture.head is HeadKind.MULTI else networks
    return networks * (architecture.parameter_count() - head) + heads * head


def multiply_adds(architecture: Architecture) -> int:
    """Return the number of multiply-adds of the logits of one sample: each weight once for each position where it is used.

    Biases, BatchNorm, nonlinearities, pooling and the average of a convolutional output are not counted; they cost little
    compared with a dense layer or a convolution. One multiply-add is two floating-point operations.
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
