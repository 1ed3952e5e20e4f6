"""The canonical evaluation: the only forward pass whose bits are compared, counted and committed.

float32, no TF32, no autocast, a fixed batch size with the last batch padded by zeros. The bits depend on these, on the number
of threads and on the widths of the layers, and on nothing else: the rows of free neurons may change.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from clnp_core.heads import task_mask
from clnp_core.layers import laid_out, output, per_neuron, pooled, respond
from clnp_core.network import FREE, Network

CANONICAL_BATCH = 1000
"""Default samples per batch."""


class Inputs(Protocol):
    """Samples that a network reads: a tensor float [samples, *input shape], or what computes its samples when they are read."""

    def __len__(self) -> int: ...

    def __getitem__(self, places: slice | Tensor, /) -> Tensor:
        """Some of them: float [places, *input shape]."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The correct predictions of one task, and a digest of the exact logits (sha256 of their float32 bytes)."""

    correct: int
    total: int
    logits_digest: str

    @property
    def accuracy(self) -> float:
        """Return the share of correct predictions."""
        return self.correct / self.total


def hidden_activations(network: Network, inputs: Tensor) -> list[Tensor]:
    """Return the activations of every hidden layer for one batch, before pooling, with free neurons set to exactly 0.

    This is necessary because not every nonlinearity maps a zero row to zero (a sigmoid gives one half).

    Args:
        network: L hidden layers.
        inputs: float [batch, *input shape].

    Returns:
        L tensors, float [batch, width], or [batch, channels, height, width] of a convolution.
    """
    outputs: list[Tensor] = []
    values = laid_out(inputs)
    for layer, rows, owner in zip(network.architecture.layers, network.hidden, network.activated_by, strict=True):
        values = respond(layer, values, rows.weight, rows.vectors)
        values = values * per_neuron((owner != FREE).to(values.dtype), values)
        outputs.append(values)
        values = pooled(layer.pool, values)
    return outputs


def logits(network: Network, inputs: Tensor, task: int) -> Tensor:
    """Return the logits of ``task`` for one batch [batch, *input shape], in evaluation mode: float [batch, classes]."""
    return logits_from(network, hidden_activations(network, inputs)[-1], task)


def logits_from(network: Network, last: Tensor, task: int) -> Tensor:
    """Return the logits of ``task`` from the activations of the last hidden layer (:func:`hidden_activations`)."""
    architecture, head, mask = network.architecture, network.head(task), task_mask(network, task)
    last = pooled(architecture.layers[-1].pool, last)
    if mask is not None:
        last = last * per_neuron(mask, last)
    return output(architecture.output, last, head.weight, head.bias)


def canonical_batches(inputs: Inputs, batch_size: int) -> Iterator[tuple[Tensor, int]]:
    """Split ``inputs`` [samples, *input shape] into zero-padded batches of exactly ``batch_size``, each with its real
    length."""
    for start in range(0, len(inputs), batch_size):
        batch = inputs[start:start + batch_size].to(torch.float32)
        real = len(batch)
        if real < batch_size:
            batch = torch.cat([batch, batch.new_zeros(batch_size - real, *batch.shape[1:])])
        yield batch, real


def logit_batches(network: Network, inputs: Inputs, task: int, batch_size: int = CANONICAL_BATCH) -> Iterator[Tensor]:
    """Yield the canonical logits of ``task``, batch by batch: float32 [≤ batch_size, classes]."""
    for batch, real in canonical_batches(inputs, batch_size):
        with torch.no_grad(), exact_float32():
            found = logits(network, batch, task)[:real]
        yield found  # outside the block, so that the caller's code runs in the caller's modes


def canonical_logits(network: Network, inputs: Tensor, task: int, batch_size: int = CANONICAL_BATCH) -> Tensor:
    """Return the canonical logits of ``task`` for all samples: float32 [samples, classes]."""
    return torch.cat(list(logit_batches(network, inputs, task, batch_size)))


def evaluate(network: Network, inputs: Tensor, labels: Tensor, task: int,
             batch_size: int = CANONICAL_BATCH) -> Evaluation:
    """Count the correct predictions of ``task`` under the canonical evaluation.

    A sample is correct if the first of its largest logits is its label; NaN logits are never correct.

    Args:
        network: the network, with ``task`` already learnt.
        inputs: float [samples, *input shape].
        labels: int64 [samples].
        task: counted from 1.
        batch_size: the bits of the result depend on it.
    """
    digest = hashlib.sha256()
    correct = 0
    for start, found in enumerate(logit_batches(network, inputs, task, batch_size)):
        own = labels[start * batch_size:start * batch_size + len(found)]
        correct += count_correct(found, own)
        digest.update(found.cpu().contiguous().numpy().tobytes())
    return Evaluation(correct, len(inputs), digest.hexdigest())


def correct_predictions(network: Network, inputs: Tensor, labels: Tensor, task: int,
                        batch_size: int = CANONICAL_BATCH) -> int:
    """Return the count of :func:`evaluate` without the digest, with a single transfer from a GPU."""
    counts = [_hits(found, labels[start * batch_size:start * batch_size + len(found)]).sum()
              for start, found in enumerate(logit_batches(network, inputs, task, batch_size))]
    return int(torch.stack(counts).sum()) if counts else 0


def count_correct(logits: Tensor, labels: Tensor) -> int:
    """Return the number of samples whose first largest logit is their label: logits float [n, classes], labels int64 [n]."""
    return int(_hits(logits, labels).sum())


def _hits(logits: Tensor, labels: Tensor) -> Tensor:
    """bool [n]."""
    return (logits.argmax(dim=1) == labels) & ~logits.isnan().any(dim=1)


@contextmanager
def exact_float32() -> Iterator[None]:
    """Compute full float32 products and convolutions in this block, with deterministic algorithms and without autocast,
    regardless of the settings of the process."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with (torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False),
              torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
