"""The neurons that the output of a task reads (paper §2.1, "Output architecture", and Fig. 2).

Both kinds of heads need to know to which task a sample belongs: this is task-incremental learning.
"""

from torch import Tensor

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import DepletedError
from clnp_core.network import FREE, Network


def neurons_read_by(architecture: Architecture, activated_by_last: Tensor, task: int) -> Tensor:
    """Return which neurons of the last hidden layer feed the output of a committed task.

    Multi-head: those that were active after the task, old and new. Single-head: those that the task itself activated.
    Shared: all active neurons.

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
    """Return which neurons of the last hidden layer the output of a new task reads during training, before pruning.

    Multi-head and shared: all of them. Single-head: those that are still free.

    Returns:
        bool [width].

    Raises:
        DepletedError: single-head without a free neuron in the last hidden layer, so that nothing can be learnt.
    """
    if architecture.head is not HeadKind.SINGLE:
        return activated_by_last >= FREE
    free = activated_by_last == FREE
    if not bool(free.any()):
        raise DepletedError("no neuron of the last hidden layer is free, and a single head can only read free ones",
                            "widen the layer (capacity.on_depletion: widen), or use a multi-head network")
    return free


def task_mask(network: Network, task: int) -> Tensor | None:
    """Return the multiplicative mask after the last hidden layer (Fig. 2); None if the task has its own head or reads all.

    A multi-head task needs none: the columns that it must not read are zero, which the commit proves.

    Returns:
        float [width] of zeros and ones, with the dtype of the weights, or None.
    """
    if network.architecture.head is not HeadKind.SINGLE:
        return None
    return neurons_read_by(network.architecture, network.activated_by[-1], task).to(network.hidden[-1].weight.dtype)
