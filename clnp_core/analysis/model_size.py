"""How many parameters the tasks learnt so far need: what would have to be stored to go on answering all of them.

A neuron reads only what was active when its own task was committed, so its row is as long as the network was used then, not as
long as the network is wide. Weights, biases, and scales and shifts of BatchNorm count, whether a weight is 0 or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
    """Parameters of all tasks of a network that is divided among them (paper §2.1).

    Args:
        commits: one for each task, in order.
    """
    return sum(_of_task(commit) for commit in commits)


def _of_task(commit: UsedWidths) -> int:
    """The rows of the neurons that a task activated, and its own output."""
    architecture = commit.architecture
    below = (architecture.input_shape[0], *commit.used)
    count = 0
    for index, (layer, new) in enumerate(zip(architecture.layers, commit.new, strict=True)):
        count += new * (below[index] * _per_neuron_below(architecture, index) + (2 if layer.batch_norm else 1))
    read = commit.new[-1] if architecture.head is HeadKind.SINGLE else commit.used[-1]
    own = read * _per_neuron_below(architecture, architecture.depth) + int(architecture.head_bias)
    return count + architecture.classes * own


def _per_neuron_below(architecture: Architecture, layer: int) -> int:
    """Weights of a row (0-based hidden layer; ``depth`` is the output) that belong to one neuron or input channel below."""
    window = architecture.window(layer)
    return architecture.columns_per_neuron[layer] * (window.kernel ** 2 if window else 1)


def whole_parameters(architecture: Architecture, tasks: int, networks: int = 1) -> int:
    """Parameters of networks that are not divided: ``networks`` of them for ``tasks`` tasks, with a head per task where the
    architecture has these."""
    head = architecture.classes * (architecture.fan_in(architecture.depth) + int(architecture.head_bias))
    heads = tasks if architecture.head is HeadKind.MULTI else networks
    return networks * (architecture.parameter_count() - head) + heads * head
