"""Prove that nothing was forgotten (paper §2.1), from published networks alone.

Two independent proofs, both bit for bit. *Structure*: every frozen row, bias, BatchNorm value and old head column equals what
its own commit published, and no neuron reads a later or a free one (W_int = 0). *Behaviour*: the new network and the network of
each earlier task give the same logits on that task's test set in the canonical evaluation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.architecture import HeadKind
from clnp_core.compact import extract
from clnp_core.errors import ForgettingError
from clnp_core.evaluation import CANONICAL_BATCH, canonical_logits
from clnp_core.network import FREE, Network, column_mask
from clnp_core.partition import widen

WIDENED_LOGIT_TOLERANCE = 1e-5
"""After widening, dense products round differently: logits may differ by this share of the largest one (or of 1, whichever is
larger), and the extracted sub-networks are compared bit for bit instead."""

WORDS = {"bias": "biases", "scale": "BatchNorm scales", "shift": "BatchNorm shifts", "mean": "running means",
         "variance": "running variances"}
"""Names of :data:`clnp_core.network.VECTORS` in messages."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared when a commit was accepted.

    Attributes:
        task: the task just committed.
        tasks_compared: the earlier tasks whose published networks were compared with the new one.
        samples_compared: test samples whose logits were compared, over all earlier tasks.
        widened: whether an earlier network had other widths.
    """

    task: int
    tasks_compared: tuple[int, ...]
    samples_compared: int
    widened: bool


def prove_zero_forgetting(new: Network, task: int, earlier: Mapping[int, Network], test_inputs: Mapping[int, Tensor],
                          batch_size: int = CANONICAL_BATCH) -> Proof:
    """Accept the commit of ``task`` or refuse it.

    Args:
        new: the network published for ``task``, re-read from storage.
        task: counted from 1.
        earlier: the network that the commit of each earlier task published, for every earlier task, re-read from storage.
        test_inputs: for every earlier task its test inputs, float [samples, *input shape].
        batch_size: of the canonical evaluation.

    Raises:
        ForgettingError: the commit is refused; names the first faults.
    """
    faults = _uncomparable(new, task, earlier)
    if not faults:
        faults = structure_faults(new, task, earlier)
        for old_task, old in sorted(earlier.items()):
            faults += behaviour_faults(new, old_task, old, test_inputs[old_task], batch_size)
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise ForgettingError(f"the commit of task {task} is refused because it would not preserve earlier tasks: {shown}",
                              "nothing was committed; resume the run to build this commit again from its trial")
    widened = any(old.architecture != new.architecture for old in earlier.values())
    return Proof(task, tuple(sorted(earlier)), sum(len(test_inputs[old]) for old in earlier), widened)


def structure_faults(new: Network, task: int, earlier: Mapping[int, Network]) -> list[str]:
    """Return every way in which the tensors of ``new`` violate zero forgetting; empty if there is none."""
    faults = _interference(new) + _free_rows(new)
    if int(max(owner.max() for owner in new.activated_by)) > task:
        faults.append(f"a neuron is marked as activated by a task after {task}")
    for old_task, published in sorted(earlier.items()):
        old = published
        if old.architecture.hidden != new.architecture.hidden:
            old = widen(old, new.architecture.hidden)
        faults += _changed(new, old, old_task)
    return faults


def behaviour_faults(new: Network, old_task: int, old: Network, test_inputs: Tensor,
                     batch_size: int = CANONICAL_BATCH) -> list[str]:
    """Return how the output of ``new`` for ``old_task`` differs from that of the published network ``old``."""
    expected = canonical_logits(old, test_inputs, old_task, batch_size)
    actual = canonical_logits(new, test_inputs, old_task, batch_size)
    if old.architecture.hidden == new.architecture.hidden:
        wrong = int((_bits(expected) != _bits(actual)).any(dim=1).sum())
        return [f"{wrong} of {len(expected)} test samples of task {old_task} have different logits"] if wrong else []
    faults = []
    if not _same_network(extract(old, old_task), extract(new, old_task)):
        faults.append(f"the extracted sub-network of task {old_task} has different bits")
    scale = max(1.0, float(expected.abs().max()))
    if not bool((expected - actual).abs().max() <= WIDENED_LOGIT_TOLERANCE * scale):
        faults.append(f"logits of task {old_task} differ by more than {WIDENED_LOGIT_TOLERANCE:g} of {scale:g} "
                      "after widening")
    return faults


def _uncomparable(new: Network, task: int, earlier: Mapping[int, Network]) -> list[str]:
    """Return networks that are missing, and networks that are not the same chain of layers, widened or not."""
    faults = [f"the published network of task {old_task} is missing from the proof"
              for old_task in range(1, task) if old_task not in earlier]
    for old_task, old in sorted(earlier.items()):
        before, now = old.architecture, new.architecture
        if before.depth != now.depth or before.with_hidden(now.hidden) != now or any(
                width < earlier for width, earlier in zip(now.hidden, before.hidden, strict=True)):
            faults.append(f"task {old_task} was published with another architecture")
    return faults


def _interference(network: Network) -> list[str]:
    """Return weights through which a later or a free neuron would affect an earlier one."""
    faults = []
    for layer in range(1, network.architecture.depth):
        rows = network.activated_by[layer][:, None]
        columns = column_mask(network.architecture, layer, network.activated_by[layer - 1])[None, :]
        forbidden = (rows != FREE) & ((columns == FREE) | (columns > rows))
        count = _nonzero(network.hidden[layer].weight, forbidden)
        if count:
            faults.append(f"{count} interference weights of hidden layer {layer + 1} are not zero")
    last = network.activated_by[-1]
    for key, head in network.heads.items():
        unread = last == FREE
        if network.architecture.head is HeadKind.MULTI:
            unread = unread | (last > key)
        count = _nonzero(head.weight, column_mask(network.architecture, network.architecture.depth, unread)[None, :])
        if count:
            faults.append(f"{count} weights of head {key} read neurons that it must not read")
    return faults


def _free_rows(network: Network) -> list[str]:
    faults = []
    for layer, (rows, owner) in enumerate(zip(network.hidden, network.activated_by, strict=True), start=1):
        free = owner == FREE
        count = _nonzero(rows.weight, free[:, None]) + sum(_nonzero(values, free) for values in rows.vectors.values())
        if count:
            faults.append(f"{count} values of free neurons of hidden layer {layer} are not zero")
    return faults


def _changed(new: Network, old: Network, old_task: int) -> list[str]:
    """Return rows, biases, owners and head columns that ``old`` froze and ``new`` changed, and owners that it added."""
    faults = []
    for layer in range(old.architecture.depth):
        frozen = old.activated_by[layer] != FREE
        name = f"frozen by task {old_task} in hidden layer {layer + 1}"
        if not torch.equal(new.activated_by[layer][frozen], old.activated_by[layer][frozen]):
            faults.append(f"neurons {name} changed their owner")
        late = (new.activated_by[layer] != FREE) & (new.activated_by[layer] <= old_task) & ~frozen
        if bool(late.any()):
            faults.append(f"{int(late.sum())} neurons that were free after task {old_task} in hidden layer {layer + 1} "
                          "are marked as older")
        faults += _differing(f"weights {name}", new.hidden[layer].weight[frozen], old.hidden[layer].weight[frozen])
        for vector, values in old.hidden[layer].vectors.items():
            faults += _differing(f"{WORDS[vector]} {name}", new.hidden[layer].vectors[vector][frozen], values[frozen])
    for key, old_head in old.heads.items():
        new_head = new.heads.get(key)
        if new_head is None or (new_head.bias is None) != (old_head.bias is None):
            faults.append(f"head {key} of task {old_task} is missing")
            continue
        frozen = column_mask(old.architecture, old.architecture.depth, old.activated_by[-1] != FREE)
        faults += _differing(f"columns of head {key} frozen by task {old_task}",
                             new_head.weight[:, frozen], old_head.weight[:, frozen])
        if new_head.bias is not None and old_head.bias is not None:
            faults += _differing(f"biases of head {key} frozen by task {old_task}", new_head.bias, old_head.bias)
    return faults


def _differing(what: str, new: Tensor, old: Tensor) -> list[str]:
    count = int((_bits(new) != _bits(old)).sum())
    return [f"{count} {what} changed"] if count else []


def _nonzero(values: Tensor, where: Tensor) -> int:
    """Return how many of the selected float32 values are neither +0 nor −0, determined by their bits (denormals count).
    ``where`` selects by the first dimensions of ``values``."""
    where = where.reshape(*where.shape, *(1,) * (values.ndim - where.ndim))
    return int(((_bits(values) & 0x7FFFFFFF != 0) & where).sum())


def _bits(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.int32)


def _same_network(one: Network, other: Network) -> bool:
    left, right = one.to_tensors(), other.to_tensors()
    return left.keys() == right.keys() and all(
        left[name].shape == right[name].shape
        and torch.equal(left[name].view(torch.int32) if left[name].is_floating_point() else left[name],
                        right[name].view(torch.int32) if right[name].is_floating_point() else right[name])
        for name in left)
