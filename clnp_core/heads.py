"""What the output of a task reads (paper §2.1, "Output architecture", and Fig. 2).

Both kinds need to be told which task a sample belongs to: this is task-incremental learning.
"""

from torch import Tensor

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import DepletedError
from clnp_core.network import FREE, Network


def neurons_read_by(architecture: Architecture, activated_by_last: Tensor, task: int) -> Tensor:
    """Which last-hidden neurons feed the output of a committed task.

    Multi-head: those that were active after the task, old and new. Single-head: those that the task itself activated.
    Shared: all that are active.

    Args:
        architecture: the network's description.
        activated_by_last: int16 [width], owners of the last hidden layer.
        task: counted from 1.

    Returns:
        bool [width].
    """
    if architecture.head is HeadKind.SINGLE:
        return activated_by_last == task
    if architecture.head is HeadKind.SHARED:
        return activated_by_last != FREE
    return (activated_by_last != FREE) & (activated_by_last <= task)


def neurons_read_in_training(architecture: Architecture, activated_by_last: Tensor) -> Tensor:
    """Which last-hidden neurons the output of a new task reads while it trains, before its pruning.

    Multi-head and shared: all of them. Single-head: those that are still free.

    Returns:
        bool [width].

    Raises:
        DepletedError: single-head without a free neuron in the last hidden layer; nothing can be learnt.
    """
    if architecture.head is not HeadKind.SINGLE:
        return activated_by_last >= FREE
    free = activated_by_last == FREE
    if not bool(free.any()):
        raise DepletedError("no neuron of the last hidden layer is free, and a single head can read no other",
                            "widen the layer (capacity.on_depletion: widen), or use a multi-head network")
    return free


def task_mask(network: Network, task: int) -> Tensor | None:
    """The multiplicative mask after the last hidden layer (Fig. 2), or None for a head of its own or one that is read whole.

    A multi-head task needs none: the columns it must not read are zero, and the commit proves it.

    Returns:
        float [width] of zeros and ones, in the dtype of the weights, or None.
    """
    if network.architecture.head is not HeadKind.SINGLE:
        return None
    return neurons_read_by(network.architecture, network.activated_by[-1], task).to(network.hidden[-1].weight.dtype)
